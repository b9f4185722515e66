"""The colours that plumages and captions name."""

from whynet.data.birds.canvas import RGB

COLOURS: dict[str, RGB] = {
    "black": (40, 38, 42),
    "white": (236, 233, 226),
    "grey": (138, 141, 147),
    "brown": (118, 78, 50),
    "tan": (200, 166, 120),
    "red": (192, 42, 38),
    "orange": (230, 124, 34),
    "yellow": (236, 204, 54),
    "green": (84, 132, 60),
    "blue": (52, 98, 180),
    "pink": (226, 146, 158),
}
DOWN: RGB = (176, 168, 162)
"""The down under a removed patch of plumage."""
