"""How interpretable a layer's filters are: part interpretability, location instability, dissection, ownership.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, section 5.2, on the test pictures, which are passed through the network twice:
once for each filter's threshold and category, and once for its parts. Memory does not grow with the pictures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from whynet.base.errors import DataError, SettingError, SubjectError
from whynet.base.progress import track
from whynet.base.types import Labels, Logits
from whynet.data.example import Example, ExampleDataset
from whynet.metrics.dissection import Dissection
from whynet.metrics.filter_activity import FilterActivity, FilterActivityFigures
from whynet.metrics.location_instability import LocationInstability
from whynet.metrics.part_interpretability import PartInterpretability, discs
from whynet.metrics.quantile_sketch import QuantileSketch
from whynet.models.interpretable_conv import interpretable_layers
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.filters.geometry import UnitGeometry, unit_geometry
from whynet.workflows.filters.layer_pictures import LayerPictures
from whynet.workflows.reading import BATCH_SIZE
from whynet.workflows.seen_parts import landmarks_of, part_masks, without_side

MIN_IMAGES = 10
"""Of two pictures that lie close by chance a filter has no deviation; of fewer than these none is told."""
MOST_CELLS = 64
"""Sides of the grid on which regions and parts are compared, at most."""
NUM_CALIBRATED = 64
"""Pictures among which the strongest are covered to measure receptive fields."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredFilters:
    """What was measured of a layer's filters.

    Args:
        layer: Its dotted name.
        figures: By the keys of the results files.
        filters: One record a filter: category, part, and its own figures, as JSON takes them.
        geometry: Of its units.
        examples: The pictures that were looked at.
    """

    layer: str
    figures: dict[str, float]
    filters: list[dict[str, Any]]
    geometry: UnitGeometry
    examples: ExampleDataset


def filters_layer(subject: Subject, layer: str | None = None) -> str:
    """The layer whose filters are meant: the given one, else the interpretable one, else our networks' top layer.

    Raises:
        SubjectError: The network is none of ours, and no layer is named.
    """
    if layer is not None:
        return layer
    own = [*interpretable_layers(subject.network), *filter(None, [getattr(subject.network, "top_layer", None)])]
    if not own:
        raise SubjectError(
            f"--layer is needed for {subject.name}: its top convolution's ReLU, or the block that ends in it, by its "
            f"dotted name; its layers are {', '.join(subject.layer_names[-12:])}"
        )
    return str(own[0])


def measure_filters(
    subject: Subject,
    layer: str,
    examples: ExampleDataset,
    landmarks: Sequence[str],
    *,
    num_categories: int | None = None,
    fields_of: Subject | None = None,
) -> MeasuredFilters:
    """Measure the filters of a layer on some pictures.

    Args:
        subject: The network; its preprocessing says what of a picture it shows.
        layer: Of maps.
        examples: The pictures, with parts.
        landmarks: Names of the parts from which filters must not wander.
        num_categories: Of the first so many classes alone pictures are looked at; None: all. A single-category task has
            1: the others belong to no one category.
        fields_of: Whose receptive fields, of its own top layer, all networks have that are to be compared: larger ones
            overlap with parts more easily. None: this one's.

    Raises:
        SubjectError: The layer has no maps, or no filter fires.
        DataError: There is no picture of the classes.
        SettingError: The preprocessing is the user's own, or the data have no parts.
    """
    if not isinstance(subject.preprocess, Preprocessing):
        raise SettingError(
            "parts can be followed through a whynet Preprocessing alone, which says what of a picture it shows; give "
            "the subject one"
        )
    if not examples.part_names or not landmarks:
        raise SettingError(
            "filters are measured against parts, but the data set knows none; take one with points, boxes or masks of "
            "parts"
        )
    count = len(subject.class_names) if num_categories is None else num_categories
    rows = [row for row, label in enumerate(examples.labels) if label < count]
    if not rows:
        raise DataError(
            f"filters are measured on pictures of {', '.join(subject.class_names[: min(count, 3)])}, but none of the "
            f"{len(examples)} pictures is one; add some"
        )
    pictures = LayerPictures(subject, layer, examples.subset(rows))
    activity, thresholds = _first_pass(pictures, count)
    if bool(activity.dead.all()):
        raise SubjectError(
            f"no filter of layer {layer!r} fires in any picture, so none can be measured; train it first"
        )
    some = pictures.some(NUM_CALIBRATED)
    geometry = unit_geometry(subject, layer, some)
    if fields_of is not None:
        geometry = geometry.as_large_as(unit_geometry(fields_of, filters_layer(fields_of), some))
    return _second_pass(pictures, layer, count, landmarks, activity, thresholds, geometry)


def logits_and_labels(subject: Subject, examples: ExampleDataset) -> tuple[Logits, Labels]:
    """The logits and the true class of each picture, on the CPU."""
    found = []
    for start in track(range(0, len(examples), BATCH_SIZE), "Classifying"):
        rows = range(start, min(start + BATCH_SIZE, len(examples)))
        found.append(subject.logits(subject.preprocess([examples[row].image for row in rows])).cpu())
    return torch.cat(found), torch.tensor(list(examples.labels))


