"""`whynet concepts`: a trained network in, the x-features of its classes out, with names and figures."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from whynet.attribution.x_features import x_feature_maps
from whynet.base.errors import RunError, SettingError, SubjectError
from whynet.base.progress import track
from whynet.base.seeding import seeded
from whynet.data.example import digest_of
from whynet.metrics.stability import MatchedFeatures, matched_features
from whynet.models.convnet import ConvNet
from whynet.models.saved_subject import load_subject
from whynet.models.srae import ExplanationModule
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.training.srae import Wanted, check_wanted, train_modules
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.class_folders import class_folder, wanted_classes
from whynet.workflows.concepts.figures import faithfulness_of_both, map_figures
from whynet.workflows.concepts.names import Suggestion, strongest_rows, suggested_name
from whynet.workflows.concepts.parts import region_names, shown_parts
from whynet.workflows.concepts.readings import ExplainedLayer, Readings, tell_of_negatives
from whynet.workflows.concepts.request import OWN_LAYER, ConceptRequest
from whynet.workflows.concepts.saved import ClassConcepts, Concept, load_concepts, save_concepts
from whynet.workflows.concepts.x_features import XFeatures
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.phase_one import check_classes
from whynet.workflows.run import CLASSIFIER, CONCEPTS, Run
from whynet.workflows.settings import TrainSettings

MEMORY_BYTES = 2 << 30
"""What the modules that are trained together may take; more classes are trained in several rounds."""


def find_concepts(
    run: Run,
    request: ConceptRequest,
    *,
    device: str = "auto",
    skip_bad: bool = False,
    allow: str | None = None,
    cache: FeatureCache | None = None,
    memory_bytes: int = MEMORY_BYTES,
    progress: bool = True,
) -> list[ClassConcepts]:
    """Find the x-features of classes and keep them in the run; classes that are there already, just so, are kept.

    Just so is: at these layers, with these settings, for these weights and of the same pictures (their annotations
    aside, as in `ExampleDataset.fingerprint`).

    Args:
        run: Holds a trained classifier, or the user's own network.
        request: Of which classes, at which layer, and how.
        device: Where to compute.
        skip_bad: Leave out pictures that cannot be used.
        allow: "package.module:function" that may run, where the run explains the user's own network.
        cache: Where readings are kept; by default the user's own.
        memory_bytes: What the modules that are trained together may take.
        progress: Whether progress bars are shown.

    Returns:
        The concepts of each class asked for, in the order of the classes.

    Raises:
        RunError: The run has no classifier.
        SubjectError: A layer does not exist, is dead, or leads nowhere.
        SettingError: A class is unknown.
        DataError: A class has too few pictures, or a constant logit.
        TrainingError: The loss became NaN.
    """
    run.check_classifier()
    hardware = Hardware(device=device)
    subject = load_subject(run.folder / CLASSIFIER, function=allow, option="--allow").to(hardware.torch_device())
    splits = open_data(TrainSettings.from_json(run.settings).data, skip_bad=skip_bad)
    check_classes(f"{run.folder}", subject, splits.train.class_names)
    classes = wanted_classes(subject, request.where.classes)
    layer = explained_layer_name(subject, request.where.layer)
    explained = ExplainedLayer.of(subject, layer, splits.train, map_layer=request.where.map_layer)
    network = weights_fingerprint(subject.network)
    data = digest_of(splits.train.fingerprint(), splits.test.fingerprint())
    kept = {index: own for index in classes if (own := _kept(run, index, request, explained, network, data))}
    missing = [index for index in classes if index not in kept]
    if missing:
        cache = cache or FeatureCache()
        train, test = explained.read(splits.train, cache), explained.read(splits.test, cache)
        tell_of_negatives(layer, train.activations)
        with run.stage(CONCEPTS) as checkpoints:
            finding = _Finding(checkpoints, explained, splits, network, data, train, test, request, hardware, progress)
            finding.check(missing)
            for chunk in chunks(missing, train.activations.shape[1], request, memory_bytes):
                for own in finding.find(chunk):
                    save_concepts(run, subject, own)
                    kept[own.class_index] = own
    return [kept[index] for index in classes]


def explained_layer_name(subject: Subject, layer: str | None) -> str:
    """The layer that was asked for, or our own convnet's."""
    if layer is not None:
        return layer
    if isinstance(subject.network, ConvNet):
        return OWN_LAYER
    raise SubjectError(
        f"--layer is needed: which layer of {subject.name} shall be explained, by its dotted name; its first fully "
        f"connected layer after a ReLU is a good one, and its layers are {', '.join(subject.layer_names[-12:])}"
    )


