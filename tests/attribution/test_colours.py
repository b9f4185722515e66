"""Colours by their ratio to the scale."""

import numpy as np
import pytest

from whynet.attribution.colours import colour_table, coloured, opacity


def lightness(table):
    """Relative luminance of sRGB colours."""
    linear = np.where(table / 255 <= 0.04045, table / 255 / 12.92, ((table / 255 + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def test_lightness_alone_tells_the_order():
    assert (np.diff(lightness(colour_table(signed=False))) >= -1e-3).all()
    signed = lightness(colour_table(signed=True))
    assert (np.diff(signed[:128]) >= -1e-3).all()
    assert (np.diff(signed[128:]) <= 1e-3).all()


def test_signed_colours_are_blue_white_and_red():
    low, zero, high = coloured(np.array([[-1.0, 0.0, 1.0]], dtype=np.float32), signed=True)[0].astype(int)
    assert low[2] > low[0] + 50
    assert high[0] > high[2] + 50
    assert zero.min() > 240


def test_beyond_the_scale_is_the_colour_of_its_end():
    ratios = np.array([[-3.0, 0.0, 1.0, 7.0]], dtype=np.float32)
    found = coloured(ratios, signed=False)[0].tolist()
    assert found[0] == found[1] == colour_table(signed=False)[0].tolist()
    assert found[2] == found[3] == colour_table(signed=False)[255].tolist()


def test_opacity_rises_with_the_size_alone():
    found = opacity(np.array([[0.0, -0.25, 0.25, 1.0, 9.0]], dtype=np.float32), most=0.8)[0]
    assert found == pytest.approx([0, 0.4, 0.4, 0.8, 0.8])
