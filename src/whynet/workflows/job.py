"""A training job: what both phases of a run share, and r(x) as either learns from it."""

import inspect
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path

import torch

from whynet.base.seeding import seeded
from whynet.base.types import Reading
from whynet.data.example import ExampleDataset
from whynet.models.introspection import Introspection
from whynet.training.augmentation import augmented
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import Splits
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.reading import BATCH_SIZE, read_all
from whynet.workflows.run import Run
from whynet.workflows.settings import TrainSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingJob:
    """One run being trained.

    Args:
        run: What is written to.
        settings: What to train, on what, and how.
        splits: The data.
        hardware: Where.
        cache: Where readings are kept for whoever reads the same again.
        progress: Whether progress bars are shown.
    """

    run: Run
    settings: TrainSettings
    splits: Splits
    hardware: Hardware
    cache: FeatureCache
    progress: bool

    def context(self, checkpoints: Path) -> FitContext:
        """Of a fit that keeps its checkpoints in this folder."""
        return FitContext(
            folder=checkpoints, seed=self.settings.model.seed, hardware=self.hardware, progress=self.progress
        )

    def read_views(self, introspection: Introspection, examples: ExampleDataset, *, views: int) -> Reading:
        """r(x) of each picture as it is, then of all pictures changed at random, once for each further view."""
        seed, shift, relight = (
            self.settings.model.seed,
            self.settings.classifier.shift,
            self.settings.classifier.relight,
        )
        change = partial(augmented, shift=shift, relight=relight)
        code = blake2b(inspect.getsource(augmented).encode(), digest_size=8).hexdigest()
        readings = [read_all(introspection, examples, cache=self.cache)[0]]
        for view in range(1, views):
            name = f"view {view}, seed {seed}, shift {shift}, relight {relight}, {BATCH_SIZE} at once, {code}"
            with seeded(seed, "view", view):
                readings.append(read_all(introspection, examples, change=change, change_name=name, cache=self.cache)[0])
        return torch.cat(readings)
