"""The strokes: how each part of the bird is drawn, from back to front.

Tail, far wing, legs, bill, crest, the body with its patches of plumage, the near wing, the marks of the head. A
removed part is a stroke left out; under a removed patch of plumage lies grey down.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Int, UInt8

from whynet.base.types import PartMap
from whynet.data.birds.anatomy import BUILDS, bill_outline, body_chain, outline, tail_outline, tail_tip_outline
from whynet.data.birds.canvas import RGB, Canvas, fixed, shaded
from whynet.data.birds.individual import Individual
from whynet.data.birds.palette import COLOURS, DOWN
from whynet.data.birds.parts import LABELS
from whynet.data.birds.pose import Leg, Pose
from whynet.data.birds.species import Plumage, Species

Mask: TypeAlias = UInt8[np.ndarray, "canvas canvas"]


@dataclass(frozen=True, kw_only=True)
class Brush:
    """What all strokes of one painting need.

    Args:
        canvas: Drawn on.
        pose: Where everything is.
        species, individual, plumage: Whom to paint.
        removed: Parts and marks to leave out.
        colours: RGB of each slot of the plumage, as this individual wears it.
        near, far: "left" or "right": the side that is seen, and the other one.
        anchors: Filled by the strokes: each part's landmark in canvas pixels.
    """

    canvas: Canvas
    pose: Pose
    species: Species
    individual: Individual
    plumage: Plumage
    removed: Collection[str]
    colours: dict[str, RGB]
    near: str
    far: str
    anchors: dict[str, tuple[float, float]] = field(default_factory=dict)

    def width(self, share: float) -> float:
        """A line's width as a share of half a body."""
        return share * self.pose.unit


def paint_bird(brush: Brush) -> Mask:
    """The whole bird; returns the mask of body, neck and head, whose roundness the light shows."""
    _paint_tail(brush)
    _paint_far_wing(brush)
    for leg, side, tone in ((brush.pose.far_leg, brush.far, 0.8), (brush.pose.near_leg, brush.near, 1.0)):
        _paint_leg(brush, leg, f"{side} leg", tone)
    _paint_bill(brush)
    _paint_crest(brush)
    mask = _paint_body(brush)
    _paint_wing(brush)
    _paint_face(brush)
    return mask


def _paint_tail(brush: Brush) -> None:
    if "tail" in brush.removed:
        return
    species, canvas, frame = brush.species, brush.canvas, brush.pose.tail
    shape = tail_outline(species.tail_shape, species.tail_length, species.family.noun)
    brush.anchors["tail"] = frame.point(float(shape[:, 0].min()) * 0.6, 0.0)
    colour, label = brush.colours["tail"], LABELS["tail"]
    canvas.polygon(frame.pixels(shape), colour, label)
    end = 0.5 if species.tail_shape in ("forked", "pointed") else 0.8
    for share in (-0.45, 0.05, 0.5):  # the vanes stay within the outline, whatever its shape
        vane = np.array(((0.0, share * 0.6), (end, share * 0.9))) * (shape[:, 0].min(), shape[:, 1].max())
        canvas.lines(frame.pixels(vane), brush.width(0.022), shaded(colour, 0.72), None)
    if brush.plumage.tail_tip not in (None, brush.plumage.tail) and "tail tip" not in brush.removed:
        tip = tail_tip_outline(species.tail_shape, species.tail_length, species.family.noun)
        canvas.polygon(frame.pixels(tip), COLOURS[str(brush.plumage.tail_tip)], LABELS["tail tip"])


def _paint_far_wing(brush: Brush) -> None:
    name, individual = f"{brush.far} wing", brush.individual
    if name in brush.removed or individual.far_wing < 0.25:
        return
    shape = outline("wing", brush.species.family.noun)
    brush.anchors[name] = brush.pose.far_wing.point(*(shape[np.argmin(shape[:, 0])] * (0.93, 1.0)))
    brush.canvas.polygon(brush.pose.far_wing.pixels(shape), shaded(brush.colours["wing"], 0.66), LABELS[name])


def _paint_leg(brush: Brush, leg: Leg, name: str, tone: float) -> None:
    if name in brush.removed:
        return
    canvas, colour, label = brush.canvas, shaded(brush.colours["leg"], tone), LABELS[name]
    (ankle_x, ankle_y), (foot_x, foot_y) = leg.ankle, leg.foot
    brush.anchors[name] = (0.45 * ankle_x + 0.55 * foot_x, 0.45 * ankle_y + 0.55 * foot_y)
    canvas.lines(fixed(leg.hip, leg.ankle, leg.foot), brush.width(0.075), colour, label)
    for toe in leg.toes:
        canvas.lines(fixed(leg.foot, toe), brush.width(0.055), colour, label)


