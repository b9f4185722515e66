import json
import math
import shutil

import pytest
import torch

from whynet.base.errors import RunError
from whynet.metrics.floors import most_frequent
from whynet.metrics.language import language_scores
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import open_data
from whynet.workflows.evaluate import evaluate, evaluation_options
from whynet.workflows.metrics_table import metrics_rows, tiles
from whynet.workflows.report import write_report
from whynet.workflows.run import Run
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings, settings_with
from whynet.workflows.train import train


@pytest.fixture
def run(coloured_run, tmp_path):
    shutil.copytree(coloured_run, tmp_path / "run")
    return tmp_path / "run"


def test_metrics_of_ones_own_pictures(run, quick_settings, lent):
    metrics = evaluate(run, device="cpu")
    assert json.loads((run / "metrics.json").read_text()) == metrics
    rows = json.loads((run / "sentences.json").read_text())
    splits = open_data(quick_settings.data)
    right = [row["label"] == row["predicted"] for row in rows]
    assert metrics["accuracy"] == pytest.approx(sum(right) / len(right))
    assert metrics["num_images"] == len(splits.test) == 12
    sentences = [row["sentence"] for row in rows]
    assert metrics["language"]["coco"] == language_scores(sentences, splits.test.captions, "coco")
    constant = [most_frequent(splits.train.captions)] * 12
    floor = metrics["floors"]["most_frequent"]["language"]["interpnet"]
    assert floor == language_scores(constant, splits.test.captions, "interpnet")
    assert set(metrics["floors"]) == {"random_same_class", "most_frequent"}
    assert metrics["language"]["coco"]["meteor"] > metrics["floors"]["most_frequent"]["language"]["coco"]["meteor"]
    assert metrics["missing"] == {
        "attributes": "what is true of a picture is known for painted birds alone",
        "causal check of the words": "pictures can be changed part by part where they are painted, and nowhere else",
    }
    assert metrics["seconds"] > 0
    assert (
        metrics["options"] == evaluation_options() == {"beam": 1, "language": True, "floors": True, "num_checked": 300}
    )


def test_language_metrics_can_be_left_out(run):
    metrics = evaluate(run, language=False, device="cpu")
    assert "language" not in metrics
    assert metrics["missing"]["language"] == (
        "it was left out by --no-language. Evaluate again without that option to have it"
    )


@pytest.fixture
def describe(run, coloured_pictures, tmp_path):
    """Other captions for the pictures of the run: `change(file_name, captions)` gives those of a split."""
    root = tmp_path / "pictures"
    shutil.copytree(coloured_pictures, root)
    description = json.loads((run / "run.json").read_text())
    description["settings"]["data"]["root"] = str(root)
    (run / "run.json").write_text(json.dumps(description))

    def write(split, change):
        path = root / split / "metadata.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            row["captions"] = change(row["file_name"], row["captions"])
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    return write


def test_references_without_words_are_left_out_of_the_language_metrics(run, describe, lent):
    others = {"red tile/0.png": ["😀😀"], "red tile/1.png": ["😀", "a red one"], "blue tile/2.png": ["😀"]}
    describe("test", lambda name, captions: others.get(name, captions))
    metrics = evaluate(run, device="cpu")
    assert metrics["missing"]["language of some captions"] == (
        "captions without a word for the language metrics are left out there: "
        "3 (blue tile/2.png, red tile/0.png, red tile/1.png); pictures without another caption: 2 of 12"
    )
    rows = json.loads((run / "sentences.json").read_text())
    assert metrics["num_images"] == len(rows) == 12
    kept = [row for row in rows if row["name"] not in ("red tile/0.png", "blue tile/2.png")]
    words = {name: [f"this tile is {name.split()[0]} all over.", f"a small {name.split()[0]} square."] for name in
             (row["name"] for row in kept)}  # fmt: skip
    words["red tile/1.png"] = ["a red one"]
    expected = language_scores([row["sentence"] for row in kept], [words[row["name"]] for row in kept], "coco")
    assert metrics["language"]["coco"] == expected
    assert set(metrics["floors"]["random_same_class"]["language"]) == {"coco", "interpnet"}
    assert write_report(run).exists()


def test_no_reference_with_words_at_all(run, describe, lent):
    describe("test", lambda name, captions: ["😀😀"])
    metrics = evaluate(run, device="cpu")
    assert metrics["missing"]["language"] == "no caption of a test picture has a word for the language metrics"
    assert "language" not in metrics
    assert all(set(floor) == {"diversity"} for floor in metrics["floors"].values())


def test_a_class_without_training_captions_loses_one_floor_only(run, describe, lent):
    describe("train", lambda name, captions: captions if name.startswith("blue") else [])
    metrics = evaluate(run, device="cpu")
    assert json.loads((run / "metrics.json").read_text()) == metrics
    assert list(metrics["floors"]) == ["most_frequent"]
    assert metrics["missing"]["floor random_same_class"] == (
        "no training picture has a caption in red tile, the class of "
        "red tile/0.png, red tile/1.png, red tile/2.png and 3 more"
    )
    assert metrics["language"]["coco"]["meteor"] > 0
    assert all(row[2] == "" for row in metrics_rows(metrics)[1])
    assert write_report(run).exists()


