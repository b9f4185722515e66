"""One bird on one day: which plumage it wears, how it stands, and the light and scenery it is seen in.

Everything random about a picture is drawn here, before anything is painted, so that an intervention (a part removed or
recoloured) changes the picture where that part is and nowhere else.
"""

import random
from dataclasses import dataclass, replace
from hashlib import blake2b

from whynet.base.errors import SettingError
from whynet.data.birds.anatomy import BUILDS
from whynet.data.birds.species import Species

MAX_DEPARTURES = 4.0


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """How far individuals stray; larger numbers make classification harder.

    Args:
        female, winter, rare: Chance of each departure from the summer male of the common morph.
        fill: Least and greatest share of the picture's side that the bird spans.
        shift: Greatest displacement from the centre, as a share of the room that is left.
        rotation: Standard deviation of the picture's roll, degrees.
        tilt, neck, pitch: Standard deviations of the body's, neck's and head's angle, degrees.
        colour_jitter: Standard deviation of a part's brightness, as a share.
        hue_jitter: Standard deviation of a part's red, green and blue against each other, as a share.
        exposure: Standard deviation of the picture's log brightness.
        temperature: Standard deviation of the log ratio of red to blue light.
        shading: Least and greatest strength of the light's direction.
        noise: Least and greatest standard deviation of the sensor's noise, grey levels of 255.
        occluder: Chance that a leaf, a twig or a reed stands in front.
    """

    female: float = 0.22
    winter: float = 0.12
    rare: float = 0.1
    fill: tuple[float, float] = (0.58, 0.98)
    shift: float = 0.9
    rotation: float = 7.0
    tilt: float = 7.0
    neck: float = 9.0
    pitch: float = 9.0
    colour_jitter: float = 0.1
    hue_jitter: float = 0.04
    exposure: float = 0.17
    temperature: float = 0.09
    shading: tuple[float, float] = (0.25, 0.6)
    noise: tuple[float, float] = (2.0, 8.0)
    occluder: float = 0.4

    def with_departures(self, factor: float) -> "Difficulty":
        """The same with departures from the common plumage `factor` times as likely, 0 to 4; 0: a species looks alike.

        Raises:
            SettingError: The factor is out of its range.
        """
        if not 0 <= factor <= MAX_DEPARTURES:
            raise SettingError(f"departures 0 to {MAX_DEPARTURES} times as likely were expected, not {factor}")
        return replace(self, female=self.female * factor, winter=self.winter * factor, rare=self.rare * factor)


@dataclass(frozen=True, kw_only=True)
class Individual:
    """What is random about one picture.

    Args:
        sex, season, morph: Which plumage of its species the bird wears.
        stance: "perch", "ground", "water" or "trunk".
        mirrored: Whether it looks to the left (its left side is seen).
        fill, shift_x, shift_y, roll: Size and place in the picture; shifts in [-1, 1] of the room left; roll in
            degrees.
        tilt, neck_angle, pitch: The body's, neck's and head's angles, degrees.
        droop: Degrees by which the wing hangs.
        far_wing: How far the tip of the other wing shows, 0 to 1.
        gains: Brightness factors of red, green and blue for each slot of the plumage, in `SLOTS`' order.
        light: Degrees from which the light comes; 90 is from above.
        shading, exposure, temperature, noise: As in `Difficulty`, now drawn.
        occluder: None, "leaf", "twig" or "reed".
        key: Seed of the scenery, the streaks and the noise.
    """

    sex: str
    season: str
    morph: str
    stance: str
    mirrored: bool
    fill: float
    shift_x: float
    shift_y: float
    roll: float
    tilt: float
    neck_angle: float
    pitch: float
    droop: float
    far_wing: float
    gains: tuple[tuple[float, float, float], ...]
    light: float
    shading: float
    exposure: float
    temperature: float
    noise: float
    occluder: str | None
    key: int


SLOTS = ("crown", "forehead", "nape", "throat", "breast", "belly", "back", "wing", "tail", "bill", "leg")
"""Slots of a plumage whose colour varies from bird to bird."""

_SIZES = {"small": 0.88, "medium": 0.95, "large": 1.0}


def draw_individual(species: Species, stream: str, difficulty: Difficulty) -> Individual:
    """Draw a bird of a species; the same stream gives the same bird.

    Args:
        species: Its species.
        stream: Names the random stream, as in "20/test/0/17".
        difficulty: How far it may stray.
    """
    key = int.from_bytes(blake2b(stream.encode(), digest_size=8).digest(), "big")
    rng = random.Random(key)  # noqa: S311 - pictures are drawn, nothing is secret
    gauss, uniform = rng.gauss, rng.uniform
    build = BUILDS[species.family.noun]
    gains = []
    for _ in SLOTS:
        light = 1 + difficulty.colour_jitter * _bounded(gauss(0, 1))
        hue = difficulty.hue_jitter
        gains.append((light + hue * _bounded(gauss(0, 1)), light, light + hue * _bounded(gauss(0, 1))))
    return Individual(
        sex="female" if rng.random() < difficulty.female else "male",
        season="winter" if rng.random() < difficulty.winter else "summer",
        morph="rare" if rng.random() < difficulty.rare else "common",
        stance=rng.choice(species.family.stances),
        mirrored=rng.random() < 0.5,
        fill=uniform(*difficulty.fill) * _SIZES[species.family.size],
        shift_x=difficulty.shift * uniform(-1, 1),
        shift_y=difficulty.shift * uniform(-1, 1),
        roll=difficulty.rotation * _bounded(gauss(0, 1)),
        tilt=build.tilt + difficulty.tilt * _bounded(gauss(0, 1)),
        neck_angle=build.neck_angle + difficulty.neck * _bounded(gauss(0, 1)),
        pitch=build.pitch + difficulty.pitch * _bounded(gauss(0, 1)),
        droop=uniform(-6, 9),
        far_wing=max(0.0, uniform(-0.6, 1)),
        gains=tuple(gains),
        light=uniform(35, 145),
        shading=uniform(*difficulty.shading),
        exposure=difficulty.exposure * _bounded(gauss(0, 1)),
        temperature=difficulty.temperature * _bounded(gauss(0, 1)),
        noise=uniform(*difficulty.noise),
        occluder=rng.choice(("leaf", "twig", "reed")) if rng.random() < difficulty.occluder else None,
        key=key,
    )


def _bounded(deviation: float) -> float:
    """Within two and a half standard deviations, so that no bird falls apart."""
    return max(-2.5, min(2.5, deviation))