def _paint_bill(brush: Brush) -> None:
    if "beak" in brush.removed:
        return
    species, canvas, head = brush.species, brush.canvas, brush.pose.head
    shape = bill_outline(species.bill_shape, species.bill_length, species.family.noun)
    colour, label = brush.colours["bill"], LABELS["beak"]
    brush.anchors["beak"] = head.point(*(0.35 * shape.max(0) + 0.65 * np.array((1.0, 0.1))))
    canvas.polygon(head.pixels(shape), colour, label)
    tip = shape[np.argmax(shape[:, 0])]
    gape = np.array(((0.8, 0.16), (0.5 * tip[0] + 0.45, 0.5 * tip[1] + 0.06), tip))
    lower = np.concatenate((gape, shape[np.argmax(shape[:, 0]) + 1 :]))
    if len(lower) > 3:
        canvas.polygon(head.pixels(lower), shaded(colour, 0.8), label)
    canvas.lines(head.pixels(gape), brush.width(0.014), shaded(colour, 0.5), None)


def _paint_crest(brush: Brush) -> None:
    if not brush.plumage.crested or "crest" in brush.removed or "crown" in brush.removed:
        return
    shape = outline("crest", brush.species.family.noun)
    brush.canvas.polygon(brush.pose.head.pixels(shape), brush.colours["crown"], LABELS["crest"])
    for tip in ((-1.15, -1.36), (-0.9, -1.02)):
        brush.canvas.lines(
            brush.pose.head.pixels(np.array(((-0.1, -0.85), tip))),
            brush.width(0.02),
            shaded(brush.colours["crown"], 0.7),
            None,
        )


def _paint_body(brush: Brush) -> Mask:
    """Body, neck and head: patches of plumage with soft borders, cut to the silhouette."""
    canvas, pose, family = brush.canvas, brush.pose, brush.species.family.noun
    mask, patches = _silhouette(brush), _patches(brush)
    table = np.zeros((256, 1, 3), np.uint8)
    table[LABELS["down"], 0] = DOWN
    for slot in ("back", "belly", "breast", "nape", "throat", "crown", "forehead"):
        table[LABELS[slot], 0] = brush.colours[slot]
    plumage = np.asarray(cv2.applyColorMap(patches, table), np.uint8)
    soft = 2 * max(1, round(0.05 * pose.unit)) + 1
    plumage = np.asarray(cv2.GaussianBlur(plumage, (soft, soft), 0), np.uint8)
    if brush.plumage.breast_pattern != "plain" and not {"breast", "breast pattern"} & set(brush.removed):
        _paint_marks(brush, plumage, patches)
    canvas.paste(plumage, patches, mask)
    depth, upright = BUILDS[family].depth, min(1.0, max(0.0, brush.individual.tilt / 35))
    spots = {"back": (-0.1, -0.80), "belly": (-0.15, 0.74), "breast": (0.58 - 0.20 * upright, 0.20 + 0.42 * upright)}
    for name, (x, y) in spots.items():
        if name not in brush.removed:
            brush.anchors[name] = pose.body.point(x, y * depth)
    for name, spot in {
        "crown": (-0.1, -0.68),
        "forehead": (0.72, -0.42),
        "throat": (0.45, 0.72),
        "nape": (-0.72, 0.2),
    }.items():
        if name not in brush.removed:
            brush.anchors[name] = pose.head.point(*spot)
    return mask


def _silhouette(brush: Brush) -> Mask:
    pose, mask = brush.pose, np.zeros_like(brush.canvas.labels)
    chain = body_chain(brush.species.family.noun)
    for (x, y), radius in zip(pose.body.points(chain[:, :2]), chain[:, 2], strict=True):
        _disc(mask, float(x), float(y), float(radius) * pose.body.scale, 255)
    for x, y, radius in pose.neck:
        _disc(mask, x, y, radius, 255)
    _disc(mask, pose.head.x0, pose.head.y0, pose.head.scale, 255)
    return mask


def _disc(mask: Mask, x: float, y: float, radius: float, value: int) -> None:
    cv2.circle(mask, (round(x * 16), round(y * 16)), max(4, round(radius * 16)), value, cv2.FILLED, cv2.LINE_8, 4)


def _patches(brush: Brush) -> PartMap:
    """Labels of the patches of plumage, reaching beyond the silhouette."""
    pose, family = brush.pose, brush.species.family.noun

    def label(name: str) -> int:
        return LABELS["down" if name in brush.removed else name]

    patches = np.full_like(brush.canvas.labels, label("back"))

    def fill(corners: Int[np.ndarray, "corners 2"], name: str) -> None:
        cv2.fillPoly(patches, [corners], label(name), cv2.LINE_8, 4)

    fill(pose.body.pixels(outline("belly", family)), "belly")
    for x, y, radius in pose.neck[3:]:
        _disc(patches, x, y, radius + brush.width(0.16), label("nape"))  # beyond the silhouette: borders are blurred
    fill(pose.body.pixels(outline("breast", family)), "breast")
    _disc(patches, pose.head.x0, pose.head.y0, pose.head.scale * 1.25, label("nape"))
    fill(pose.head.pixels(outline("throat", family)), "throat")
    fill(pose.head.pixels(outline("crown", family)), "crown")
    fill(pose.head.pixels(outline("forehead", family)), "forehead")
    return patches


