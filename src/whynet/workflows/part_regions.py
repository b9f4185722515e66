"""Which part each pixel of what the network sees belongs to: an example's annotations, taken through the preprocessing.

`View` says where things lie in what the network sees. A pixel of the input shows the part that the picture's part map
has under the pixel's centre; the weights can be had at any resolution, that of a layer's maps, too.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import DataError
from whynet.base.types import Images, Picture
from whynet.data.example import Example
from whynet.metrics.part_weights import box_weights, mask_weights, point_weights
from whynet.models.preprocessing import Preprocessing
from whynet.workflows.view import View

Source: TypeAlias = Literal["points", "boxes", "masks"]
"""What says where the parts are: landmarks, part boxes or a part map."""


def available_sources(example: Example) -> tuple[Source, ...]:
    """What says where the parts are, the surest first: boxes and points only where at least one part has one."""
    masks, boxes, points = example.part_map, example.part_boxes, example.landmarks
    known: dict[Source, bool] = {
        "masks": masks is not None,
        "boxes": boxes is not None and not bool(np.isnan(boxes).all()),
        "points": points is not None and bool((points[:, 2] > 0).any()),
    }
    return tuple(source for source, is_known in known.items() if is_known)


def sees_parts(preprocess: Preprocessing, example: Example, height: int, width: int, source: Source) -> bool:
    """Whether the network sees at least one part of an example that has the source; `part_regions` needs one.

    Args:
        preprocess: Of the network.
        example: With what `source` asks for.
        height: Of the weights to be.
        width: Likewise.
        source: What says where the parts are.
    """
    view = View.through(preprocess, example.image, height, width)
    if source == "points" and example.landmarks is not None:
        return bool(view.landmarks(example.landmarks)[:, 2].any())
    if source == "boxes" and example.part_boxes is not None:
        return bool(np.isfinite(view.boxes(example.part_boxes)).any())
    return True


def part_regions(
    preprocess: Callable[[Sequence[Picture]], Images],
    example: Example,
    num_parts: int,
    height: int,
    width: int,
    source: Source,
) -> Float[Tensor, "regions {height} {width}"]:
    """P(part | pixel) for what the network sees of an example; what it does not see counts as not visible.

    Args:
        preprocess: Of the network: a `Preprocessing`, since other functions do not say what they cut off.
        example: With what `source` asks for; see `available_sources`. Without a box of the object, points share the
            whole picture.
        num_parts: Length of the data set's `part_names`.
        height: Of the weights, which spread over the network's whole input: the rows of the input, or of a layer's map.
        width: Likewise.
        source: What says where the parts are.

    Returns:
        For each part, and last for the context, each pixel's weight in [0, 1]; see `whynet.metrics.part_weights`.

    Raises:
        SettingError: `preprocess` is no `Preprocessing`.
        DataError: The example lacks the source, has another number of parts, or shows the network none of them.
    """
    view = View.through(preprocess, example.image, height, width)
    masks, boxes, points = example.part_map, example.part_boxes, example.landmarks
    try:
        if source == "masks" and masks is not None:
            return mask_weights(view.part_map(masks), num_parts)
        if source == "boxes" and boxes is not None:
            _check_number(len(boxes), num_parts)
            return box_weights(view.boxes(boxes), height, width)
        if source == "points" and points is not None:
            _check_number(len(points), num_parts)
            box = None if example.box is None else view.box(example.box)
            return point_weights(view.landmarks(points), box, height, width)
    except DataError as error:
        raise DataError(f"{example.name}: {error}") from error
    there = ", ".join(available_sources(example)) or "nothing of the kind"
    raise DataError(
        f"{example.name}: {source} were expected to say where its parts are, but it has {there}; take another source "
        "or leave the example out"
    )


def _check_number(found: int, num_parts: int) -> None:
    if found != num_parts:
        raise DataError(f"{num_parts} parts were expected, but {found} are annotated; check the number of parts")
