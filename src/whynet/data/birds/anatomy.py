"""The shape of a painted bird: builds of the families, outlines of the parts, and how a pose places them.

Lengths are in half bodies (the body reaches from x = -1 to 1), y points down and the bird looks to the right. A part is
drawn in the frame that carries it: the body's (tilted by the pose), the head's (at the end of the neck, in head
radii), or the world's. `Affine` maps a frame's points to the next one, and at last to pixels.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

Points: TypeAlias = Float[np.ndarray, "points 2"]
SHIFT = 4
"""Fractional bits of the pixel coordinates handed to OpenCV."""


@dataclass(frozen=True)
class Affine:
    """x' = xx x + xy y + x0; y' = yx x + yy y + y0."""

    xx: float
    xy: float
    x0: float
    yx: float
    yy: float
    y0: float

    @classmethod
    def similarity(
        cls, scale: float, degrees: float, x0: float = 0.0, y0: float = 0.0, *, mirrored: bool = False
    ) -> "Affine":
        """Turned so that positive degrees lift what lies to the right, scaled, mirrored left to right, then moved."""
        cosine, sine = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
        side = -1.0 if mirrored else 1.0
        return cls(side * cosine, side * sine, x0, -sine, cosine, y0)

    def after(self, first: "Affine") -> "Affine":
        """The map that applies `first`, then this one."""
        return Affine(
            self.xx * first.xx + self.xy * first.yx,
            self.xx * first.xy + self.xy * first.yy,
            self.xx * first.x0 + self.xy * first.y0 + self.x0,
            self.yx * first.xx + self.yy * first.yx,
            self.yx * first.xy + self.yy * first.yy,
            self.yx * first.x0 + self.yy * first.y0 + self.y0,
        )

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where one point lands."""
        return self.xx * x + self.xy * y + self.x0, self.yx * x + self.yy * y + self.y0

    def points(self, points: Points) -> Points:
        """Where many points land."""
        matrix = np.array(((self.xx, self.yx), (self.xy, self.yy)))
        return np.asarray(points @ matrix + (self.x0, self.y0), np.float64)

    def pixels(self, points: Points) -> Int[np.ndarray, "points 2"]:
        """The same in OpenCV's fixed point numbers of `SHIFT` fractional bits."""
        matrix = np.array(((self.xx, self.yx), (self.xy, self.yy))) * (1 << SHIFT)
        origin = (self.x0 * (1 << SHIFT) + 0.5, self.y0 * (1 << SHIFT) + 0.5)
        fixed: Int[np.ndarray, "points 2"] = (points @ matrix + origin).astype(np.int32)
        return fixed

    @property
    def scale(self) -> float:
        """Length of a unit step after the map."""
        return math.hypot(self.xx, self.yx)


@dataclass(frozen=True, kw_only=True)
class Build:
    """Proportions of a family.

    Args:
        depth: Half the height of the body.
        tilt: Degrees by which the front of the body is lifted.
        neck: From the shoulder to the centre of the head.
        neck_angle: Degrees of the neck above the horizontal.
        neck_radius: Half the width of the neck.
        head: Radius of the head.
        pitch: Degrees by which the bill points up.
        bill: Factor on the bill's length.
        tail: Length of a long tail; a short one has 0.6 of it.
        tail_width: Half the width of the tail at its end.
        tail_angle: Degrees of the tail above the body's axis.
        leg: From the belly to the feet.
        wing: Factor on the wing's length.
    """

    depth: float
    tilt: float
    neck: float
    neck_angle: float
    neck_radius: float
    head: float
    pitch: float = 0.0
    bill: float = 1.0
    tail: float = 0.95
    tail_width: float = 0.24
    tail_angle: float = 0.0
    leg: float = 0.34
    wing: float = 1.0


