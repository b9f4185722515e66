"""One Lightning fit: progress bar, early stopping, halved learning rate, best and last checkpoint, resumption.

A fit that was killed goes on from its last completed epoch and ends with the numbers of an unbroken one: random numbers
are drawn from the seed and the place in the fit alone, and all that an epoch leaves behind is in the checkpoint.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import Sampler

from whynet.base.errors import TrainingError
from whynet.base.seeding import generator
from whynet.training.hardware import Hardware

LAST = "last.ckpt"


class EpochSampler(Sampler[int]):
    """A new random order each epoch, drawn from (seed, epoch) alone; Lightning tells it the epoch.

    Args:
        groups: For each item the group it is in, such as the image of a caption.
        per_group: How many items of each group an epoch shows, drawn anew each epoch; None shows all.
        seed: Of the random order.
    """

    def __init__(self, groups: torch.Tensor, *, per_group: int | None, seed: int) -> None:
        self.groups = groups
        self.per_group = per_group
        self.seed = seed
        self.epoch = 0
        sizes = groups.bincount()
        self.length = len(groups) if per_group is None else int(sizes.clamp(max=per_group).sum())

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of this epoch next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        order = torch.randperm(len(self.groups), generator=generator(self.seed, "order", self.epoch))
        if self.per_group is None:
            return iter(order.tolist())
        left = [self.per_group] * (int(self.groups.max()) + 1)
        chosen = []
        for item, group in zip(order.tolist(), self.groups[order].tolist(), strict=True):
            if left[group]:
                left[group] -= 1
                chosen.append(item)
        return iter(chosen)


class _ReseedEachStep(Callback):
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


class _HalveOnPlateau(Callback):
    """Halves the learning rate after every epoch without improvement.

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


class _History(Callback):
    """One row of figures an epoch, kept in the checkpoint; NaN stops the fit."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        figures = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val_")}
        self.rows.append({"epoch": float(trainer.current_epoch), **figures})

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loss = float(trainer.callback_metrics["train_loss"])
        self.rows[-1]["train_loss"] = loss
        self.rows[-1]["learning_rate"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        if loss != loss or abs(loss) == float("inf"):
            raise TrainingError(
                f"the loss became {loss} in epoch {trainer.current_epoch}; "
                "lower the learning rate, or check the data for NaN"
            )

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])


class _Progress(Callback):
    """A bar over the steps of the whole fit where a person looks on, else one line an epoch; on standard error."""

    def __init__(self, description: str) -> None:
        self.description = description
        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
            console=self.console, transient=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        self.task: TaskID | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        steps = int(trainer.num_training_batches)
        epochs = trainer.max_epochs or 1
        self.task = self.bar.add_task(self.description, total=steps * epochs, completed=steps * trainer.current_epoch)
        self.bar.start()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if self.task is not None:
            self.bar.advance(self.task)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        metrics = trainer.callback_metrics
        figures = ", ".join(f"{name.replace('_', ' ')} {float(value):.3f}" for name, value in sorted(metrics.items()))
        line = f"{self.description} epoch {trainer.current_epoch + 1}/{trainer.max_epochs}: {figures}"
        if self.console.is_terminal and self.task is not None:
            self.bar.update(self.task, description=line)
        else:
            self.console.print(line, soft_wrap=True)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.bar.stop()


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """How to fit, whatever is fitted.

    Args:
        description: What the progress bar calls it.
        monitor: The validation figure that decides which epoch is best.
        mode: Whether it shall fall or rise.
        epochs: At most.
        patience: Epochs without improvement after which the fit stops.
        plateau_patience: Epochs without improvement that the learning rate is spared.
        seed: Of order, dropout and augmentation.
        hardware: Where.
        progress: Whether a progress bar is shown.
    """

    description: str
    monitor: str
    mode: Literal["min", "max"]
    epochs: int
    patience: int
    plateau_patience: int
    seed: int
    hardware: Hardware
    progress: bool = True

    def run(self, module: pl.LightningModule, train: Any, validation: Any, *, folder: Path) -> list[dict[str, float]]:
        """Fit `module`, which then holds the weights of its best epoch.

        Args:
            module: Logs `train_loss` and `monitor`.
            train: The training batches.
            validation: The validation batches.
            folder: Holds the checkpoints; one that holds the last epoch's goes on from there.

        Returns:
            One row of figures an epoch.

        Raises:
            TrainingError: The loss became NaN, or the checkpoint cannot be read.
        """
        history = _History()
        best = ModelCheckpoint(
            folder, "best", monitor=self.monitor, mode=self.mode, save_last=True, save_on_train_epoch_end=True,
            enable_version_counter=False,
        )  # fmt: skip
        callbacks: list[Callback] = [
            _ReseedEachStep(self.seed),
            _HalveOnPlateau(self.monitor, self.mode, self.plateau_patience),
            EarlyStopping(self.monitor, mode=self.mode, patience=self.patience, check_on_train_epoch_end=False),
            history,
            best,
        ]
        if self.progress:
            callbacks.append(_Progress(self.description))
        last = folder / LAST
        with _quiet():
            trainer = pl.Trainer(
                max_epochs=self.epochs, callbacks=callbacks, logger=False, enable_model_summary=False,
                enable_progress_bar=False, num_sanity_val_steps=0, default_root_dir=folder,
                **self.hardware.trainer_arguments(),
            )  # fmt: skip
            try:
                trainer.fit(module, train, validation, ckpt_path=last if last.exists() else None, weights_only=True)
            except (RuntimeError, KeyError, EOFError) as error:
                if not last.exists() or isinstance(error, TrainingError):
                    raise
                raise TrainingError(
                    f"cannot go on from {last} ({error}); delete it to start this stage anew"
                ) from error
        if trainer.interrupted:
            raise KeyboardInterrupt
        state = torch.load(folder / "best.ckpt", map_location="cpu", weights_only=True)
        module.load_state_dict(state["state_dict"])
        return history.rows


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning without its banners; warnings that matter to a developer of Lightning alone are dropped."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
