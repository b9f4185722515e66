import operator
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from whynet.base.errors import RunError, SettingError
from whynet.workflows.reproduce.study import Cell, Row, gathered, header, run_cells

PATIENCE = 600
"""Seconds until something is thought never to come, where other tests use the same cores."""


def cell(row, seed, condition=""):
    return Cell(row=row, condition=condition, seed=seed, folder="", settings={})


def double(one, alone):
    return {"figure": 2.0 * one.seed, "alone": float(alone)}


def failing(one, alone):
    if one.seed == 1:
        raise RunError("seed 1 broke")
    return {}


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_cell_is_done_once_and_results_keep_their_order(jobs):
    cells = [cell("a", seed) for seed in range(3)]
    done = []
    results = run_cells(cells, double, jobs=jobs, on_done=done.append)
    assert [result["figure"] for result in results] == [0, 2, 4]
    assert {result["alone"] for result in results} == {float(jobs == 1)}
    assert sorted(done, key=operator.attrgetter("seed")) == cells


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_a_cell_is_the_studys(jobs):
    with pytest.raises(RunError, match="seed 1 broke"):
        run_cells([cell("a", seed) for seed in range(2)], failing, jobs=jobs, on_done=lambda _: None)


def telling_and_waiting(one, alone):
    with Path(one.folder).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(PATIENCE)


@pytest.mark.slow
def test_workers_end_with_a_study_that_was_killed(tmp_path):
    code = f"""
from test_study import cell, telling_and_waiting
from whynet.workflows.reproduce.study import run_cells
from dataclasses import replace
if __name__ == "__main__":
    cells = [replace(cell("a", seed), folder={str(tmp_path / "pids")!r}) for seed in range(2)]
    run_cells(cells, telling_and_waiting, jobs=2, on_done=print)
"""
    (tmp_path / "study.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, str(tmp_path / "study.py")], env=environment)

    def pids():
        path = tmp_path / "pids"
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []

    try:
        wait_until(lambda: len(pids()) == 2)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not any(is_at_work(pid) for pid in pids()))


def is_at_work(pid):
    """Not if it has ended, even where nobody has asked for its exit code."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until(holds):
    for _ in range(10 * PATIENCE):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing came of it in {PATIENCE} seconds")


def test_jobs_are_at_least_one():
    with pytest.raises(SettingError, match="at least one job was expected, not 0"):
        run_cells([], double, jobs=0, on_done=lambda _: None)


def test_rows_hold_mean_deviation_and_one_value_a_seed():
    rows = {"a": Row(name="A", paper={"x": 5.0}), "b": Row(name="B")}
    cells = [cell("a", 0), cell("a", 1), cell("b", 0, "hot"), cell("b", 1, "hot")]
    figures = [{"x": 1.0}, {"x": 4.0}, {"x": 2.0}, {"x": 2.0}]
    first, second = gathered(rows, cells, figures)
    assert first["name"] == "A"
    assert first["paper"] == {"x": 5.0}
    assert "condition" not in first
    assert first["metrics"]["x"] == {"mean": 2.5, "sd": pytest.approx(4.5**0.5), "values": [1.0, 4.0]}
    assert second["condition"] == "hot"
    assert second["metrics"]["x"]["sd"] == 0
    assert gathered(rows, cells[:1], figures[:1])[0]["metrics"]["x"]["sd"] is None


def test_a_figure_of_some_seeds_alone_is_left_out_and_named():
    (row,) = gathered({"a": Row(name="A")}, [cell("a", 0), cell("a", 1)], [{"x": 1.0, "y": 1.0}, {"x": 1.0}])
    assert list(row["metrics"]) == ["x"]
    assert row["lacking"] == ["y"]


def dying(one, alone):
    os._exit(1)


def test_a_worker_that_dies_is_told():
    with pytest.raises(RunError, match="a worker died, as it does when memory runs out; go on with fewer --jobs"):
        run_cells([cell("a", 0)], dying, jobs=2, on_done=lambda _: None)


def test_a_results_file_says_what_made_it():
    found = header("whynet reproduce thing", "birds", range(2))
    assert (found["command"], found["data"], found["seeds"]) == ("whynet reproduce thing", "birds", [0, 1])
    assert {"python", "whynet", "torch"} <= set(found["versions"])