BUILDS = {
    "finch": Build(depth=0.60, tilt=34.0, neck=0.34, neck_angle=52.0, neck_radius=0.42, head=0.44),
    "warbler": Build(depth=0.53, tilt=26.0, neck=0.34, neck_angle=45.0, neck_radius=0.36, head=0.38, leg=0.42),
    "duck": Build(
        depth=0.50, tilt=3.0, neck=0.78, neck_angle=76.0, neck_radius=0.22, head=0.33, bill=0.95, tail=0.8,
        tail_width=0.16, tail_angle=-16.0, leg=0.3
    ),
    "woodpecker": Build(
        depth=0.47, tilt=70.0, neck=0.40, neck_angle=98.0, neck_radius=0.31, head=0.39, pitch=8.0, tail=0.85,
        tail_width=0.17, tail_angle=-14.0, leg=0.3
    ),
    "sandpiper": Build(
        depth=0.47, tilt=12.0, neck=0.58, neck_angle=58.0, neck_radius=0.24, head=0.30, bill=1.2, tail=0.7,
        tail_width=0.17, leg=0.72, wing=1.08
    ),
    "jay": Build(depth=0.52, tilt=28.0, neck=0.38, neck_angle=50.0, neck_radius=0.38, head=0.42, tail=1.3,
        tail_width=0.25),
    "hummingbird": Build(
        depth=0.46, tilt=46.0, neck=0.36, neck_angle=50.0, neck_radius=0.34, head=0.42, bill=1.15, tail=0.85,
        tail_width=0.22, leg=0.2, wing=1.1
    ),
    "thrush": Build(depth=0.55, tilt=36.0, neck=0.36, neck_angle=54.0, neck_radius=0.37, head=0.39, tail=1.0,
        tail_width=0.2, leg=0.56),
    "gull": Build(
        depth=0.49, tilt=10.0, neck=0.46, neck_angle=56.0, neck_radius=0.31, head=0.36, bill=0.9, tail=0.75,
        tail_width=0.2, leg=0.5, wing=1.2
    ),
    "swallow": Build(
        depth=0.44, tilt=30.0, neck=0.32, neck_angle=44.0, neck_radius=0.35, head=0.37, bill=0.6, tail=1.35,
        tail_width=0.3, leg=0.2, wing=1.25
    ),
    "kingfisher": Build(depth=0.56, tilt=48.0, neck=0.40, neck_angle=56.0, neck_radius=0.45, head=0.50, bill=1.05,
        tail=0.75, tail_width=0.2, leg=0.22),
    "parrot": Build(depth=0.52, tilt=54.0, neck=0.40, neck_angle=60.0, neck_radius=0.42, head=0.45, bill=0.95,
        tail=1.45, tail_width=0.17, leg=0.26),
}  # fmt: skip

_OUTLINES = {  # closed control polygons
    "wing": ((0.40, -0.10), (0.24, -0.33), (-0.16, -0.37), (-0.64, -0.22), (-1.16, 0.02), (-0.80, 0.14),
        (-0.38, 0.25), (0.02, 0.28), (0.30, 0.14)),
    "coverts": ((0.40, -0.10), (0.24, -0.33), (-0.10, -0.34), (-0.32, -0.16), (-0.22, 0.08), (0.02, 0.21),
        (0.30, 0.14)),
    "crest": ((0.62, -0.70), (0.25, -1.05), (-0.35, -1.38), (-1.30, -1.42), (-0.95, -0.95), (-0.72, -0.45),
        (0.10, -0.35)),
    "belly": ((0.66, 0.36), (0.30, 0.06), (-0.30, 0.04), (-0.85, -0.02), (-1.20, 0.20), (-0.80, 0.90), (0.20, 1.00),
        (0.60, 0.80)),
    "breast": ((0.98, -0.22), (0.62, -0.16), (0.36, 0.02), (0.24, 0.36), (0.36, 0.90), (0.80, 0.85), (1.25, 0.30)),
    "crown": ((1.15, -0.35), (0.45, -0.30), (-0.20, -0.20), (-0.78, -0.12), (-1.20, -0.45), (-0.70, -1.30),
        (0.50, -1.35)),
    "forehead": ((1.35, 0.05), (0.62, -0.05), (0.46, -0.45), (0.58, -1.05), (1.20, -0.90)),
    "throat": ((1.40, 0.18), (0.70, 0.16), (0.10, 0.40), (-0.14, 0.80), (0.00, 1.25), (0.65, 1.40), (1.35, 0.95)),
}  # fmt: skip

_BILLS = {  # upper edge from the base to the tip and back; x is scaled by the length, y by the depth
    "conical": ((0.0, -0.40), (0.45, -0.30), (1.0, 0.06), (0.5, 0.22), (0.0, 0.34)),
    "pointed": ((0.0, -0.19), (0.5, -0.11), (1.0, 0.03), (0.5, 0.10), (0.0, 0.16)),
    "needle": ((0.0, -0.12), (0.5, -0.08), (1.0, -0.02), (0.5, 0.06), (0.0, 0.11)),
    "dagger": ((0.0, -0.27), (0.4, -0.19), (1.0, 0.03), (0.4, 0.19), (0.0, 0.25)),
    "chisel": ((0.0, -0.22), (0.5, -0.16), (0.96, -0.05), (1.0, 0.06), (0.5, 0.15), (0.0, 0.19)),
    "curved": ((0.0, -0.20), (0.35, -0.20), (0.75, -0.06), (1.0, 0.36), (0.72, 0.13), (0.35, 0.03), (0.0, 0.15)),
    "hooked": ((0.0, -0.42), (0.45, -0.42), (0.85, -0.22), (1.0, 0.12), (0.92, 0.46), (0.78, 0.12), (0.5, 0.20),
        (0.0, 0.30)),
    "flat": ((0.0, -0.36), (0.3, -0.12), (0.7, 0.04), (1.0, 0.06), (1.04, 0.22), (0.85, 0.32), (0.4, 0.28),
        (0.0, 0.30)),
}  # fmt: skip
_BILL_LENGTHS = {
    "conical": 0.95,
    "pointed": 1.0,
    "needle": 1.05,
    "dagger": 1.15,
    "chisel": 1.15,
    "curved": 1.05,
    "hooked": 0.78,
    "flat": 1.1,
}

