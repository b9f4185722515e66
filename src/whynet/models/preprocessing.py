"""From a picture of any size and shape to the tensor that a network was trained on.

"area" shrinks by averaging, with OpenCV. The other interpolations are Pillow's, which timm and torchvision use too: the
bytes are theirs, give or take two of 255 levels where the cut falls between two pixels.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from whynet.base.errors import SettingError
from whynet.base.types import Box, Images, Picture

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Interpolation = Literal["area", "nearest", "bilinear", "bicubic", "lanczos"]
_PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


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
        crop_share: Share of each side of the fitted picture that the network sees, in (0, 1]: the centre. 0.875 is
            torchvision's 224 pixels cut out of 256.
        interpolation: How a picture is resized; all but "area" as Pillow does it, with its smoothing.

    Raises:
        SettingError: A side is below 1, `fit` or `interpolation` is unknown, a standard deviation is not positive, or
            the share is out of its range.
    """

    height: int
    width: int
    fit: Literal["stretch", "crop"] = "stretch"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    crop_share: float = 1.0
    interpolation: Interpolation = "area"

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise SettingError(f"an input of at least 1 x 1 pixel was expected, not {self.width} x {self.height}")
        if self.fit not in ("stretch", "crop"):
            raise SettingError(f"fit must be 'stretch' or 'crop', not {self.fit!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise SettingError(f"three means and three positive deviations were expected, not {self.mean}, {self.std}")
        if not 0 < self.crop_share <= 1:
            raise SettingError(f"a crop share above 0 and up to 1 was expected, not {self.crop_share}")
        if self.interpolation != "area" and self.interpolation not in _PILLOW:
            raise SettingError(
                f"interpolation must be 'area' or one of {', '.join(_PILLOW)}, not {self.interpolation!r}"
            )

    def resize(self, picture: Picture) -> UInt8[np.ndarray, "height width 3"]:
        """The picture at the network's input size."""
        return self._averaged(picture) if self.interpolation == "area" else self._resampled(picture)

    def box(self, rows: int, columns: int) -> Box:
        """The part of a picture that fills the network's input.

        Args:
            rows: Of the picture.
            columns: Likewise.

        Returns:
            left, top, right, bottom in the picture's own pixels; the whole picture where it is stretched uncut.
        """
        if self.interpolation != "area":
            return self._resampled_box(rows, columns)
        left, top, right, bottom = self._averaged_box(rows, columns)
        return float(left), float(top), float(right), float(bottom)

    def _averaged_box(self, rows: int, columns: int) -> tuple[int, int, int, int]:
        if self.fit == "stretch" and self.crop_share == 1:
            return 0, 0, columns, rows
        high, wide = self.height / rows / self.crop_share, self.width / columns / self.crop_share
        if self.fit == "crop":
            high = wide = max(high, wide)
        kept_rows = min(rows, max(1, round(self.height / high)))
        kept_columns = min(columns, max(1, round(self.width / wide)))
        top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
        return left, top, left + kept_columns, top + kept_rows

    def _averaged(self, picture: Picture) -> UInt8[np.ndarray, "height width 3"]:
        left, top, right, bottom = self._averaged_box(*picture.shape[:2])
        # The part of the picture that fills the input, cut out first: a 1 x 20,000 strip is never enlarged whole.
        picture = picture[top:bottom, left:right]
        rows, columns = picture.shape[:2]
        if (rows, columns) == (self.height, self.width):
            return picture
        shrinking = self.height <= rows and self.width <= columns
        method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(picture, (self.width, self.height), interpolation=method), dtype=np.uint8)

    def _resampled_box(self, rows: int, columns: int) -> Box:
        height, width = round(self.height / self.crop_share), round(self.width / self.crop_share)
        if self.fit == "crop":  # the longer side is rounded down, as torchvision's Resize does
            if height * columns >= width * rows:
                width = max(width, int(height * columns / rows))
            else:
                height = max(height, int(width * rows / columns))
        top, left = round((height - self.height) / 2), round((width - self.width) / 2)
        down, across = rows / height, columns / width
        return (
            left * across,
            top * down,
            min((left + self.width) * across, float(columns)),
            min((top + self.height) * down, float(rows)),
        )

    def _resampled(self, picture: Picture) -> UInt8[np.ndarray, "height width 3"]:
        # The cut in the picture's own pixels: Pillow still sees those around it, and never enlarges the rest.
        box = self._resampled_box(*picture.shape[:2])
        method = _PILLOW[self.interpolation]
        resized = Image.fromarray(np.ascontiguousarray(picture)).resize((self.width, self.height), method, box=box)
        return np.array(resized, dtype=np.uint8)  # a copy: Pillow's own memory cannot be written to

    def normalise(self, pictures: UInt8[Tensor, "batch height width 3"]) -> Images:
        """Resized pictures, 0 to 255, as the network's input."""
        # Colours are brought apart first: broadcasting three numbers over the innermost axis is slow.
        mean = torch.tensor(self.mean, device=pictures.device)[:, None, None]
        std = torch.tensor(self.std, device=pictures.device)[:, None, None]
        return (pictures.permute(0, 3, 1, 2).contiguous().float() / 255).sub_(mean).div_(std)

    def blank(self) -> Images:
        """One image of zeros of the size that the network sees: (1, 3, height, width)."""
        return torch.zeros(1, 3, self.height, self.width)

    def denormalise(self, images: Images) -> UInt8[Tensor, "batch height width 3"]:
        """The pictures, 0 to 255, that `normalise` made these images of; what is beyond black and white is cut off."""
        mean = torch.tensor(self.mean, device=images.device)
        std = torch.tensor(self.std, device=images.device)
        levels = 255 * (images.permute(0, 2, 3, 1) * std + mean)
        return levels.round().clamp(0, 255).to(torch.uint8).contiguous()

    def __call__(self, pictures: Sequence[Picture]) -> Images:
        """A batch for the network, from pictures of any sizes; raises `SettingError` if there are none."""
        if not len(pictures):
            raise SettingError("at least one picture was expected, none came")
        if not all(isinstance(picture, np.ndarray) and picture.ndim == 3 for picture in pictures):
            raise SettingError(
                "a list of pictures (rows, columns, 3) from 0 to 255 was expected; a file gives one by "
                "np.asarray(Image.open(path).convert('RGB'))"
            )
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


def seen_box(preprocess: object, picture: Picture) -> Box | None:
    """Where in a picture the network looks; None where its preprocessing is the user's own and does not say."""
    return preprocess.box(*picture.shape[:2]) if isinstance(preprocess, Preprocessing) else None
