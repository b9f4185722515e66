"""Scenery: blurred foliage, sky, reeds or water behind the bird, its perch, and what stands in front of it."""

import math
import random

import cv2
import numpy as np

from whynet.base.types import Picture
from whynet.data.birds.canvas import RGB, Canvas, fixed, shaded

_GRID = 48
"""The background is painted this small, blurred and enlarged: it is out of focus."""

_AIR: dict[str, tuple[tuple[RGB, RGB], ...]] = {  # top and bottom colours of what lies behind the bird
    "foliage": (((112, 142, 92), (62, 92, 58)), ((150, 170, 120), (88, 112, 66)), ((84, 110, 84), (44, 66, 50))),
    "autumn": (((190, 164, 120), (122, 96, 62)), ((206, 178, 140), (150, 112, 76))),
    "sky": (((138, 176, 214), (206, 222, 232)), ((168, 186, 206), (222, 220, 214)), ((196, 206, 216), (232, 228, 220))),
    "dusk": (((150, 140, 170), (228, 188, 160)), ((120, 132, 160), (206, 186, 176))),
}
_LAND: tuple[RGB, ...] = ((120, 132, 74), (168, 148, 108), (142, 122, 92), (188, 176, 150), (96, 112, 64))
_WATER: tuple[RGB, ...] = ((92, 124, 142), (112, 134, 124), (74, 102, 122), (138, 154, 162), (104, 120, 96))
_BARK: tuple[RGB, ...] = ((104, 82, 62), (122, 108, 94), (88, 74, 64), (140, 120, 96))
_LEAVES: tuple[RGB, ...] = ((86, 124, 56), (112, 146, 66), (70, 104, 62), (160, 140, 60), (134, 90, 52))


