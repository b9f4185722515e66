"""`whynet probe`: do adversarial images change the explanations as they change the class?

The survey of interpretability closes with the question whether interpretable models do anything against images that
are made to fool a network. Test pictures that the network recognises are changed by noise, FGSM and PGD of one size
(`attribution.adversarial_images`); of each explanation that the run has it is told how much it changes:

    class       share of pictures whose class changes
    sentence    share whose sentence changes, and mean share of its words that are new or gone (Jaccard distance)
    concepts    mean of ||c' - c|| / ||c||, c the contributions of the x-features of the class it was
    tree        mean share of the way down the tree of the class it was that is left (1 - common beginning / length)
    nodes       mean share of the surest nodes found, of the graph of the class it was, that give place to others
    places      mean distance that these nodes move, as a share of the image's diagonal (`graph.changes`)

An explanation that changes no more under an attack than under noise, while the class changes, explains something else
than the decision; one that changes with it shows the attack.
"""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from whynet.attribution.adversarial_images import fgsm, pgd, sign_noise
from whynet.base.errors import DataError, SettingError
from whynet.base.progress import track
from whynet.base.seeding import generator
from whynet.base.types import Images, Labels
from whynet.data.example import ExampleDataset
from whynet.models.subject import Subject
from whynet.structures.decision_tree import ParsePath
from whynet.workflows.catalogue import open_data
from whynet.workflows.explainer import Explainer, Sentence
from whynet.workflows.graph.changes import mean_move, share_left
from whynet.workflows.graph.explaining import NodesInImage
from whynet.workflows.graph.saved import saved_graphs
from whynet.workflows.phase_one import check_classes
from whynet.workflows.picture_batches import PictureBatches
from whynet.workflows.run import PROBE, TREES, Run

KINDS = ("noise", "FGSM", "PGD")
TITLES = {
    "class": "class changes, %", "logit": "logit falls by", "sentence": "sentence changes, %",
    "words": "words new or gone, %", "concepts": "x-features change by, %", "tree": "way down the tree left, %",
    "nodes": "surest nodes change, %", "places": "nodes move by, % of diagonal",
}  # fmt: skip


def probe_run(
    run: Run | str | Path,
    *,
    levels: float = 2.0,
    steps: int = 10,
    pictures: int = 200,
    seed: int = 0,
    skip_bad: bool = False,
    device: str = "auto",
    allow: str | None = None,
) -> dict[str, Any]:
    """Change test pictures of a run and see what its explanations make of it; writes `probe.json`.

    Args:
        run: A run, or its folder.
        levels: By how many of the 255 levels from black to white each value may change.
        steps: Of PGD.
        pictures: At most so many, drawn at random among those that the network recognises.
        seed: Of the draw, of the noise, and of PGD's beginning.
        skip_bad: Leave out pictures that cannot be used.
        device: Where to compute.
        allow: "package.module:function" that may run, where the run explains the user's own network.

    Returns:
        `levels`, `pictures`, `accuracy`, and `rows`: for each kind of change its figures, by the keys of `TITLES`.

    Raises:
        SettingError: There is no picture or step, or the levels are not above 0 and at most 255.
        DataError: The network recognises no test picture.
        RunError: The run is absent, damaged or not trained.
    """
    if pictures < 1 or not 0 < levels <= 255:
        raise SettingError(
            f"at least one picture, and levels above 0 and at most 255, were expected, not {pictures} and {levels}"
        )
    explainer = Explainer(run, device=device, allow=allow)
    test = open_data(explainer.settings.data, skip_bad=skip_bad).test
    check_classes(f"{explainer.run.folder}", explainer.subject, test.class_names)
    recognised = _recognised(explainer.subject, test)
    if not recognised:
        raise DataError(
            f"the network recognises none of {len(test)} test pictures, so there is nothing to fool; train it longer"
        )
    drawn = torch.randperm(len(recognised), generator=generator(seed, "probe")).tolist()[:pictures]
    chosen = test.subset(sorted(recognised[place] for place in drawn))
    found: dict[str, dict[str, list[float]]] = {kind: {} for kind in KINDS}
    batches = PictureBatches(explainer.subject, chosen)
    for number, images in enumerate(track(batches, "Probing")):
        classes = explainer.subject.logits(images).argmax(1)
        before = _Told(explainer, images, classes)
        for kind, own in found.items():
            changed = _changed(kind, explainer.subject, images, classes, levels / 255, steps, seed + number)
            for key, values in before.changes(_Told(explainer, changed, classes)).items():
                own.setdefault(key, []).extend(values)
    result = {
        "levels": levels, "steps": steps, "seed": seed, "pictures": len(chosen),
        "accuracy": len(recognised) / len(test),
        "rows": [
            {"name": kind, **{key: fmean(values) for key, values in own.items() if values}}
            for kind, own in found.items()
        ],
    }  # fmt: skip
    explainer.run.write(PROBE, result)
    return result


