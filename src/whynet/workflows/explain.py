"""`whynet explain`: pictures in, "This is an image of a Tree Sparrow because this bird has ..." out."""

import logging
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from whynet.base.errors import DataError, ImageError
from whynet.base.explanation import Explanations
from whynet.base.image import read_image
from whynet.base.types import Picture
from whynet.data.example import Example
from whynet.workflows.explainer import Explainer
from whynet.workflows.run import Run

_log = logging.getLogger(__name__)


def explain(
    run: Run | str | Path,
    images: Any,
    *,
    beam: int = 1,
    grounded: bool = True,
    structures: Collection[str] = (),
    device: str = "auto",
    allow: str | None = None,
    skip_bad: bool = False,
) -> Explanations:
    """Explain pictures with a trained run.

    Args:
        run: A run, or its folder.
        images: A path, a picture (RGB, 0 to 255, as an array (height, width, 3) or a PIL image), an `Example`, or
            several of these.
        beam: Sentences kept side by side while one is written; 1 is greedy.
        grounded: Whether to trace each content word back to the layers and units it came from.
        structures: "tree" adds the way down the decision tree of the class, "graph" the surest nodes of its
            explanatory graph, where the run has one.
        device: Where to compute: "cpu", "cuda", ..., or "auto".
        allow: "package.module:function" that may run, where the run explains the user's own network.
        skip_bad: Leave out files that cannot be used, and name them in the log.

    Returns:
        One explanation a picture, in order; a list that a notebook shows well.

    Raises:
        DataError: There is no picture, or none that can be used.
        ImageError: A picture cannot be used.
        RunError: The run is absent or damaged, or has no such structure.
    """
    several = images if isinstance(images, Iterable) and not isinstance(images, (str, np.ndarray)) else [images]
    if hasattr(images, "convert"):
        several = [images]
    explainer = Explainer(run, device=device, allow=allow)
    opened: list[tuple[str, Picture]] = []
    bad: list[ImageError] = []
    for index, image in enumerate(several):
        try:
            opened.append(_opened(image, f"image {index}"))
        except ImageError as error:
            if not skip_bad:
                raise
            bad.append(error)
    if not opened:
        raise bad[0] if len(bad) == 1 else DataError(_none_came(bad))
    for one in bad:
        _log.warning("left out: %s", one)
    names, pictures = [name for name, _ in opened], [picture for _, picture in opened]
    return explainer.explain(pictures, names, beam=beam, grounded=grounded, structures=structures)


def _none_came(bad: list[ImageError]) -> str:
    if not bad:
        return "at least one picture to explain was expected, none came"
    return f"none of {len(bad)} pictures can be used; the first: {bad[0]}"


def _opened(image: Any, name: str) -> tuple[str, Picture]:
    if isinstance(image, Example):
        return image.name, image.image
    if isinstance(image, (str, Path)):
        return str(image), read_image(Path(image))
    if hasattr(image, "convert"):  # a PIL image
        return name, np.asarray(image.convert("RGB"))
    if (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.ndim == 3
        and image.shape[2] == 3
        and image.size
    ):
        return name, image
    kind = f"{image.dtype} array of shape {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
    raise DataError(f"a path, a PIL image, an Example or a uint8 array (height, width, 3) was expected, not a {kind}")
