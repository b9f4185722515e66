"""One Lightning fit: progress, early stopping, halved learning rate, best and last checkpoint, resumption.

A fit that was killed goes on from its last completed epoch and ends with the numbers of an unbroken one: random numbers
are drawn from the seed and the place in the fit alone, and all that an epoch leaves behind is in the checkpoint.
"""

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from whynet.training.callbacks import HalveOnPlateau, History, ProgressLine, ReseedEachStep, StopAtNaN
from whynet.training.checkpoints import AtomicCheckpointIO, load_checkpoint
from whynet.training.hardware import Hardware

LAST = "last.ckpt"


@runtime_checkable
class Schedule(Protocol):
    """How long a fit lasts: what all settings of a fit have."""

    @property
    def epochs(self) -> int:
        """At most."""

    @property
    def patience(self) -> int:
        """Epochs without improvement after which the fit stops."""

    @property
    def plateau_patience(self) -> int:
        """Epochs without improvement that the learning rate is spared."""


@dataclass(frozen=True, kw_only=True)
class FitContext:
    """Where a fit computes and keeps its checkpoints, and from which seed, whatever is fitted.

    Args:
        folder: For the checkpoints; a fit that was killed goes on from those it finds there.
        seed: Of all random numbers: order, dropout, augmentation, sentences drawn, and initial weights where the fit
            builds its networks itself.
        hardware: Where.
        progress: Whether a progress bar is shown.
    """

    folder: Path
    seed: int
    hardware: Hardware
    progress: bool = True

    def within(self, name: str) -> "FitContext":
        """The same with a folder inside this one, for one of several fits."""
        return replace(self, folder=self.folder / name)


def fit(
    module: pl.LightningModule,
    train: Any,
    validation: Any,
    schedule: Schedule,
    context: FitContext,
    *,
    description: str,
    monitor: str,
    mode: Literal["min", "max"],
) -> list[dict[str, float]]:
    """Fit `module`, which then holds the weights of its best epoch.

    Args:
        module: Logs `train_loss` and `monitor`.
        train: The training batches.
        validation: The validation batches.
        schedule: How long.
        context: Where, and from which seed.
        description: What the progress bar calls it.
        monitor: The validation figure that decides which epoch is best.
        mode: Whether it shall fall or rise.

    Returns:
        One row of figures an epoch.

    Raises:
        TrainingError: The loss became NaN, or the checkpoint cannot be read.
        StorageError: A checkpoint cannot be written.
        KeyboardInterrupt: The user broke it off; the last epoch's checkpoint is there.
    """
    folder = context.folder
    history = History()
    checkpoint = partial(ModelCheckpoint, folder, save_on_train_epoch_end=True, enable_version_counter=False)
    best = checkpoint("best", monitor=monitor, mode=mode)
    latest = checkpoint("last")  # `save_last` of the other would skip the epochs that are no better
    callbacks: list[Callback] = [
        ReseedEachStep(context.seed),
        HalveOnPlateau(monitor, mode, schedule.plateau_patience),
        EarlyStopping(monitor, mode=mode, patience=schedule.patience, check_on_train_epoch_end=False),
        history,
        StopAtNaN(),
        best,
        latest,
    ]
    last = folder / LAST
    # A damaged checkpoint is told now, and not taken for an error of the fit.
    if not (last.exists() and _stopped_early(load_checkpoint(last))):
        _run(module, train, validation, schedule.epochs, callbacks, context, description)
    module.load_state_dict(load_checkpoint(folder / "best.ckpt")["state_dict"])
    # From the file, because several processes leave nothing behind in this one.
    rows: list[dict[str, float]] = load_checkpoint(last)["callbacks"][history.state_key]["rows"]
    return rows


def fit_epochs(module: pl.LightningModule, train: Any, epochs: int, context: FitContext, *, description: str) -> None:
    """Fit `module` for a number of epochs, without validation; it then holds its last weights.

    Args:
        module: Logs `train_loss`.
        train: The training batches.
        epochs: How many.
        context: Where, and from which seed.
        description: What the progress bar calls it.

    Raises:
        TrainingError: The loss became NaN, or the checkpoint cannot be read.
        StorageError: A checkpoint cannot be written.
        KeyboardInterrupt: The user broke it off; the last epoch's checkpoint is there.
    """
    latest = ModelCheckpoint(context.folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    _run(module, train, None, epochs, [ReseedEachStep(context.seed), StopAtNaN(), latest], context, description)
    module.load_state_dict(load_checkpoint(context.folder / LAST)["state_dict"])


def _run(
    module: pl.LightningModule,
    train: Any,
    validation: Any,
    epochs: int,
    callbacks: list[Callback],
    context: FitContext,
    description: str,
) -> None:
    """Lightning's loop, from the last checkpoint on if there is one."""
    last = context.folder / LAST
    shown = [ProgressLine(description)] if context.progress else []
    with _quiet(), _interruptible():
        trainer = pl.Trainer(
            max_epochs=epochs, callbacks=[*callbacks, *shown], logger=False, enable_model_summary=False,
            enable_progress_bar=False, num_sanity_val_steps=0, default_root_dir=context.folder,
            plugins=[AtomicCheckpointIO()], **context.hardware.trainer_arguments(),
        )  # fmt: skip
        trainer.fit(module, train, validation, ckpt_path=last if last.exists() else None, weights_only=True)


def _stopped_early(checkpoint: dict[str, Any]) -> bool:
    """Whether the fit was at its end; Lightning would go on for one more epoch."""
    states = (state for key, state in checkpoint["callbacks"].items() if key.startswith("EarlyStopping"))
    return any(state["wait_count"] >= state["patience"] for state in states)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C is a KeyboardInterrupt and a termination exits with 143, where Lightning would exit with 1 and with 0."""
    try:
        handler = signal.getsignal(signal.SIGINT)
        yield
    except SIGTERMException as error:
        raise SystemExit(143) from error
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, handler)  # Lightning has switched it off
            raise KeyboardInterrupt from error
        raise


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
