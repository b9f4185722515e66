"""A torchmetrics `Metric` whose figures are a frozen record.

torchmetrics walks through whatever `compute` returns, to copy its tensors and to take the axis from those of one entry.
A frozen dataclass it refuses, and the figures of a single feature would lose their axis. What it cannot look into it
hands on as it is, so a record passes through it in a sealed box.
"""

import functools
from collections.abc import Callable
from typing import Any

from torchmetrics import Metric


class RecordMetric(Metric):
    """A `Metric` in all else: streams, adds up over devices, is cloned and pickled as torchmetrics has it."""

    def _wrap_compute(self, compute: Callable[[], Any]) -> Callable[[], Any]:
        wrapped = super()._wrap_compute(functools.wraps(compute)(lambda: _Box(compute())))

        @functools.wraps(compute)
        def opened() -> Any:
            return wrapped().record

        return opened


class _Box:
    """No collection in torchmetrics' eyes."""

    def __init__(self, record: Any) -> None:
        self.record = record