_TAILS = {  # x: 0 at the base, 1 at the end; y: half widths
    "rounded": ((0.0, -0.75), (0.8, -1.0), (0.95, -0.7), (1.04, 0.0), (0.95, 0.7), (0.8, 1.0), (0.0, 0.75)),
    "square": ((0.0, -0.75), (1.0, -1.0), (1.0, 1.0), (0.0, 0.75)),
    "notched": ((0.0, -0.65), (1.0, -1.15), (0.84, 0.0), (1.0, 1.15), (0.0, 0.65)),
    "forked": ((0.0, -0.65), (0.6, -0.95), (1.1, -1.35), (0.9, -0.75), (0.55, 0.0), (0.9, 0.75), (1.1, 1.35),
        (0.6, 0.95), (0.0, 0.65)),
    "pointed": ((0.0, -0.8), (0.55, -0.9), (1.08, -0.1), (1.08, 0.1), (0.55, 0.9), (0.0, 0.8)),
}  # fmt: skip


def smooth_outline(corners: Float[np.ndarray, "corners 2"], steps: int = 5) -> Points:
    """A closed Catmull-Rom curve through `corners`, `steps` points a corner."""
    before, after, beyond = np.roll(corners, 1, 0), np.roll(corners, -1, 0), np.roll(corners, -2, 0)
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = before[:, None], corners[:, None], after[:, None], beyond[:, None]
    curve = 2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * (p1 - p2) + p3 - p0) * t**3
    return np.asarray(0.5 * curve.reshape(-1, 2))


@cache
def outline(part: str, family: str) -> Points:
    """A part's outline in its own frame (the body's, or head radii), fitted to the family's build."""
    curve, build = smooth_outline(np.array(_OUTLINES[part])), BUILDS[family]
    if part in ("wing", "coverts"):
        curve = (curve - (0.5, 0.0)) * (build.wing, build.depth / 0.55) + (0.5, 0.0)
    elif part in ("belly", "breast"):
        curve = curve * (1.0, build.depth / 0.55)
    return curve


@cache
def bill_outline(shape: str, length: str, family: str) -> Points:
    """The bill's outline in head radii, its base inside the head."""
    reach = _BILL_LENGTHS[shape] * BUILDS[family].bill * (1.75 if length == "long" else 1.0)
    corners = np.array(_BILLS[shape])
    return np.concatenate((((0.4, 0.28),), corners * (reach, 1.0) + (0.86, 0.10), ((0.4, -0.1),)))[1:-1]


@cache
def tail_outline(shape: str, length: str, family: str) -> Points:
    """The tail's outline in the tail's frame: its base at the origin, its end towards negative x."""
    build = BUILDS[family]
    reach = build.tail * (1.0 if length == "long" else 0.6)
    return np.array(_TAILS[shape]) * (-reach, build.tail_width)


@cache
def tail_tip_outline(shape: str, length: str, family: str) -> Points:
    """The last quarter of the tail, in the tail's frame."""
    whole = tail_outline(shape, length, family)
    border = 0.76 * float(whole[:, 0].min())
    tip: list[Points] = []
    for start, end in zip(whole, np.roll(whole, -1, 0), strict=True):
        if start[0] <= border:
            tip.append(start)
        if (start[0] <= border) != (end[0] <= border):
            tip.append(start + (end - start) * (border - start[0]) / (end[0] - start[0]))
    return np.array(tip)


@cache
def body_chain(family: str) -> Float[np.ndarray, "circles 3"]:
    """Circles (x, y, radius) in the body's frame whose union is the body, from the rump to the shoulder."""
    depth = BUILDS[family].depth
    knots = np.array(
        (
            (-1.06, 0.0, 0.10),
            (-0.82, 0.01, 0.45 * depth),
            (-0.45, 0.01, 0.84 * depth),
            (-0.05, 0.0, depth),
            (0.28, -0.02, 0.96 * depth),
            (0.56, -0.08, 0.74 * depth),
        )
    )
    places = np.linspace(0, len(knots) - 1, 16)
    return np.stack([np.interp(places, np.arange(len(knots)), knot) for knot in knots.T], axis=1)
