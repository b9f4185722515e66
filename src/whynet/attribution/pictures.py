"""Images in a network's input as pictures that people can look at."""

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import SettingError, SubjectError
from whynet.base.types import Picture
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject

_REACH = 2.5
"""Black and white lie this many standard deviations from the mean of an image that is shown at its own contrast."""


def as_pictures(images: Float[Tensor, "batch channels height width"], subject: Subject | None = None) -> list[Picture]:
    """One picture an image.

    Args:
        images: In the network's input, with one or three channels.
        subject: Whose preprocessing is undone: what comes out is what the network saw, cut off at black and white. None
            shows each image at its own contrast, its mean as mid-grey.

    Raises:
        SettingError: The images have neither one nor three channels, or hold NaN.
        SubjectError: The subject's preprocessing is no `Preprocessing`, so that nothing tells how to undo it.
    """
    if images.shape[1] not in (1, 3):
        raise SettingError(f"a picture has 1 or 3 channels, not {images.shape[1]}; choose those to be shown")
    if not images.isfinite().all():
        raise SettingError("the images hold NaN or infinite values, which have no colour; check what made them")
    images = images.detach().float()
    if subject is not None:
        if not isinstance(subject.preprocess, Preprocessing) or images.shape[1] != 3:
            raise SubjectError(
                f"{subject.name} does not tell how its preprocessing is undone, as a whynet.Preprocessing of three "
                "channels does; leave the subject out to see each image at its own contrast"
            )
        return list(subject.preprocess.denormalise(images).cpu().numpy())
    return list(_at_own_contrast(images).permute(0, 2, 3, 1).expand(-1, -1, -1, 3).contiguous().cpu().numpy())


def _at_own_contrast(images: Tensor) -> Tensor:
    """0 to 255; all channels of an image by the same scale, so that colours stay as they are to one another."""
    middle = images.mean((1, 2, 3), keepdim=True)
    spread = images.std((1, 2, 3), keepdim=True, correction=0).clamp(min=1e-12)
    levels = 0.5 + (images - middle) / (2 * _REACH * spread)
    return (255 * levels).round().clamp(0, 255).to(torch.uint8)
