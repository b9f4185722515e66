"""From a picture of any size and shape to the tensor that a network was trained on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from whynet.base.errors import SettingError
from whynet.base.types import Images, Picture

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Resize, scale to [0, 1], subtract a mean and divide by a standard deviation.

    Args:
        height: Of the network's input, in pixels.
        width: Likewise.
        fit: "stretch" shows the network every pixel and lets the aspect go; "crop" keeps the aspect: the shorter side
            is fitted and the centre is cut out.
        mean: Of each colour channel, in [0, 1].
        std: Of each colour channel; positive.

    Raises:
        SettingError: A side is below 1, `fit` is unknown, or a standard deviation is not positive.
    """

    height: int
    width: int
    fit: Literal["stretch", "crop"] = "stretch"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise SettingError(f"an input of at least 1 x 1 pixel was expected, not {self.width} x {self.height}")
        if self.fit not in ("stretch", "crop"):
            raise SettingError(f"fit must be 'stretch' or 'crop', not {self.fit!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise SettingError(f"three means and three positive deviations were expected, not {self.mean}, {self.std}")

    def resize(self, picture: Picture) -> UInt8[np.ndarray, "height width 3"]:
        """The picture at the network's input size."""
        rows, columns = picture.shape[:2]
        if self.fit == "crop":
            scale = max(self.height / rows, self.width / columns)
            # The part of the picture that fills the input, cut out first: a 1 x 20,000 strip is never enlarged whole.
            kept_rows = min(rows, max(1, round(self.height / scale)))
            kept_columns = min(columns, max(1, round(self.width / scale)))
            top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
            picture = picture[top : top + kept_rows, left : left + kept_columns]
            rows, columns = kept_rows, kept_columns
        if (rows, columns) == (self.height, self.width):
            return picture
        shrinking = self.height <= rows and self.width <= columns
        method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(picture, (self.width, self.height), interpolation=method), dtype=np.uint8)

    def normalise(self, pictures: UInt8[Tensor, "batch height width 3"]) -> Images:
        """Resized pictures, 0 to 255, as the network's input."""
        mean = torch.tensor(self.mean, device=pictures.device)
        std = torch.tensor(self.std, device=pictures.device)
        return ((pictures.float() / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()

    def __call__(self, pictures: Sequence[Picture]) -> Images:
        """A batch for the network, from pictures of any sizes; raises `SettingError` if there are none."""
        if not pictures:
            raise SettingError("at least one picture was expected, none came")
        resized = np.stack([self.resize(picture) for picture in pictures])
        return self.normalise(torch.from_numpy(resized))

    def to_json(self) -> dict[str, Any]:
        """The settings as values that `json.dump` takes; `Preprocessing.from_json` is the way back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Preprocessing":
        """The preprocessing that `to_json` wrote; raises `SettingError` if it cannot be one."""
        try:
            return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})
        except (TypeError, KeyError, ValueError) as error:
            raise SettingError(
                f"a preprocessing (height, width, fit, mean, std) was expected, not {values!r}"
            ) from error
