"""A study: runs over rows, conditions and seeds, several at a time, gathered into one results file.

    FOLDER/<condition>/seed0/<row>/   one run each; what is complete is not trained again

The file that comes out has the keys of every results file: command, versions, data, seeds, rows (a name, the paper's
figures, and for each metric its mean, standard deviation and one value a seed), and beside them floors and tests.
"""

import multiprocessing
import os
import platform
import statistics
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

import whynet
from whynet.base.errors import RunError, SettingError
from whynet.metrics.paired_test import holm

Figures = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of a study.

    Args:
        row: Which row of the table it belongs to.
        condition: Under which condition; "" where the study has one alone.
        seed: Of everything random in it.
        folder: Of the run.
        settings: What `whynet train` is asked for, as plain values.
        explained: Whether it has an explainer and figures; a backbone has neither.
    """

    row: str
    condition: str
    seed: int
    folder: str
    settings: Mapping[str, Mapping[str, Any]] = field(repr=False)
    explained: bool = True


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table: what to call it and what the paper printed, by the keys of the results files."""

    name: str
    paper: Mapping[str, float] = field(default_factory=dict)


def run_cells(
    cells: Sequence[Cell], work: Callable[[Cell, bool], Any], *, jobs: int, on_done: Callable[[Cell], None]
) -> list[Any]:
    """Do the work of every cell, `jobs` at a time in processes of their own; results in the order of the cells.

    Args:
        cells: What to do.
        work: Takes a cell and whether it is alone (and may show a bar); importable by other processes.
        jobs: Processes; 1 works in this one.
        on_done: Called after each cell.

    Raises:
        SettingError: `jobs` is below 1.
        RunError: A worker died.
        WhynetError: The first error of a cell. Cells under way are ended, and go on from their last epoch in the next
            call, as do those that have not begun.
    """
    if jobs < 1:
        raise SettingError(f"at least one job was expected, not {jobs}")
    if jobs == 1:
        results = []
        for cell in cells:
            results.append(work(cell, True))
            on_done(cell)
        return results
    with _pool(min(jobs, max(len(cells), 1)), jobs) as pool:
        futures = {pool.submit(work, cell, False): cell for cell in cells}
        try:
            for future in as_completed(futures):
                future.result()
                on_done(futures[future])
        except BrokenProcessPool as error:
            raise RunError("a worker died, as it does when memory runs out; go on with fewer --jobs") from error
        return [future.result() for future in futures]


def run_after(
    starts: Sequence[Cell],
    cells: Sequence[Cell],
    folder: Path,
    *,
    train: Callable[[Cell, bool], Any],
    work: Callable[[Cell, bool], Any],
    jobs: int,
    say: Callable[[str], None],
) -> list[Any]:
    """Train the networks with whose weights others begin, then do the work of the others' cells.

    Args:
        starts: Of the former.
        cells: Of the latter.
        folder: Of all runs, for what is said.
        train: As `work` of `run_cells`, for the starts.
        work: Likewise, for the cells.
        jobs: Processes.
        say: Told how many runs there are, and of each that is done.

    Returns:
        What `work` returned, in the order of the cells.

    Raises:
        WhynetError: What `run_cells` raises.
    """
    total = len(starts) + len(cells)
    say(f"{total} runs in {folder}; those that are complete there are kept")
    on_done = announced(total, say)
    run_cells(starts, train, jobs=jobs, on_done=on_done)
    return run_cells(cells, work, jobs=jobs, on_done=on_done)


@contextmanager
def _pool(workers: int, jobs: int) -> Iterator[ProcessPoolExecutor]:
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(threads,))
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()  # their runs go on from the last epoch
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _begin_worker(threads: int) -> None:
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed takes its workers along, or they would go on beside the study that is begun again."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(143)


def gathered(rows: Mapping[str, Row], cells: Sequence[Cell], figures: Sequence[Figures]) -> list[dict[str, Any]]:
    """The rows of a results file: mean, standard deviation and one value a seed of each figure.

    A figure that some seeds of a row lack (no claim was made, say) is left out of the row, and named in `lacking`.
    """
    grouped: dict[tuple[str, str], list[Figures]] = {}
    for cell, own in zip(cells, figures, strict=True):
        grouped.setdefault((cell.row, cell.condition), []).append(own)
    result = []
    for (row, condition), seeds in grouped.items():
        keys = list(dict.fromkeys(key for own in seeds for key in own))
        lacking = [key for key in keys if any(key not in own for own in seeds)]
        entry: dict[str, Any] = {"name": rows[row].name}
        if condition:
            entry["condition"] = condition
        if rows[row].paper:
            entry["paper"] = dict(rows[row].paper)
        entry["metrics"] = {key: spread([own[key] for own in seeds]) for key in keys if key not in lacking}
        if lacking:
            entry["lacking"] = lacking
        result.append(entry)
    return result


@contextmanager
def alone_at(folder: Path) -> Iterator[None]:
    """Nobody else works at a run inside; raises `RunError` where somebody does."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.with_name(f".{folder.name}.lock"), blocking=False):
            yield
    except Timeout as error:
        raise RunError(f"another study is at work on {folder}; wait for it, or choose another --out") from error


def announced(total: int, say: Callable[[str], None]) -> Callable[[Cell], None]:
    """What tells of each cell that is done, and numbers them."""
    done = iter(range(1, total + 1))

    def on_done(cell: Cell) -> None:
        say(" ".join(filter(None, (f"{next(done)} of {total}: {cell.row}", cell.condition, f"seed {cell.seed}"))))

    return on_done


def adjusted(tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The paired tests of a study with `p_holm` beside `p_value`: Holm over all of them."""
    for test_of, p_holm in zip(tests, holm([one["p_value"] for one in tests]), strict=True):
        test_of["p_holm"] = p_holm
    return tests


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation (None for one value) and the values themselves."""
    return {
        "mean": statistics.mean(values),
        "sd": statistics.stdev(values) if len(values) > 1 else None,
        "values": list(values),
    }


def spread_over_classes(by_seed: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Mean over classes of each seed, their mean and deviation, and the mean deviation over the classes.

    A class may lack a figure (no trial could be made, say): `n` is over how many the figure is. Of a seed in which all
    lack it the value is None.
    """
    kept = [values for values in by_seed if values]
    deviations = [statistics.stdev(values) for values in kept if len(values) > 1]
    return {
        **spread([statistics.mean(values) for values in kept]),
        "values": [statistics.mean(values) if values else None for values in by_seed],
        "sd_classes": statistics.mean(deviations) if deviations else None,
        "n": sum(len(values) for values in kept),
    }


def header(command: str, data: str, seeds: Sequence[int]) -> dict[str, Any]:
    """What every results file begins with."""
    packages = ("torch", "lightning", "numpy")
    return {
        "command": command,
        "versions": {
            "python": platform.python_version(),
            "whynet": whynet.__version__,
            **{name: version(name) for name in packages},
        },
        "data": data,
        "seeds": list(seeds),
    }
