"""`whynet explain`: pictures in, "This is an image of a Tree Sparrow because this bird has ..." out."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from whynet.base.errors import DataError
from whynet.base.explanation import Explanations
from whynet.base.image import read_image
from whynet.base.types import Picture
from whynet.data.example import Example
from whynet.workflows.explainer import Explainer
from whynet.workflows.run import Run


def explain(
    run: Run | str | Path,
    images: Any,
    *,
    beam: int = 1,
    grounded: bool = True,
    structures: Collection[str] = (),
    device: str = "auto",
    allow: str | None = None,
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

    Returns:
        One explanation a picture, in order; a list that a notebook shows well.

    Raises:
        ImageError: A picture cannot be used.
        RunError: The run is absent or damaged, or has no such structure.
    """
    several = images if isinstance(images, Iterable) and not isinstance(images, (str, np.ndarray)) else [images]
    if hasattr(images, "convert"):
        several = [images]
    explainer = Explainer(run, device=device, allow=allow)
    opened = [_opened(image, f"image {index}") for index, image in enumerate(several)]
    if not opened:
        raise DataError("at least one picture to explain was expected, none came")
    names, pictures = [name for name, _ in opened], [picture for _, picture in opened]
    return explainer.explain(pictures, names, beam=beam, grounded=grounded, structures=structures)


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