def test_training_captions_that_are_gone_lose_both_floors(run, describe):
    describe("train", lambda name, captions: [])
    metrics = evaluate(run, language=False, device="cpu")
    assert metrics["floors"] == {}
    assert metrics["missing"]["floor most_frequent"] == "no training picture has a caption"
    assert write_report(run).exists()


def test_test_pictures_without_captions(run, describe):
    describe("test", lambda name, captions: [])
    metrics = evaluate(run, device="cpu")
    assert metrics["missing"] == {"sentences": "no test picture has a caption to compare its sentence with"}
    assert metrics["accuracy"] > 0
    assert all(row["sentence"] for row in json.loads((run / "sentences.json").read_text()))


def test_a_run_without_an_explainer_says_why(run, describe):
    description = json.loads((run / "run.json").read_text())
    del description["stages"]["interpnet"]
    (run / "run.json").write_text(json.dumps(description))

    def why():
        return evaluate(run, device="cpu")["missing"]["sentences"]

    assert why() == f"the run has no explainer yet; go on with `whynet train --out {run} --resume`"
    describe("validation", lambda name, captions: [])
    assert why() == "the run has no explainer, since no validation picture has a caption"
    describe("train", lambda name, captions: [])
    assert why() == "the run has no explainer, since no training picture has a caption"


def test_beam_writes_sentences_too(run):
    evaluate(run, language=False, beam=3, device="cpu")
    assert all(row["sentence"].endswith(".") for row in json.loads((run / "sentences.json").read_text()))


def test_report_is_one_file_that_escapes_everything(run):
    evaluate(run, language=False, device="cpu")
    rows = json.loads((run / "sentences.json").read_text())
    rows[0]["words"][0][0] = "<script>alert(1)</script>"
    (run / "sentences.json").write_text(json.dumps(rows))
    page = write_report(run).read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert page.count("<article") == 12
    assert 'aria-label="Confusion matrix' in page
    assert "red tile taken for red tile" in page


def test_report_needs_an_evaluation_of_the_same_pictures(run, tmp_path):
    with pytest.raises(RunError, match="was not evaluated yet; run `whynet evaluate"):
        write_report(run)
    evaluate(run, language=False, device="cpu")
    rows = json.loads((run / "sentences.json").read_text())
    (run / "sentences.json").write_text(json.dumps(rows[1:]))
    with pytest.raises(RunError, match="have changed since"):
        write_report(run)


def test_an_untrained_run_is_told(tmp_path, quick_settings):
    run = Run.create(tmp_path / "run", quick_settings.to_json())
    with pytest.raises(RunError, match="no trained classifier yet"):
        evaluate(run, device="cpu")


@pytest.fixture(scope="module")
def birds_run(tmp_path_factory):
    """Two species of painted birds, hardly trained: enough to see that every figure is there."""
    settings = settings_with(
        {
            "data": {"num_species": 2, "image_size": 32},
            "model": {},
            "classifier": {"epochs": 1},
            "explainer": {"epochs": 1, "hidden_size": 16, "projection_size": 16, "captions_per_epoch": 1},
        }
    )
    run = train(tmp_path_factory.mktemp("runs") / "birds", settings, hardware=Hardware(device="cpu"), progress=False)
    return run, evaluate(run, language=False, num_checked=40, device="cpu"), write_report(run).read_text()


def test_birds_have_the_truth_of_their_claims(birds_run):
    _, metrics, page = birds_run
    for figures in (metrics, *metrics["floors"].values()):
        truth = figures["attributes"]
        assert all(0 <= truth[key] <= 1 for key in ("true_of_image", "true_of_class", "recall") if key in truth)
    assert metrics["floors"]["random_same_class"]["attributes"]["true_of_class"] == 1
    assert 'class="true"' in page
    columns, rows = metrics_rows(metrics)
    assert all(len(row) == len(columns) for row in rows)
    assert tiles(metrics)[0].figure == f"{metrics['accuracy']:.1%}"


def test_data_settings_and_catalogue_agree():
    from whynet.workflows.catalogue import DATA
    from whynet.workflows.settings import DATA_NAMES

    assert tuple(DATA) == DATA_NAMES
    assert DataSettings().input_size == 64
    assert {DataSettings(name=name, root="x").input_size for name in DATA_NAMES[1:]} == {128}
    assert TrainSettings(model=ModelSettings(seed=3)).model.seed == 3


def test_nan_in_a_subject_is_told(run):
    from safetensors.torch import load_file, save_file

    from whynet.base.errors import SubjectError

    path = run / "classifier" / "model.safetensors"
    tensors = load_file(path)
    tensors["output.bias"] = torch.full_like(tensors["output.bias"], math.nan)
    save_file(tensors, path)
    with pytest.raises(SubjectError, match="NaN or infinite"):
        evaluate(run, language=False, device="cpu")
