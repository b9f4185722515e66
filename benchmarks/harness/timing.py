"""How long something takes, and how that scatters."""

import statistics
import time
from collections.abc import Callable
from typing import TypeAlias

import torch

Work: TypeAlias = Callable[[], object]
Clock: TypeAlias = Callable[[], float]


def seconds(work: Work, clock: Clock = time.perf_counter) -> float:
    """Of one call, the device's own work included."""
    start = clock()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


def spread(values: list[float]) -> dict[str, float]:
    """Median and ends."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}