def paint_background(stance: str, horizon: float, size: int, rng: random.Random) -> Picture:
    """What lies behind the bird, out of focus.

    Args:
        stance: "perch", "ground", "water" or "trunk".
        horizon: Where ground or water begin, as a share of the height from the top.
        size: Side of the square in pixels.
        rng: Draws the colours and blobs.
    """
    kind = rng.choice(("foliage", "foliage", "autumn", "sky", "sky", "dusk"))
    top, bottom = rng.choice(_AIR[kind])
    ramp = np.linspace(0, 1, _GRID)[:, None, None]
    grid = np.empty((_GRID, _GRID, 3), np.uint8)
    grid[:] = np.array(top) * (1 - ramp) + np.array(bottom) * ramp
    spread = 0.12 if kind in ("sky", "dusk") else 0.3
    for _ in range(7):
        base = top if rng.random() < 0.5 else bottom
        axes = (rng.randint(4, 13), rng.randint(3, 9))
        _blob(grid, rng, shaded(base, rng.uniform(1 - spread, 1 + spread)), axes)
    grid = np.asarray(cv2.GaussianBlur(grid, (13, 13), 3.2), np.uint8)
    if kind in ("foliage", "autumn"):
        for _ in range(6):  # light through the leaves
            _blob(grid, rng, shaded(top, rng.uniform(0.95, 1.3)), (radius := rng.randint(1, 3), radius))
        if rng.random() < 0.4:
            _reeds(grid, rng, shaded(bottom, 1.25))
    if stance in ("ground", "water"):
        _lay_ground(grid, round(min(0.9, max(0.15, horizon)) * _GRID), stance, rng)
    grid = np.asarray(cv2.GaussianBlur(grid, (5, 5), 1.1), np.uint8)
    return np.asarray(cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def _blob(grid: Picture, rng: random.Random, colour: RGB, axes: tuple[int, int]) -> None:
    centre = (rng.randrange(_GRID), rng.randrange(_GRID))
    cv2.ellipse(grid, centre, axes, rng.uniform(0, 180), 0, 360, colour, cv2.FILLED)


def _reeds(grid: Picture, rng: random.Random, colour: RGB) -> None:
    for _ in range(9):
        x, lean = rng.randrange(_GRID), rng.randint(-6, 6)
        cv2.line(grid, (x, _GRID), (x + lean, rng.randint(0, 24)), shaded(colour, rng.uniform(0.8, 1.15)), 1)


def _lay_ground(grid: Picture, row: int, stance: str, rng: random.Random) -> None:
    colour = rng.choice(_WATER if stance == "water" else _LAND)
    depth = np.linspace(1.12, 0.86, _GRID - row)[:, None, None]
    grid[row:] = np.minimum(np.array(colour) * depth, 255)
    for _ in range(14):
        y, x, reach = rng.randint(row, _GRID), rng.randint(-4, _GRID), rng.randint(3, 14)
        cv2.line(grid, (x, y), (x + reach, y), shaded(colour, rng.uniform(0.88, 1.16)), 1)


def paint_perch(canvas: Canvas, at: tuple[float, float], slope: float, thickness: float, rng: random.Random) -> None:
    """A branch through `at` with bark, a side twig and leaves.

    Args:
        canvas: Drawn on.
        at: Where the feet are, in canvas pixels: the upper edge of the branch.
        slope: Rise of the branch to the right, degrees.
        thickness: Of the branch, in canvas pixels.
        rng: Draws its bark and leaves.
    """
    bark, size = rng.choice(_BARK), canvas.size
    tangent = math.tan(math.radians(slope))
    x, y = at[0], at[1] + thickness * 0.45

    def line_at(offset: float, colour: RGB, width: float) -> None:
        ends = (
            (-size * 0.1, y + (x + size * 0.1) * tangent + offset),
            (size * 1.1, y - (size * 1.1 - x) * tangent + offset),
        )
        canvas.lines(fixed(*ends), width, colour, None)

    for _ in range(rng.randint(0, 2)):
        start = rng.uniform(0, size)
        tip = (start + rng.uniform(-0.25, 0.25) * size, y + rng.choice((-1, 1)) * rng.uniform(0.12, 0.3) * size)
        canvas.lines(fixed((start, y - (start - x) * tangent), tip), thickness * 0.3, shaded(bark, 0.9), None)
        for _ in range(rng.randint(1, 3)):
            paint_leaf(canvas, tip, rng.uniform(0.07, 0.12) * size, rng.uniform(0, 360), rng)
    line_at(0.0, shaded(bark, 0.72), thickness)
    line_at(-thickness * 0.08, bark, thickness * 0.8)
    line_at(-thickness * 0.28, shaded(bark, 1.28), thickness * 0.28)
    for _ in range(9):
        knot = rng.uniform(0, size)
        middle = y - (knot - x) * tangent + rng.uniform(-0.3, 0.35) * thickness
        dash = rng.uniform(0.3, 1.0) * thickness
        canvas.lines(
            fixed((knot, middle), (knot + dash, middle - dash * tangent)), thickness * 0.08, shaded(bark, 0.6), None
        )


def paint_trunk(
    canvas: Canvas, edge: tuple[float, float], lean: float, side: float, width: float, rng: random.Random
) -> None:
    """A tree trunk whose near edge passes through `edge`.

    Args:
        canvas: Drawn on.
        edge: A point of the edge that the feet hold, in canvas pixels.
        lean: Of the trunk, degrees from the vertical.
        side: 1 where the trunk reaches to the right of the edge, -1 to the left.
        width: Of the trunk, in canvas pixels.
        rng: Draws its bark.
    """
    bark, size = rng.choice(_BARK), canvas.size
    tangent = math.tan(math.radians(lean))

    def strip(near: float, far: float, colour: RGB) -> None:
        top, bottom = edge[0] + edge[1] * tangent, edge[0] - (size - edge[1]) * tangent
        cv2.fillPoly(
            canvas.picture,
            [fixed((top + side * near, 0), (top + side * far, 0), (bottom + side * far, size), (bottom + side * near,
            size))], colour, cv2.LINE_8, 4,
        )  # fmt: skip

    strips = 7
    for number in range(strips):  # a cylinder: dark edges, light middle
        tone = 0.72 + 0.42 * math.sin(math.pi * (number + 0.6) / strips)
        strip(width * number / strips, width * (number + 1) / strips + 1, shaded(bark, tone))
    for _ in range(26):
        y, across = rng.uniform(0, size), rng.uniform(0.02, 0.95) * width
        x, reach = edge[0] + (edge[1] - y) * tangent + side * across, rng.uniform(0.03, 0.12) * size
        tone = rng.choice((0.55, 0.62, 1.25))
        canvas.lines(
            fixed((x, y), (x - reach * tangent + rng.uniform(-2, 2), y + reach)), size / 110, shaded(bark, tone), None
        )


def paint_tufts(canvas: Canvas, ground: float, stance: str, rng: random.Random) -> None:
    """Blades and pebbles, or ripples, around the feet at height `ground` (canvas pixels)."""
    size = canvas.size
    if stance == "water":
        for _ in range(8):
            y, x, reach = (
                ground + rng.uniform(0.0, 0.3) * size,
                rng.uniform(-0.1, 1) * size,
                rng.uniform(0.05, 0.2) * size,
            )
            tone = rng.uniform(150, 215)
            canvas.lines(fixed((x, y), (x + reach, y)), size / 160, (tone * 0.93, tone, tone * 1.02), None)
        return
    if rng.random() < 0.6:
        blade = rng.choice(_LEAVES[:3])
        for _ in range(14):
            x, y, lean = rng.uniform(0, size), ground + rng.uniform(-0.02, 0.25) * size, rng.uniform(-0.05, 0.05) * size
            tip = (x + lean, y - rng.uniform(0.04, 0.12) * size)
            canvas.lines(fixed((x, y), tip), size / 130, shaded(blade, rng.uniform(0.75, 1.25)), None)
    else:
        for _ in range(12):
            tone = rng.uniform(90, 190)
            x, y = rng.uniform(0, size), ground + rng.uniform(-0.02, 0.3) * size
            canvas.disc(x, y, rng.uniform(0.006, 0.018) * size, (tone, tone * 0.95, tone * 0.88), None)


def paint_leaf(canvas: Canvas, at: tuple[float, float], length: float, degrees: float, rng: random.Random) -> None:
    """A leaf with its midrib; it hides what is behind it, in the picture and in the map."""
    colour = shaded(rng.choice(_LEAVES), rng.uniform(0.85, 1.15))
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    sides = ((0.0, 0.0), (0.25, 0.2), (0.55, 0.24), (0.85, 0.1), (1.0, 0.0), (0.85, -0.1), (0.55, -0.24), (0.25, -0.2))
    around = [(at[0] + length * (u * cosine - v * sine), at[1] + length * (u * sine + v * cosine)) for u, v in sides]
    canvas.polygon(fixed(*around), colour, 0)
    canvas.polygon(fixed(*around[:5]), shaded(colour, 0.84), 0)
    canvas.lines(fixed(around[0], around[4]), length * 0.035, shaded(colour, 1.3), None)


def paint_occluder(canvas: Canvas, kind: str, at: tuple[float, float], rng: random.Random) -> None:
    """A leaf, a twig or reeds in front of the bird, near `at` (canvas pixels)."""
    size = canvas.size
    if kind == "leaf":
        for _ in range(rng.randint(1, 3)):
            spot = (at[0] + rng.uniform(-0.12, 0.12) * size, at[1] + rng.uniform(-0.12, 0.12) * size)
            paint_leaf(canvas, spot, rng.uniform(0.14, 0.24) * size, rng.uniform(0, 360), rng)
    elif kind == "twig":
        angle = math.radians(rng.uniform(20, 160))
        reach = (math.cos(angle) * 1.5 * size, math.sin(angle) * 1.5 * size)
        ends = ((at[0] - reach[0], at[1] - reach[1]), (at[0] + reach[0], at[1] + reach[1]))
        bark, width = rng.choice(_BARK), rng.uniform(0.022, 0.04) * size
        canvas.lines(fixed(*ends), width, shaded(bark, 0.8), 0)
        canvas.lines(fixed(*ends), width * 0.4, shaded(bark, 1.2), None)
        paint_leaf(canvas, at, 0.13 * size, rng.uniform(0, 360), rng)
    else:
        for _ in range(rng.randint(2, 3)):
            x, lean, width = (
                at[0] + rng.uniform(-0.2, 0.2) * size,
                rng.uniform(-0.15, 0.15) * size,
                rng.uniform(0.012, 0.025) * size,
            )
            blade = shaded(rng.choice(_LEAVES), rng.uniform(0.9, 1.2))
            top = rng.uniform(-0.1, 0.3) * size
            canvas.polygon(fixed((x - width, size + 2), (x + lean, top), (x + width, size + 2)), blade, 0)
            canvas.lines(fixed((x, size + 2), (x + lean, top)), width * 0.4, shaded(blade, 1.2), None)
