"""A posed bird: the frames of its body, head and tail, and the points its parts hang on, in canvas pixels."""

import math
from dataclasses import dataclass

import numpy as np

from whynet.data.birds.anatomy import BUILDS, Affine, Build, Points, bill_outline, body_chain, outline, tail_outline
from whynet.data.birds.individual import Individual
from whynet.data.birds.species import Species


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Hip, ankle and foot in canvas pixels, and the toes' ends."""

    hip: tuple[float, float]
    ankle: tuple[float, float]
    foot: tuple[float, float]
    toes: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where everything is, in canvas pixels.

    Args:
        view: From the world (half bodies) to canvas pixels.
        body, head, tail, wing, far_wing: From these parts' frames to canvas pixels.
        neck: The neck's circles (x, y, radius), from the shoulder to the head.
        near_leg, far_leg: The legs.
        unit: Canvas pixels of half a body.
    """

    view: Affine
    body: Affine
    head: Affine
    tail: Affine
    wing: Affine
    far_wing: Affine
    neck: tuple[tuple[float, float, float], ...]
    near_leg: Leg
    far_leg: Leg
    unit: float


def pose_bird(species: Species, individual: Individual, size: int) -> Pose:
    """Place an individual on a square canvas of `size` pixels so that all of it spans `individual.fill` of the side.

    Args:
        species: Fixes the build and the shapes of bill and tail.
        individual: Fixes angles, scale and shift.
        size: Side of the canvas in pixels.
    """
    family = species.family.noun
    build = BUILDS[family]
    body = Affine.similarity(1.0, individual.tilt)
    shoulder = body.point(0.52, -0.10 * build.depth)
    angle = math.radians(individual.neck_angle)
    centre = (shoulder[0] + build.neck * math.cos(angle), shoulder[1] - build.neck * math.sin(angle))
    head = Affine.similarity(build.head, individual.pitch, *centre)
    base = body.point(-0.88, 0.0)
    tail = Affine.similarity(1.0, individual.tilt - build.tail_angle, *base)
    hinge = Affine.similarity(1.0, individual.droop, 0.5, -0.1)
    wing = body.after(hinge).after(Affine.similarity(1.0, 0.0, -0.5, 0.1))
    far_hinge = Affine.similarity(
        1.0, individual.droop - 9 * individual.far_wing, 0.5, -0.1 - 0.08 * individual.far_wing
    )
    far_wing = body.after(far_hinge).after(Affine.similarity(1.0, 0.0, -0.5, 0.1))
    legs = _world_legs(species, individual, body)
    extents = _extents(species, individual, body, head, tail, legs)
    turn = Affine.similarity(1.0, individual.roll, mirrored=individual.mirrored)
    seen = turn.points(extents)
    low, high = seen.min(0), seen.max(0)
    unit = individual.fill * size / float((high - low).max())
    room = size - unit * (high - low)
    shift = (room * (1.0 + np.array((individual.shift_x, individual.shift_y)))) / 2 - unit * low
    view = Affine.similarity(unit, individual.roll, float(shift[0]), float(shift[1]), mirrored=individual.mirrored)
    near, far = (
        Leg(
            hip=view.point(*hip),
            ankle=view.point(*ankle),
            foot=view.point(*foot),
            toes=tuple(view.point(*toe) for toe in toes),
        )
        for hip, ankle, foot, toes in legs
    )
    return Pose(
        view=view, body=view.after(body), head=view.after(head), tail=view.after(tail), wing=view.after(wing),
        far_wing=view.after(far_wing), neck=_neck(build.neck_radius, build.head, shoulder, centre, build.depth, view),
        near_leg=near, far_leg=far, unit=unit,
    )  # fmt: skip


_Point = tuple[float, float]
_WorldLeg = tuple[_Point, _Point, _Point, tuple[_Point, ...]]


def _world_legs(species: Species, individual: Individual, body: Affine) -> tuple[_WorldLeg, _WorldLeg]:
    """Near and far leg in the world's frame; on a trunk the feet reach forward to it, elsewhere down."""
    build = BUILDS[species.family.noun]
    if individual.stance == "trunk":
        near, far = body.point(0.05, 0.8 * build.depth), body.point(-0.35, 0.8 * build.depth)
        edge = _trunk_edge(build, body)
        climbing: list[_WorldLeg] = []
        for x, y in (near, far):
            foot = (edge + 0.03, y - 0.12)
            grip = ((edge + 0.16, y - 0.24), (edge + 0.17, y - 0.08))
            climbing.append(((x, y), ((x + edge) / 2, y + 0.06), foot, grip))
        return climbing[0], climbing[1]
    hip_y = body.point(0.0, 0.8 * build.depth)[1]
    reach = build.leg + 0.2 * build.depth
    bend = 0.22 * reach
    legs: list[_WorldLeg] = []
    for step, lift in ((0.0, 0.0), (0.22, 0.03)):
        x = body.point(0.02, 0.8 * build.depth)[0] + step
        ankle, foot = (x - bend, hip_y + 0.52 * reach), (x + 0.04, hip_y + reach - lift)
        toes = tuple((foot[0] + toe, foot[1] + drop) for toe, drop in ((0.17, 0.04), (0.12, 0.08), (-0.10, 0.04)))
        legs.append(((x, hip_y), ankle, foot, toes))
    return legs[0], legs[1]


def _trunk_edge(build: Build, body: Affine) -> float:
    """How far to the right the trunk begins, in the world's frame: a little before the belly."""
    return body.point(0.0, build.depth)[0] + 0.12


def _extents(
    species: Species,
    individual: Individual,
    body: Affine,
    head: Affine,
    tail: Affine,
    legs: tuple[_WorldLeg, _WorldLeg],
) -> Points:
    family = species.family.noun
    build = BUILDS[family]
    chain = body_chain(family)
    middle = body.points(chain[:, :2])
    reach = chain[:, 2:]
    parts = [
        middle - reach,
        middle + reach,
        head.points(bill_outline(species.bill_shape, species.bill_length, family)),
        head.points(np.array(((0.0, -1.1), (-1.0, -0.3), (1.0, -0.3)))),
        tail.points(tail_outline(species.tail_shape, species.tail_length, family)),
        body.points(outline("wing", family) * (build.wing, 1.0)),
    ]
    if individual.stance != "water" or build.leg > 0.4:
        parts.append(np.array([leg[2] for leg in legs]))
    return np.concatenate(parts)


def _neck(
    radius: float, head_radius: float, shoulder: _Point, centre: _Point, depth: float, view: Affine
) -> tuple[tuple[float, float, float], ...]:
    """Circles from within the shoulder to the head, narrowest in the middle of a long neck."""
    circles = []
    for step in range(9):
        t = step / 8
        width = (1 - t) ** 2 * 0.74 * depth + 2 * t * (1 - t) * radius + t**2 * head_radius * 0.94
        x, y = shoulder[0] + t * (centre[0] - shoulder[0]), shoulder[1] + t * (centre[1] - shoulder[1])
        circles.append((*view.point(x, y), width * view.scale))
    return tuple(circles)
