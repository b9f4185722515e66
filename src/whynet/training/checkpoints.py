"""Checkpoints of an unfinished fit: written whole or not at all, read as plain tensors and numbers, never as code.

They are torch's own files (a zip that holds a pickle); `weights_only=True` refuses everything in it that is not data.
"""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from whynet.base.errors import TrainingError
from whynet.base.files import write_bytes_atomically


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, put in their place in one step; a full disk is a `StorageError`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write `checkpoint` to `path`; the folder is made if it is absent."""
        data = io.BytesIO()
        torch.save(checkpoint, data)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(Path(path), data.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The checkpoint at `path`; raises `TrainingError` if it is damaged."""
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files fail in a dozen ways
        raise TrainingError(f"cannot go on from {path} ({error}); delete it to start this stage anew") from error
    return checkpoint
