"""Random changes of an image that leave its class and its description as they are."""

import torch
import torch.nn.functional as F

from whynet.base.types import Images


def augmented(images: Images, *, shift: float, relight: float) -> Images:
    """Each image shifted by up to `shift` of its side, mirrored half of the time, and relit by up to `relight`."""
    batch, device = len(images), images.device
    theta = torch.zeros(batch, 2, 3, device=device)
    theta[:, 0, 0] = torch.where(torch.rand(batch, device=device) < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = 1
    theta[:, :, 2] = (torch.rand(batch, 2, device=device) * 2 - 1) * 2 * shift
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    contrast = 1 + (torch.rand(batch, 1, 1, 1, device=device) * 2 - 1) * relight
    # Normalised images have a deviation near 1 and span about 4 of them.
    brightness = (torch.rand(batch, 1, 1, 1, device=device) * 2 - 1) * relight * 4 / 2
    return moved.mul_(contrast).add_(brightness)
