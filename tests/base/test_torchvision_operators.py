"""Each case in a fresh process: what torch has been told about operators cannot be taken back."""

import _ctypes
import importlib.machinery
import os
import subprocess
import sys
from pathlib import Path

MODULE = Path(__file__).parents[2] / "src/whynet/base/torchvision_operators.py"
# The file alone: importing whynet may have called the function already.
CALL = f"import runpy; define = runpy.run_path({str(MODULE)!r})['define_missing_torchvision_operators']\n"


def run(code: str, *first_on_path: Path) -> str:
    path = os.pathsep.join([*map(str, first_on_path), os.environ.get("PYTHONPATH", "")])
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CALL + code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def fake_torchvision(folder: Path, library: bytes | None) -> Path:
    """A package named torchvision with `library` as its compiled part; it must never be imported."""
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('torchvision was imported')")
    if library is not None:
        (package / f"_C{importlib.machinery.EXTENSION_SUFFIXES[0]}").write_bytes(library)
    return folder


def test_torchvision_lightning_and_torchmetrics_can_be_imported_afterwards() -> None:
    run(
        "define()\n"
        "import torchvision, lightning, torchmetrics, torch\n"
        "from torchvision.models import alexnet\n"
        "assert alexnet(num_classes=3).eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 3)"
    )


def test_nothing_is_imported_to_find_out() -> None:
    heavy = run("define(); import sys; print({'torchvision', 'PIL', 'lightning', 'torchmetrics'} & set(sys.modules))")
    assert heavy == "set()"


def test_operators_that_do_not_load_are_declared_once_for_all_threads(tmp_path: Path) -> None:
    broken = fake_torchvision(tmp_path, b"not a shared library")
    answers = run(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import gc, torch\n"
        "assert not hasattr(torch.ops.torchvision, 'nms')\n"
        "with ThreadPoolExecutor(8) as pool: print(set(pool.map(lambda _: define(), range(64))))\n"
        "gc.collect()\n"
        "print(torch.ops.torchvision.nms.default._schema, torch.ops.torchvision.qnms.default._schema)",
        broken,
    ).splitlines()
    assert answers[0] == "{True}"
    assert answers[1].count("(Tensor dets, Tensor scores, float iou_threshold) -> Tensor") == 2


def test_a_torchvision_without_a_compiled_part_counts_as_missing_its_operators(tmp_path: Path) -> None:
    assert run("print(define())", fake_torchvision(tmp_path, None)) == "True"


def test_a_healthy_torchvision_is_left_alone(tmp_path: Path) -> None:
    # Any shared library that loads stands for a healthy one; nothing of ours may be declared beside it.
    healthy = fake_torchvision(tmp_path, Path(_ctypes.__file__).read_bytes())
    assert run("import torch; print(define(), hasattr(torch.ops.torchvision, 'nms'))", healthy) == "False False"


def test_operators_that_someone_else_declared_are_left_alone(tmp_path: Path) -> None:
    code = (
        "import torch\n"
        "theirs = torch.library.Library('torchvision', 'DEF')\n"
        "for name in ('nms', 'qnms'): theirs.define(f'{name}(Tensor a) -> Tensor')\n"
        "print(define(), torch.ops.torchvision.nms.default._schema)"
    )
    assert run(code, fake_torchvision(tmp_path, None)) == "False torchvision::nms(Tensor a) -> Tensor"


def test_an_absent_torchvision_needs_nothing() -> None:
    # What shadows the installed torchvision is a finder that knows of none.
    code = (
        "import importlib.util, torch\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'torchvision' else real(name, *rest)\n"
        "print(define(), hasattr(torch.ops.torchvision, 'nms'))"
    )
    assert run(code) == "False False"
