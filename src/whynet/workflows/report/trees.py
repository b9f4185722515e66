"""The page of decision trees: of each class the modes of decision, how true they are, and paths of a few pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from markupsafe import Markup
from torch import Tensor

import whynet
from whynet.attribution.overlay import resized
from whynet.base.files import write_text_atomically
from whynet.base.image import to_data_uri
from whynet.base.progress import track
from whynet.base.seeding import generator
from whynet.data.example import ExampleDataset
from whynet.models.subject import Subject
from whynet.structures.decision_tree import LEVELS, ParsePath
from whynet.workflows.decision_trees.growing import TreeOfClass
from whynet.workflows.decision_trees.run_trees import TreesOfRun
from whynet.workflows.decision_trees.tables import COLUMNS, ONE_MODE, READING, TITLES, level_lines
from whynet.workflows.picture_batches import PictureBatches
from whynet.workflows.report.page import link_to_report, refresh_report
from whynet.workflows.report.rendering import rendered
from whynet.workflows.report.tree_drawing import bar, colours, drawing
from whynet.workflows.report.tree_modes import modes, shares
from whynet.workflows.run import TREES_PAGE
from whynet.workflows.settings import DATA_TITLES, TrainSettings

NUM_PATHS = 3
"""Test pictures of a class whose paths are shown."""
SIDE = 124
"""Pixels of a picture's longer side."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a path says in one layer of the tree."""

    layer: str
    logit: str
    bias: str
    bar: Markup


@dataclass(frozen=True, kw_only=True)
class PathOfPicture:
    """How the tree explains one test picture, from rough to exact."""

    picture: str
    name: str
    logit: str
    steps: list[Step]
    like: str
    like_name: str


@dataclass(frozen=True, kw_only=True)
class ClassTree:
    """What the page shows of one class."""

    name: str
    number: int
    told: str
    drawing: Markup
    legend: list[tuple[str, str]]
    table: list[list[str]]
    paths: list[PathOfPicture]


@dataclass(frozen=True, kw_only=True)
class TreePage:
    """All that the page shows."""

    run: str
    version: str
    report: str
    data: str
    layer: str
    columns: list[str]
    reading: str
    table: list[list[str]]
    classes: list[ClassTree]


def report_trees(found: TreesOfRun, *, skip_bad: bool = False) -> Path:
    """Write `tree.html` and, where the run has a report, the report again, which then links to it.

    Args:
        found: What `trees_of_run` returned.
        skip_bad: Leave out pictures that cannot be used, as where the trees were grown.

    Returns:
        The page's path.
    """
    run = found.run
    page = TreePage(
        run=str(run.folder), version=whynet.__version__, report=link_to_report(run),
        data=DATA_TITLES[TrainSettings.from_json(run.settings).data.name], layer=found.trees[0].tree.layer,
        columns=COLUMNS, reading=READING, table=level_lines(found.trees),
        classes=[_class_tree(found, own) for own in track(found.trees, "Drawing trees")],
    )  # fmt: skip
    path = run.folder / TREES_PAGE
    write_text_atomically(path, rendered("tree.html.jinja", "report.css", "tree.css", page=page))
    refresh_report(run, skip_bad=skip_bad)
    return path


def _class_tree(found: TreesOfRun, own: TreeOfClass) -> ClassTree:
    tree = own.tree
    shown = modes(tree, tree.read(found.subject, PictureBatches(found.subject, own.fitted)), own.parts)
    palette = colours(sorted(own.parts))
    pictures = {row: _tile(own.fitted, row, SIDE) for mode in shown if not mode.children for row in mode.pictures}
    used = {share.part for mode in shown for share in mode.shares}
    count, ends = len(tree.image_names), [mode for mode in shown if not mode.children]
    covered = sum(mode.num_pictures for mode in ends)
    return ClassTree(
        name=tree.class_name, number=tree.class_index,
        told=f"{count} training {'picture' if count == 1 else 'pictures'} that the network recognises, in "
        f"{tree.depth} layers; the drawing stops at {len(ends)} modes"
        + (f", the largest, with {covered} of the pictures." if covered < count else ".")
        + (f" {ONE_MODE}" if tree.has_one_mode else ""),
        drawing=Markup(drawing(shown, pictures, palette, title=f"Modes of decision for {tree.class_name}")),  # noqa: S704
        legend=[(name, colour) for name, colour in palette.items() if name in used],
        table=level_lines([own]), paths=_paths(found.subject, own, palette),
    )  # fmt: skip


def _paths(subject: Subject, own: TreeOfClass, palette: Mapping[str, str]) -> list[PathOfPicture]:
    """Of a few pictures, drawn at random so that none is chosen for being well explained; always the same."""
    drawn = torch.randperm(len(own.test), generator=generator(0, "paths"))[:NUM_PATHS]
    rows: list[int] = sorted(drawn.tolist())
    paths = own.tree.parse(subject, PictureBatches(subject, own.test.subset(rows))) if rows else []
    return [_path(own, row, path, palette) for row, path in zip(rows, paths, strict=True)]


def _path(own: TreeOfClass, row: int, path: ParsePath, palette: Mapping[str, str]) -> PathOfPicture:
    most = max(float(own.abs().sum()) for own in (path.actual, *map(path.contributions_at, LEVELS.values())))
    steps = [
        _step(
            TITLES[key],
            path.contributions_at(level),
            float(path.predictions[path.place(level)]),
            most,
            own.parts,
            palette,
        )
        for key, level in LEVELS.items()
    ]
    steps.append(_step("the network", path.actual, path.output, most, own.parts, palette))
    leaf = path.nodes[-1]
    return PathOfPicture(
        picture=_tile(own.test, row, SIDE), name=own.test.names[row], logit=f"{path.output:.1f}", steps=steps,
        like=_tile(own.fitted, leaf, SIDE), like_name=own.fitted.names[leaf],
    )  # fmt: skip


def _step(
    layer: str,
    contributions: Float[Tensor, " filters"],
    logit: float,
    most: float,
    parts: Mapping[str, Sequence[int]],
    palette: Mapping[str, str],
) -> Step:
    """A layer's filters on the scale of the path's largest sum; what its logit has beyond them is bias."""
    told = shares(contributions, parts, total=most)
    bias = logit - float(contributions.sum())
    drawn = Markup(bar(told, palette))  # noqa: S704 (ours, and it escapes names)
    return Step(layer=layer, logit=f"{logit:.1f}", bias=f"{bias:+.1f}", bar=drawn)


def _tile(examples: ExampleDataset, row: int, side: int) -> str:
    return to_data_uri(resized(examples[row].image, side), form="jpeg")