def _first_pass(pictures: LayerPictures, count: int) -> tuple[FilterActivityFigures, Float[Tensor, " filters"]]:
    """What each filter fires for, and above which value it is said to fire."""
    sketch: QuantileSketch | None = None
    activity: FilterActivity | None = None
    for _, maps, labels in pictures.batches("Measuring activations"):
        if sketch is None or activity is None:
            sketch = QuantileSketch(maps.shape[1])
            activity = FilterActivity(maps.shape[1], count, assigned=pictures.trained_categories(count))
        sketch.update(maps)
        activity.update(maps, labels)
    assert sketch is not None
    assert activity is not None
    return activity.compute(), sketch.compute().thresholds


def _second_pass(
    pictures: LayerPictures,
    layer: str,
    count: int,
    landmarks: Sequence[str],
    activity: FilterActivityFigures,
    thresholds: Float[Tensor, " filters"],
    geometry: UnitGeometry,
) -> MeasuredFilters:
    number, size = len(thresholds), (pictures.preprocess.height, pictures.preprocess.width)
    grid = min(size[0], MOST_CELLS), min(size[1], MOST_CELLS)
    names = whole_parts(pictures.examples.part_names, pictures.examples.counted_with)
    fields = discs(geometry.centres, geometry.radius, size, grid)
    parts = PartInterpretability(number, len(names), thresholds)
    dissection = Dissection(number, len(names), thresholds)
    instability = LocationInstability(
        number, len(landmarks), count, size=size, min_images=MIN_IMAGES, assigned=activity.category
    )
    for examples, maps, labels in pictures.batches("Measuring parts"):
        masks, present = _masks(pictures, examples, grid, names)
        points = [landmarks_of(pictures.preprocess, one, pictures.examples.part_names, landmarks) for one in examples]
        seen = torch.stack([torch.from_numpy(own) for own in points]).float()[..., [1, 0, 2]]  # row, column, visible
        parts.update(maps, masks, present, fields, labels[:, None] == activity.category)
        dissection.update(maps, masks, present)
        instability.update(maps, geometry.centres, seen, labels)
    of_parts, dissected, wandering = parts.compute(), dissection.compute(), instability.compute()
    figures = {
        "part_interpretability": of_parts.part_interpretability,
        "location_instability": wandering.location_instability,
        "constant_centre": wandering.constant_centre,
        "lowest_constant_centre": _mean_of_lowest(wandering.centre_per_category),
        "assigned_instability": wandering.assigned_instability,
        "assigned_constant_centre": wandering.assigned_constant_centre,
        "unique_detectors": float(dissected.unique_detectors),
        "detectors": float(dissected.detectors),
        "classes_with_filters": float(activity.classes_with_filters_share),
        "trained_category": _agreement(pictures.trained_categories(count), activity.category),
        "dead": float(activity.num_dead),
        "silent": float(wandering.blank.sum()) / (number * len(pictures.examples)),
        "without_part": float(of_parts.left_out),
        "without_instability": float(wandering.left_out),
        "num_filters": float(number),
        "radius": geometry.radius / math.hypot(*size),
        "radius_is_least": float(geometry.is_least),
        "own_radius": geometry.own_radius / math.hypot(*size),
    }
    # In the category that is told beside it; the figure of the layer takes each filter's steadiest, as in the paper.
    own = activity.category.clamp_min(0)[:, None]
    steady = wandering.per_category.gather(1, own)[:, 0].masked_fill(activity.category < 0, math.nan)
    filters = [
        {
            "filter": place,
            "category": int(activity.category[place]),
            "part": _name(names, int(of_parts.part[place])) if of_parts.score[place] > 0 else None,
            "part_interpretability": _finite(float(of_parts.score[place])),
            "location_instability": _finite(float(steady[place])),
            "detects": _name(names, int(dissected.part[place])) if bool(dissected.is_detector[place]) else None,
        }
        for place in range(number)
    ]
    known = {key: value for key, value in figures.items() if value is not None and math.isfinite(value)}
    return MeasuredFilters(layer=layer, figures=known, filters=filters, geometry=geometry, examples=pictures.examples)


def _mean_of_lowest(per_category: Float[Tensor, "filters categories"]) -> float:
    """Each row's lowest figure, on average over those that have one."""
    lowest = per_category.nan_to_num(nan=math.inf).amin(1)
    return float(lowest[lowest.isfinite()].mean())


def _agreement(trained: Int[Tensor, " filters"] | None, found: Int[Tensor, " filters"]) -> float | None:
    """Share of the filters that fire most for the category they were trained to stand for; None without training."""
    return None if trained is None else float((trained == found).float().mean())


def whole_parts(
    part_names: Sequence[str], counted_with: Mapping[str, str] = MappingProxyType({})
) -> dict[str, list[int]]:
    """The parts by name, a left and a right one alike, since a filter that sees one sees the other in a mirror.

    Args:
        part_names: Of a data set.
        counted_with: Parts that count with another, by name.
    """
    found: dict[str, list[int]] = {}
    for place, name in enumerate(part_names):
        found.setdefault(without_side(counted_with.get(name, name)), []).append(place)
    return found


def _masks(
    pictures: LayerPictures, examples: Sequence[Example], grid: tuple[int, int], names: dict[str, list[int]]
) -> tuple[Bool[Tensor, "batch parts height width"], Bool[Tensor, "batch parts"]]:
    num_parts = len(pictures.examples.part_names)
    found = [part_masks(pictures.preprocess, one, num_parts, *grid) for one in examples]
    masks = torch.stack([own for own, _ in found])
    merged = torch.stack([masks[:, places].any(1) for places in names.values()], 1)
    return merged, merged.flatten(2).any(2)


def _name(names: dict[str, list[int]], place: int) -> str | None:
    return None if place < 0 else list(names)[place]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
