"""What happens around the steps of a fit: seeds, learning rate, figures, progress. All of it survives a checkpoint."""

import math
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from whynet.base.errors import TrainingError
from whynet.base.progress import SparseLines
from whynet.base.seeding import generator


class ReseedEachStep(Callback):
    """Dropout and augmentation draw from (seed, epoch, step, rank), whatever was drawn before.

    Each step, not each epoch: data loaders draw from the global generator too, at other moments in a resumed fit.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        stream = generator(self.seed, "step", trainer.current_epoch, batch_idx, trainer.global_rank)
        torch.manual_seed(stream.initial_seed())


class HalveOnPlateau(Callback):
    """Halves the learning rate after more than `patience` epochs without improvement.

    Not a Lightning scheduler: Lightning steps those after it has written the checkpoint, so a resumed fit would differ.
    """

    def __init__(self, monitor: str, mode: Literal["min", "max"], patience: int) -> None:
        self.monitor, self.mode, self.patience = monitor, mode, patience
        self.scheduler: ReduceLROnPlateau | None = None
        self.restored: dict[str, Any] | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.scheduler = ReduceLROnPlateau(trainer.optimizers[0], self.mode, factor=0.5, patience=self.patience)
        if self.restored is not None:
            self.scheduler.load_state_dict(self.restored)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert self.scheduler is not None
        self.scheduler.step(float(trainer.callback_metrics[self.monitor]))

    def state_dict(self) -> dict[str, Any]:
        state = {} if self.scheduler is None else self.scheduler.state_dict()
        return {key: value for key, value in state.items() if isinstance(value, (bool, int, float, list))}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.restored = state_dict


class StopAtNaN(Callback):
    """A loss that is no number any more is an error, told at the end of its epoch."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loss = float(trainer.callback_metrics["train_loss"])
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss} in epoch {trainer.current_epoch}; "
                "lower the learning rate, or check the data for NaN"
            )


class History(Callback):
    """One row of figures an epoch, kept in the checkpoint."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        figures = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val_")}
        self.rows.append({"epoch": float(trainer.current_epoch), **figures})

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.rows[-1]["train_loss"] = float(trainer.callback_metrics["train_loss"])
        self.rows[-1]["learning_rate"] = float(trainer.optimizers[0].param_groups[0]["lr"])

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])


class ProgressLine(Callback):
    """A bar over the steps of the whole fit where a person looks on; else a line an epoch, and in long ones more.

    All on standard error.
    """

    def __init__(self, description: str) -> None:
        self.description = description
        # Made when the fit starts, by the first process alone: they hold locks, which cannot be sent to the others.
        self.console: Console | None = None
        self.bar: Progress | None = None
        self.task: TaskID | None = None
        self.lines = SparseLines()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
            console=self.console, transient=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        steps = int(trainer.num_training_batches)
        epochs = trainer.max_epochs or 1
        self.task = self.bar.add_task(self.description, total=steps * epochs, completed=steps * trainer.current_epoch)
        self.bar.start()
        self.lines = SparseLines()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if self.console is None or self.bar is None or self.task is None:
            return
        self.bar.advance(self.task)
        if not self.console.is_terminal:
            (fit,) = self.bar.tasks
            self.lines.tell(f"{self.description}, steps", int(fit.completed), int(fit.total or 0))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.console is None or self.bar is None or self.task is None:
            return
        metrics = trainer.callback_metrics
        figures = ", ".join(f"{name.replace('_', ' ')} {float(value):.3f}" for name, value in sorted(metrics.items()))
        line = f"{self.description} epoch {trainer.current_epoch + 1}/{trainer.max_epochs}: {figures}"
        if self.console.is_terminal:
            self.bar.update(self.task, description=line)
        else:
            self.console.print(line, soft_wrap=True)
            self.lines = SparseLines()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self.bar is not None:
            self.bar.stop()
