"""Where to train: on the CPU, on a GPU, on several."""

from dataclasses import dataclass
from typing import Any

import torch

from whynet.base.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Where to train.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps", or "auto" for the best there is.
        devices: How many of them; above 1 the batches are split among as many processes.
    """

    device: str = "auto"
    devices: int = 1

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise SettingError(f"at least one device was expected, not {self.devices}")
        self.torch_device()

    def torch_device(self) -> torch.device:
        """The (first) device; raises `SettingError` if it is unknown or not there."""
        if self.device == "auto":
            accelerator = torch.accelerator.current_accelerator(check_available=True)
            return torch.device("cpu") if accelerator is None else accelerator
        try:
            device = torch.device(self.device)
            if device.type not in ("cpu", "cuda", "mps", "xpu") or (device.type == "cpu" and device.index):
                raise RuntimeError("no such device to train on")
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise SettingError(f"device {self.device!r} is not available here; use --device cpu or auto") from error
        return device

    def trainer_arguments(self) -> dict[str, Any]:
        """Lightning's own names for it."""
        device = self.torch_device()
        accelerator = "gpu" if device.type == "cuda" else device.type
        if self.devices > 1:
            return {"accelerator": accelerator, "devices": self.devices, "strategy": "ddp_spawn"}
        return {"accelerator": accelerator, "devices": 1 if device.index is None else [device.index]}