def _changed(
    kind: str, subject: Subject, images: Images, classes: Labels, epsilon: float, steps: int, seed: int
) -> Images:
    if kind == "noise":
        return sign_noise(subject, images, epsilon=epsilon, seed=seed)
    if kind == "FGSM":
        return fgsm(subject, images, classes, epsilon=epsilon)
    return pgd(subject, images, classes, epsilon=epsilon, steps=steps, seed=seed)


def _recognised(subject: Subject, test: ExampleDataset) -> list[int]:
    batches = track(PictureBatches(subject, test), "Classifying")
    predicted = torch.cat([subject.logits(batch).argmax(1).cpu() for batch in batches])
    return (predicted == torch.tensor(list(test.labels))).nonzero()[:, 0].tolist()


class _Told:
    """What a run tells of images: of the class that they were, before they were changed."""

    def __init__(self, explainer: Explainer, images: Images, classes: Labels) -> None:
        self.classes = classes.tolist()
        readings, logits = explainer.introspection.read(images)
        self.predicted = logits.argmax(1).tolist()
        self.logits = logits.gather(1, classes[:, None].to(logits.device))[:, 0].tolist()
        self.sentences: list[Sentence | None] = explainer.sentences(explainer.conditioned(readings, logits))
        self.concepts: list[Tensor | None] = [None] * len(images)
        self.paths: list[ParsePath | None] = [None] * len(images)
        self.nodes: list[NodesInImage | None] = [None] * len(images)
        has_trees, has_graphs = (explainer.run.folder / TREES).is_dir(), bool(saved_graphs(explainer.run))
        for index in sorted(set(self.classes)):
            rows = [row for row, own in enumerate(self.classes) if own == index]
            if index in explainer.concepts.classes:
                for row, added in zip(rows, explainer.concepts.contributions(index, images[rows]), strict=True):
                    self.concepts[row] = added
            paths = explainer.trees.paths(index, images[rows]) if has_trees else None
            for row, path in zip(rows, paths or [], strict=paths is not None):
                self.paths[row] = path
            nodes = explainer.graphs.found(index, images[rows]) if has_graphs else None
            for row, found in zip(rows, nodes or [], strict=nodes is not None):
                self.nodes[row] = found

    def changes(self, after: "_Told") -> dict[str, list[float]]:
        """How much has changed, image by image, for what the run can tell."""
        found: dict[str, list[float]] = {key: [] for key in TITLES}
        for row in range(len(self.classes)):
            found["class"].append(float(self.predicted[row] != after.predicted[row]))
            found["logit"].append(self.logits[row] - after.logits[row])
            one, other = self.sentences[row], after.sentences[row]
            if one is not None and other is not None:
                found["sentence"].append(float(one.text != other.text))
                words, others = ({word.text for word in own.words} for own in (one, other))
                found["words"].append(1 - len(words & others) / max(len(words | others), 1))
            was, now = self.concepts[row], after.concepts[row]
            if was is not None and now is not None and bool(was.any()):
                found["concepts"].append(float((now - was).norm() / was.norm()))
            way, new_way = self.paths[row], after.paths[row]
            if way is not None and new_way is not None:
                found["tree"].append(1 - _common(way.nodes, new_way.nodes) / len(way.nodes))
            nodes, new_nodes = self.nodes[row], after.nodes[row]
            if nodes is not None and new_nodes is not None:
                for key, change in (("nodes", share_left(nodes, new_nodes)), ("places", mean_move(nodes, new_nodes))):
                    found[key] += [] if change is None else [change]
        return found


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """How many nodes two ways down have in common from the top."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def probe_lines(result: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Columns, and a row for each kind of change; shares in percent."""
    keys = [key for key in TITLES if any(key in row for row in result["rows"])]

    def told(row: Mapping[str, Any], key: str) -> str:
        if key not in row:
            return "-"
        return f"{row[key]:.1f}" if key == "logit" else f"{100 * row[key]:.1f}"

    rows = [[row["name"], *(told(row, key) for key in keys)] for row in result["rows"]]
    return ["", *(TITLES[key] for key in keys)], rows
