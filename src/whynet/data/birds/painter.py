"""The painter: draws a bird of a species, and says which part is seen at each pixel.

Painted from back to front: background, perch, bird, water, what stands in front; then lit. Each stroke goes to the
picture and to the map of labels, so the map is what is seen after all occlusion. A removed part is a stroke left out:
what lies behind it appears; under a removed patch of plumage lies grey down.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np

from whynet.base.types import Landmarks, PartMap, Picture
from whynet.data.birds.anatomy import BUILDS, outline
from whynet.data.birds.canvas import RGB, Canvas, fixed
from whynet.data.birds.individual import SLOTS, Individual
from whynet.data.birds.lighting import light_up
from whynet.data.birds.palette import COLOURS
from whynet.data.birds.parts import LABELS, MARK_HOSTS, PART_NAMES
from whynet.data.birds.pose import Pose, pose_bird
from whynet.data.birds.scenery import paint_background, paint_occluder, paint_perch, paint_trunk, paint_tufts
from whynet.data.birds.species import Plumage, Species
from whynet.data.birds.strokes import Brush, paint_bird


@dataclass(frozen=True, kw_only=True)
class Painting:
    """A painted bird.

    Args:
        image: The picture.
        part_map: The part seen at each pixel.
        landmarks: One row a part.
        box: The visible bird's box: x0, y0, x1, y1; None where nothing of it is seen.
        seen: Visible pixels of each part and mark, by the names of `LABELS`.
        whole: The same before anything was put in front of the bird.
    """

    image: Picture
    part_map: PartMap
    landmarks: Landmarks
    box: tuple[float, float, float, float] | None
    seen: dict[str, int]
    whole: dict[str, int]


def paint(
    species: Species, individual: Individual, plumage: Plumage, size: int, removed: Collection[str] = frozenset()
) -> Painting:
    """Paint one bird.

    Args:
        species: Its species.
        individual: Its pose, light and scenery.
        plumage: Its colours; usually `species.plumage(...)` of the individual's sex, season and morph.
        size: Side of the picture in pixels.
        removed: Parts and marks (names of `LABELS`) to leave out.

    Returns:
        The picture with its map of parts and landmarks; the same arguments give the same bytes.
    """
    oversampling = 3 if size <= 128 else 2
    full = size * oversampling
    rng = random.Random(individual.key)  # noqa: S311 - pictures are drawn, nothing is secret
    pose = pose_bird(species, individual, full)
    feet = pose.near_leg.foot
    waterline = _waterline(species, pose) if individual.stance == "water" else feet[1]
    canvas = Canvas(paint_background(individual.stance, waterline / full - 0.12, full, rng), oversampling)
    colours = {
        slot: _tinted(COLOURS[getattr(plumage, slot)], gain) for slot, gain in zip(SLOTS, individual.gains, strict=True)
    }
    near, far = ("left", "right") if individual.mirrored else ("right", "left")
    brush = Brush(
        canvas=canvas, pose=pose, species=species, individual=individual, plumage=plumage, removed=removed,
        colours=colours, near=near, far=far,
    )  # fmt: skip
    _paint_support(brush, rng)
    backdrop = canvas.picture.copy() if individual.stance == "water" else None
    body_mask = paint_bird(brush)
    if backdrop is not None:
        _paint_water(canvas, backdrop, waterline, pose, rng)
    whole = canvas.label_map()
    if individual.occluder is not None:
        spot = pose.body.point(rng.uniform(-0.9, 0.9), rng.uniform(-0.5, 0.5))
        paint_occluder(canvas, individual.occluder, spot, rng)
    labels = canvas.label_map()
    wing, casts = np.add(outline("wing", species.family.noun), (0.0, 0.07)), f"{near} wing" not in removed
    shadow = pose.wing.pixels(wing) if casts else None
    lit_wing = labels == LABELS[f"{near} wing"]
    image = light_up(canvas.averaged(), canvas.coverage(), body_mask, shadow, lit_wing, individual, pose.unit / full)
    seen, part_map = _count(labels), _part_map(labels, near)
    return Painting(
        image=image,
        part_map=part_map,
        landmarks=_landmarks(brush.anchors, part_map, oversampling),
        box=_box(labels),
        seen=seen,
        whole=_count(whole),
    )


def _tinted(colour: RGB, gain: RGB) -> RGB:
    red, green, blue = (max(0.0, min(255.0, channel * factor)) for channel, factor in zip(colour, gain, strict=True))
    return red, green, blue


def _waterline(species: Species, pose: Pose) -> float:
    """Height of the water's surface: long-legged birds wade to the ankle, others swim."""
    build = BUILDS[species.family.noun]
    if build.leg > 0.4:
        return 0.45 * pose.near_leg.ankle[1] + 0.55 * pose.near_leg.foot[1]
    return pose.body.point(0.0, 0.55 * build.depth)[1]