def chunks(classes: Sequence[int], entries: int, request: ConceptRequest, memory_bytes: int) -> list[list[int]]:
    """Classes whose modules fit into memory together: weights, gradients and Adam's two moments, and a batch."""
    sizes = (entries, *request.module.sizes, request.module.num_features)
    encoder = sum(a * b for a, b in pairwise(sizes))
    weights = encoder + (encoder if request.module.mirrored else request.module.num_features * entries)
    batch = 4 * request.fit.batch_size * (sum(sizes[1:]) + 1) + 2 * (request.module.num_features + 1) * entries
    each = 4 * (4 * weights + batch)
    count = max(1, memory_bytes // each)
    return [list(classes[start : start + count]) for start in range(0, len(classes), count)]


def _kept(
    run: Run, index: int, request: ConceptRequest, explained: ExplainedLayer, network: str, data: str
) -> ClassConcepts | None:
    """The concepts of a class that are there, if they were made just so, of these pictures, for this network."""
    folder = class_folder(run, CONCEPTS, index, explained.subject.class_names[index])
    try:
        own = load_concepts(folder, explained.subject, fingerprint=network)
    except RunError:
        return None  # absent, damaged, or of a network that is no longer there: made again
    made = own.settings, own.layer, own.map_layer, own.data
    return own if made == (request.to_json(), explained.layer, explained.map_layer, data) else None


class _Finding(NamedTuple):
    """One request at work."""

    checkpoints: Path
    explained: ExplainedLayer
    splits: Splits
    network: str
    data: str
    train: Readings
    test: Readings
    request: ConceptRequest
    hardware: Hardware
    progress: bool

    def check(self, classes: Sequence[int]) -> None:
        """Refuse what cannot be trained before anything is: `train_modules` would tell it at its own round."""
        for index in classes:
            check_wanted(self._wanted(index, self.request.where.seed))
        if self.request.module.num_features > self.train.activations.shape[1]:
            raise SettingError(
                f"{self.request.module.num_features} x-features of a layer of {self.train.activations.shape[1]} "
                "entries explain nothing; ask for fewer"
            )
        self._check_maps()

    def _check_maps(self) -> None:
        """One heat map of one picture, of anything that is read off Z: raises `SubjectError` where there is no way."""
        with seeded(0, "check of maps"):
            anything = nn.Linear(self.train.activations.shape[1], 1).to(self.explained.subject.device)
        x_feature_maps(
            self.explained.subject, self.explained.preprocessed(self.train.examples, [0]), layer=self.explained.layer,
            map_layer=self.explained.map_layer, encoder=anything, units=[0],
        )  # fmt: skip

    def find(self, classes: Sequence[int]) -> list[ClassConcepts]:
        """The concepts of some classes, trained together from each seed."""
        seeds = [self.request.where.seed + number for number in range(self.request.where.seeds)]
        by_seed = [self._trained(classes, seed) for seed in seeds]
        mine = [XFeatures.of_module(module, index) for module, index in zip(by_seed[0], classes, strict=True)]
        figures = faithfulness_of_both(mine, self.train, self.test)
        found = []
        for place in track(range(len(classes)), "Measuring x-features"):
            others = [modules[place] for modules in by_seed[1:]]
            found.append(self._described(by_seed[0][place], others, mine[place], figures[place]))
        return found

    def _wanted(self, index: int, seed: int) -> Wanted:
        return self.explained.wanted(self.train, index, self.request.module, seed=seed)

    def _trained(self, classes: Sequence[int], seed: int) -> list[ExplanationModule]:
        said = digest_of(list(classes), self.explained.layer, self.request.to_json(), seed, self.network, self.data)
        folder = self.checkpoints / said[:16]
        context = FitContext(folder=folder, seed=seed, hardware=self.hardware, progress=self.progress)
        wanted = [self._wanted(index, seed) for index in classes]
        return [one.module for one in train_modules(self.train.activations, wanted, self.request.fit, context)]

    def _described(
        self, module: ExplanationModule, others: Sequence[ExplanationModule], mine: XFeatures, figures: dict[str, float]
    ) -> ClassConcepts:
        index, subject = mine.class_index, self.explained.subject
        rows = self.test.rows_of(index)
        if rows:
            maps = mine.maps(self.explained, self.test, rows)
            parts = shown_parts(subject, self.test.examples, rows)
            figures = figures | map_figures(maps, parts)
        own = self.train.rows_of(index)
        contributions = mine.contributions(self.train.activations[own])
        matched = _matched(module, others, self.train.activations[own])
        stability = torch.stack([one.correlations for one in matched]).mean(0) if matched else None
        if stability is not None:
            figures["stability"] = float(stability.mean())
            if module.num_features > 1:
                figures["stability_floor"] = sum(one.unmatched for one in matched) / len(matched)
        names = self._names(mine, own, contributions)
        concepts = tuple(
            Concept(
                number=number, weight=float(mine.weights[number]), contribution=float(contributions[:, number].mean()),
                suggestion=names[number], stability=None if stability is None else float(stability[number]),
            )
            for number in range(module.num_features)
        )  # fmt: skip
        return ClassConcepts(
            class_index=index, class_name=subject.class_names[index], layer=self.explained.layer,
            map_layer=self.explained.map_layer, data=self.data, module=module, concepts=concepts, figures=figures,
            settings=self.request.to_json(),
        )  # fmt: skip

    def _names(self, mine: XFeatures, rows: list[int], contributions: torch.Tensor) -> list[Suggestion | None]:
        """A suggested name for each x-feature, from the training pictures of the class where it is strong."""
        examples = self.train.examples
        names = region_names(examples, self.splits.whole_parts)
        found: list[Suggestion | None] = []
        for number in range(contributions.shape[1]):
            strong = [rows[place] for place in strongest_rows(contributions[:, number])]
            parts = shown_parts(self.explained.subject, examples, strong)
            if parts is None:
                found.append(None)
                continue
            shown = [strong[place] for place in parts.places]
            one = replace(mine, units=(mine.units[number],), weights=mine.weights[[number]])
            mains = parts.main_parts(one.maps(self.explained, self.train, shown), names)
            claims = [examples[row].attributes for row in shown]
            found.append(suggested_name([main[0] for main in mains], claims, self.splits.part_of_claim))
        return found


def _matched(
    module: ExplanationModule, others: Sequence[ExplanationModule], activations: torch.Tensor
) -> list[MatchedFeatures]:
    """The x-features that other seeds have in the place of these."""
    with torch.no_grad():
        mine = module.encoder(activations)
        return [matched_features(mine, other.encoder(activations)) for other in others]
