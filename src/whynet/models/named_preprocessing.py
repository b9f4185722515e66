"""How the networks of timm, torchvision and transformers want their pictures.

The preprocessing is the one that the network's authors evaluate with: how a picture is fitted, cut, interpolated and
normalised. That of transformers is compared with the library's own on one picture before it is used. On smooth pictures
no pixel lies more than two of 255 levels from the libraries' own; transformers may cut one pixel aside of the centre
where the margins are odd, since it rounds them down.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import torch
from PIL import Image

from whynet.base.errors import SettingError, SubjectError
from whynet.models.named_network import check_known, first_line, hub_file, library, quiet
from whynet.models.preprocessing import Preprocessing

_TOLERANCE = 4 / 255
"""How far a pixel may lie from transformers' own: it resizes with torchvision, which rounds differently from Pillow."""


def named_preprocessing(name: str, image_size: int | None = None) -> Preprocessing:
    """How a named network wants its pictures.

    Args:
        name: "timm:NAME", "torchvision:NAME", "hf:REPOSITORY" or "hf:FOLDER".
        image_size: Side of the input in pixels; the share of the picture that is seen stays. None is the usual side.

    Raises:
        MissingDependencyError: The library is not installed.
        SubjectError: There is no such network, or it prepares pictures in a way that cannot be copied.
    """
    package = library(name)
    prefix, _, rest = name.partition(":")
    if prefix != "hf":
        check_known(name)
    try:
        if prefix == "hf":
            own = _of_transformers(package, rest, name)
        else:
            own = _of_timm(package, rest) if prefix == "timm" else _of_torchvision(package, rest)
    except SettingError as error:
        raise SubjectError(
            f"{name} prepares pictures in a way that whynet cannot copy: {error}; or take another network"
        ) from error
    return own if image_size is None else dataclasses.replace(own, height=image_size, width=image_size)


def _of_timm(timm: Any, rest: str) -> Preprocessing:
    config = timm.get_pretrained_cfg(rest)
    values = timm.data.resolve_data_config(pretrained_cfg={} if config is None else config.to_dict())
    channels, height, width = values["input_size"]
    if values["crop_mode"] not in ("center", "squash") or channels != 3:
        raise SubjectError(
            f"timm:{rest} takes {channels} channels and fits pictures by {values['crop_mode']!r}; "
            "choose a network of colour pictures that are fitted by 'center' or 'squash'"
        )
    return Preprocessing(
        height=height,
        width=width,
        fit="crop" if values["crop_mode"] == "center" else "stretch",
        mean=tuple(values["mean"]),
        std=tuple(values["std"]),
        crop_share=height / math.floor(height / values["crop_pct"]),
        interpolation=values["interpolation"],
    )


def _of_torchvision(torchvision: Any, rest: str) -> Preprocessing:
    own = torchvision.models.get_model_weights(rest).DEFAULT.transforms()
    (size,), (resized,) = own.crop_size, own.resize_size
    return Preprocessing(
        height=size,
        width=size,
        fit="crop",
        mean=tuple(own.mean),
        std=tuple(own.std),
        crop_share=size / resized,
        interpolation=own.interpolation.value,
    )


def _of_transformers(transformers: Any, repository: str, name: str) -> Preprocessing:
    folder = hub_file(repository, "preprocessor_config.json", name).parent
    try:
        with quiet():
            processor = transformers.AutoImageProcessor.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
            own = _as_processor(processor)
            difference = _difference(own, processor)
    except SettingError:
        raise
    except Exception as error:
        raise SubjectError(
            f"the preprocessor_config.json of {name} cannot be used ({first_line(error)}); restore it or choose another"
        ) from error
    if difference > _TOLERANCE:
        raise SubjectError(
            f"{name} prepares pictures in a way that whynet cannot copy: one came out {255 * difference:.0f} of 255 "
            "levels apart; choose another network"
        )
    return own


def _as_processor(processor: Any) -> Preprocessing:
    """The preprocessing that an image processor's usual settings describe."""
    short = processor.size.get("shortest_edge")
    cut = dict(processor.crop_size or {}) if getattr(processor, "do_center_crop", False) else {}
    share, fit = 1.0, "stretch" if short is None else "crop"
    height = processor.size.get("height") or short
    width = processor.size.get("width") or short
    if crop_pct := getattr(processor, "crop_pct", None):  # of ConvNeXt
        share, fit = (short / int(short / crop_pct), "crop") if short < 384 else (1.0, "stretch")
    elif cut:
        share = cut["height"] / height
        height, width = cut["height"], cut["width"]
    scale = 255 * (processor.rescale_factor if processor.do_rescale else 1.0)
    mean, std = (processor.image_mean, processor.image_std) if processor.do_normalize else ([0.0] * 3, [1.0] * 3)
    resample: Any = getattr(processor.resample, "name", None) or Image.Resampling(processor.resample).name
    return Preprocessing(
        height=height,
        width=width,
        fit="crop" if fit == "crop" else "stretch",
        mean=_three(mean, scale),
        std=_three(std, scale),
        crop_share=share,
        interpolation=resample.lower(),
    )


def _three(values: Any, scale: float) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red) / scale, float(green) / scale, float(blue) / scale


def _difference(own: Preprocessing, processor: Any) -> float:
    """The largest difference of the two on one picture whose colours and halves all differ, in [0, 1]."""
    rows, columns = np.indices((300, 400))
    channels = [rows * 255 / 300, columns * 255 / 400, 127 + 120 * np.sin((rows + 2 * columns) / 60)]
    picture = np.stack(channels, 2).astype(np.uint8)
    theirs = processor(images=Image.fromarray(picture), return_tensors="pt")["pixel_values"]
    ours = own([picture])
    if theirs.shape != ours.shape:
        return math.inf
    return float(((theirs - ours) * torch.tensor(own.std)[:, None, None]).abs().max())