def _paint_support(brush: Brush, rng: random.Random) -> None:
    canvas, pose, individual = brush.canvas, brush.pose, brush.individual
    feet = pose.near_leg.foot
    if individual.stance == "trunk":
        side = -1.0 if individual.mirrored else 1.0
        paint_trunk(canvas, feet, individual.roll * side, side, rng.uniform(0.6, 1.1) * pose.unit, rng)
    elif individual.stance == "perch":
        slope = individual.roll * 0.5 + rng.uniform(-3, 3)
        paint_perch(canvas, (feet[0], feet[1] + 0.03 * pose.unit), slope, rng.uniform(0.14, 0.24) * pose.unit, rng)
    elif individual.stance == "ground":
        paint_tufts(canvas, feet[1], "ground", rng)


def _paint_water(canvas: Canvas, backdrop: Picture, waterline: float, pose: Pose, rng: random.Random) -> None:
    """Water in front of what is under its surface, with the bird's blurred reflection."""
    top, size = int(min(canvas.size - 2, max(1, waterline))), canvas.size
    depth = min(size - top, top)
    mirrored = cv2.blur(canvas.picture[top - depth : top][::-1], (1, max(1, round(0.1 * pose.unit))))
    below = backdrop[top:]
    below[:depth] = cv2.addWeighted(below[:depth], 0.72, mirrored, 0.28, 0)
    canvas.picture[top:] = below
    canvas.labels[top:] = 0
    for _ in range(3):
        x, y, reach = (
            pose.body.x0 + rng.uniform(-1.3, 0.5) * pose.unit,
            top + rng.uniform(0, 0.25) * pose.unit,
            rng.uniform(0.5, 1.2) * pose.unit,
        )
        canvas.lines(fixed((x, y), (x + reach, y)), 0.03 * pose.unit, (206, 216, 218), 0)
    paint_tufts(canvas, waterline, "water", rng)


def _count(labels: PartMap) -> dict[str, int]:
    counts = np.bincount(labels.ravel(), minlength=max(LABELS.values()) + 1).tolist()
    return {name: counts[label] for name, label in LABELS.items()}


def _part_map(labels: PartMap, near: str) -> PartMap:
    table = np.arange(256, dtype=np.uint8)
    hosts = MARK_HOSTS | {"eye ring": f"{near} eye", "wing bars": f"{near} wing"}
    for mark, host in hosts.items():
        table[LABELS[mark]] = LABELS[host]
    table[LABELS["down"]] = 0
    return np.asarray(table[labels], np.uint8)


def _landmarks(anchors: dict[str, tuple[float, float]], part_map: PartMap, oversampling: int) -> Landmarks:
    """A part's point is visible where the part is seen within a pixel of it."""
    landmarks = np.zeros((len(PART_NAMES), 3), np.float32)
    height, width = part_map.shape
    for number, name in enumerate(PART_NAMES):
        if name not in anchors:
            continue
        x, y = anchors[name][0] / oversampling, anchors[name][1] / oversampling
        column, row = int(x), int(y)
        if not (0 <= x < width and 0 <= y < height):
            continue
        around = part_map[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        if (around == number + 1).any():
            landmarks[number] = (x, y, 1.0)
    return landmarks


def _box(labels: PartMap) -> tuple[float, float, float, float] | None:
    rows, columns = np.flatnonzero(labels.any(1)), np.flatnonzero(labels.any(0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
