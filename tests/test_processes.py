"""The command line in processes of its own: killed for good, and split over two of them."""

import json
import signal
import subprocess
import sys
import time

import pytest

from whynet.models.saved_subject import load_subject
from whynet.workflows.run import Run

pytestmark = pytest.mark.slow


def command(root, out, *options):
    arguments = [
        "train", "--data", "folder", "--root", root, "--image-size", 16, "--out", out, "--device", "cpu",
        "--classifier-epochs", 6, "--classifier-batch-size", 8, "--explainer-epochs", 6, "--explainer-batch-size", 8,
        "--explainer-hidden-size", 16, *options,
    ]  # fmt: skip
    script = "import torch; torch.set_num_threads(1); from whynet.cli import main; main()"
    return [sys.executable, "-c", script, *map(str, arguments)]


def results(run):
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name != "run.json"
    }


def test_killed_anywhere_it_ends_like_an_unbroken_run(coloured_pictures, tmp_path):
    unbroken = tmp_path / "unbroken"
    subprocess.run(command(coloured_pictures, unbroken), check=True, capture_output=True, timeout=600)
    broken = tmp_path / "broken"
    kills = 0
    ended = False
    while not ended and kills < 40:
        options = ["--resume"] if (broken / "run.json").exists() else []
        with subprocess.Popen(
            command(coloured_pictures, broken, *options), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as process:
            epochs = 0
            for line in process.stderr:  # one line an epoch: let two pass, then kill it a moment later
                epochs += " epoch " in line
                if epochs == 2:
                    time.sleep(0.02 * kills)
                    process.send_signal(signal.SIGKILL)
                    kills += 1
                    break
            ended = process.wait(600) == 0
    assert Run.open(broken).is_complete("interpnet")
    assert kills >= 3
    assert results(broken) == results(unbroken)


def test_two_processes_share_the_work(coloured_pictures, tmp_path):
    # As a user does: through a script, which each process imports first.
    script = tmp_path / "train.py"
    script.write_text(
        "import torch; torch.set_num_threads(1)\nfrom whynet.cli import main\nif __name__ == '__main__':\n    main()\n"
    )
    out = tmp_path / "run"
    arguments = command(coloured_pictures, out, "--devices", 2)[3:]
    subprocess.run([sys.executable, script, *arguments], check=True, capture_output=True, timeout=600)
    history = json.loads((out / "interpnet" / "training.json").read_text())
    assert len(history) == 6
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_filters_learn_what_they_stand_for_in_two_processes(coloured_pictures, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import torch; torch.set_num_threads(1)\nfrom whynet.cli import main\nif __name__ == '__main__':\n    main()\n"
    )
    out = tmp_path / "run"
    options = [
        "--devices", 2, "--interpretable", "--image-size", 64, "--filter-learned-beta", "--classifier-epochs", 2,
        "--explainer-epochs", 1,
    ]  # fmt: skip
    arguments = command(coloured_pictures, out, *options)[3:]
    subprocess.run([sys.executable, script, *arguments], check=True, capture_output=True, timeout=600)
    for mask in load_subject(out / "classifier").layer("blocks.3.2").masks:
        counts = mask.categories.bincount(minlength=2)
        assert counts[0] == counts[1]
        assert (mask.beta != 4).all()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_broken_off_it_says_so_with_its_exit_code(coloured_pictures, tmp_path, number, code):
    with subprocess.Popen(
        command(coloured_pictures, tmp_path / "run", "--classifier-epochs", 500, "--classifier-patience", 500),
        # A job in the background starts deaf to Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        lines = []
        for line in process.stderr:
            lines.append(line)
            if " epoch 2/" in line:
                process.send_signal(number)
        assert process.wait(600) == code
    assert "Traceback" not in "".join(lines)
    assert "--resume" in lines[-1]
