"""Light: the roundness of the bird, the wing's shadow, colour temperature, exposure and the sensor's noise."""

import math
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from whynet.base.types import Picture
from whynet.data.birds.individual import Individual

_GRID = 64
"""Shading is smooth: it is computed on a grid of this many cells a side and enlarged."""


def light_up(
    picture: Picture,
    coverage: UInt8[np.ndarray, "height width"],
    body: UInt8[np.ndarray, "canvas canvas"],
    wing_shadow: Int[np.ndarray, "points 2"] | None,
    wing: Bool[np.ndarray, "height width"],
    individual: Individual,
    unit: float,
) -> Picture:
    """Shade the bird, tint the picture and add noise.

    Args:
        picture: Flat colours.
        coverage: How much of each pixel the visible bird covers, 0 to 255.
        body: Mask of body, neck and head on the painter's canvas, not cut by occlusion.
        wing_shadow: Outline of the wing's shadow in the canvas' fixed point pixels; None without a wing.
        wing: Where the wing is seen: it is not in its own shadow.
        individual: Direction and strength of the light, exposure, temperature, noise.
        unit: Half a body as a share of the picture's side.
    """
    size = picture.shape[0]
    small = cv2.resize(body, (_GRID, _GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
    small *= 1 / 255
    height = cv2.GaussianBlur(small, (0, 0), max(1.0, 0.22 * unit * _GRID))
    angle = math.radians(individual.light)
    # cos to the right, sin upward; a slope that falls towards the light faces it
    rightward = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=-math.cos(angle) * unit * _GRID / 8)
    downward = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=math.sin(angle) * unit * _GRID / 8)
    slope = np.asarray(rightward + downward, np.float32)
    shade = individual.shading * 1.5 * slope
    np.clip(shade, -0.42, 0.34, out=shade)
    if wing_shadow is not None:
        cast = np.zeros((_GRID, _GRID), np.float32)
        points = (wing_shadow * (_GRID / body.shape[0])).astype(np.int32)
        cv2.fillPoly(cast, [points], 0.3, cv2.LINE_8, 4)
        cast = np.asarray(cv2.GaussianBlur(cast, (3, 3), 0.8), np.float32)
    shade = _enlarged(shade, size)
    if wing_shadow is not None:
        shade -= np.where(wing, np.float32(0), _enlarged(cast, size) * np.float32(0.7))
    shade *= coverage.astype(np.float32) * np.float32(1 / 255)
    grain = _feather_grain(size)
    offset = individual.key % size
    shade += np.roll(grain, (offset, (individual.key >> 8) % size), (0, 1)) * (coverage * np.float32(1 / 255))
    warm = individual.temperature
    gains = np.exp(np.array((0.5 * warm, 0.0, -0.5 * warm)) + individual.exposure).astype(np.float32)
    lit = picture.astype(np.float32)
    lit *= (1 + shade)[:, :, None] * gains
    noise = np.random.default_rng(individual.key).standard_normal((size, size), np.float32)
    noise *= individual.noise
    noise += 16 * shade  # black plumage shines where the light falls
    lit += noise[:, :, None]
    return np.clip(lit, 0, 255, out=lit).astype(np.uint8)


def _enlarged(field: Float[np.ndarray, "rows columns"], size: int) -> Float[np.ndarray, "height width"]:
    if size == _GRID:
        return field
    return np.asarray(cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


@lru_cache(maxsize=4)
def _feather_grain(size: int) -> Float[np.ndarray, "size size"]:
    """A fixed soft texture, finer than any part."""
    noise = np.random.default_rng(15).standard_normal((size, size)).astype(np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), max(0.5, size / 160), sigmaY=max(0.4, size / 320))
    return np.asarray(grain * (0.05 / grain.std()), np.float32)