def _paint_marks(brush: Brush, plumage: UInt8[np.ndarray, "canvas canvas 3"], patches: PartMap) -> None:
    """Streaks or spots on the breast, darker than it, or lighter where it is dark."""
    ink = np.zeros_like(patches)
    rng = random.Random(brush.individual.key ^ 0xB1D)  # noqa: S311
    body, spotted = brush.pose.body, brush.plumage.breast_pattern == "spotted"
    for column in range(7):
        for row in range(7):
            x, y = 0.22 + 0.13 * column + rng.uniform(-0.03, 0.03), -0.36 + 0.17 * row + rng.uniform(-0.03, 0.03)
            x += 0.065 * (row % 2)
            if spotted:
                _disc(ink, *body.point(x, y), brush.width(0.048), 255)
            else:
                points = body.pixels(np.array(((x + 0.03, y - 0.04), (x - 0.05, y + 0.07))))
                cv2.polylines(ink, [points], False, 255, max(1, round(brush.width(0.05))), cv2.LINE_8, 4)
    ink[patches != LABELS["breast"]] = 0
    bright = sum(brush.colours["breast"]) / 3
    plumage[ink > 0] = (70, 52, 42) if bright > 95 else (222, 212, 196)


def _paint_wing(brush: Brush) -> None:
    name = f"{brush.near} wing"
    if name in brush.removed:
        return
    canvas, frame, family = brush.canvas, brush.pose.wing, brush.species.family.noun
    colour, label = brush.colours["wing"], LABELS[name]
    whole, coverts = outline("wing", family), outline("coverts", family)
    brush.anchors[name] = frame.point(-0.05, 0.0)
    stretch = (BUILDS[family].wing, BUILDS[family].depth / 0.55)

    def place(points: tuple[tuple[float, float], ...]) -> np.ndarray:
        return frame.pixels((np.array(points) - (0.5, 0.0)) * stretch + (0.5, 0.0))

    canvas.polygon(frame.pixels(whole), shaded(colour, 0.84), label)
    for step in range(5):  # edges of the long feathers
        start, end = (-0.16 - 0.02 * step, 0.16 - 0.09 * step), (-1.10 + 0.12 * step, 0.03 + 0.055 * step)
        canvas.lines(
            place((start, ((start[0] + end[0]) / 2, end[1] + 0.02 - 0.03 * step), end)),
            brush.width(0.02),
            shaded(colour, 0.6),
            None,
        )
    canvas.polygon(frame.pixels(coverts), shaded(colour, 1.04), label)
    for row in (0.20, 0.06, -0.08):  # rows of small feathers
        for step in range(4):
            y = -0.20 + 0.09 * step
            canvas.lines(
                place(((row, y), (row - 0.06, y + 0.04), (row - 0.01, y + 0.08))),
                brush.width(0.014),
                shaded(colour, 0.8),
                None,
            )
    canvas.lines(frame.pixels(coverts[20:32]), brush.width(0.02), shaded(colour, 0.66), None)
    bars = brush.plumage.wing_bars
    if bars not in (None, brush.plumage.wing) and "wing bars" not in brush.removed:
        for arc in (((-0.36, -0.17), (-0.27, 0.04), (-0.03, 0.20)), ((-0.06, -0.27), (0.0, -0.03), (0.19, 0.15))):
            canvas.lines(place(arc), brush.width(0.085), COLOURS[str(bars)], LABELS["wing bars"])
    canvas.lines(frame.pixels(whole[18:34]), brush.width(0.018), shaded(colour, 0.55), None)


def _paint_face(brush: Brush) -> None:
    canvas, head, plumage = brush.canvas, brush.pose.head, brush.plumage
    x, y = head.point(0.36, -0.10)
    if plumage.eyebrow not in (None, plumage.crown) and not {"eyebrow", "crown"} & set(brush.removed):
        arc = np.array(((0.78, -0.30), (0.36, -0.42), (-0.20, -0.34), (-0.62, -0.12)))
        canvas.lines(head.pixels(arc), brush.width(0.085), COLOURS[str(plumage.eyebrow)], LABELS["eyebrow"])
    name, radius = f"{brush.near} eye", max(0.19 * head.scale, 0.075 * brush.pose.unit)
    if name in brush.removed:
        return
    brush.anchors[name] = (x, y)
    if plumage.eye_ring is not None and "eye ring" not in brush.removed:
        canvas.disc(x, y, radius * 1.62, COLOURS[plumage.eye_ring], LABELS["eye ring"])
    else:
        canvas.disc(x, y, radius * 1.18, (74, 64, 58), None)
    iris = (26, 22, 22) if plumage.eye == "black" else COLOURS[plumage.eye]
    canvas.disc(x, y, radius, iris, LABELS[name])
    if plumage.eye != "black":
        canvas.disc(x, y, radius * 0.5, (20, 18, 18), None)
    canvas.disc(x - 0.3 * radius, y - 0.35 * radius, radius * 0.3, (250, 250, 248), None)
