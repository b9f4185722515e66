"""Errors as pages: what failed, what to do, and the way back."""

import re

import pytest

from whynet.base.errors import DataError, RunError, StorageError, SubjectError


def _said(bench, error, path="/images/0/explanation"):
    """The page of an error that opening the network raises."""

    def fail():
        raise error

    bench.desk.explainer = fail
    answer = bench.client.get(path)
    return answer.status_code, " ".join(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2]).split())


@pytest.mark.parametrize(
    ("error", "status", "heading"),
    [
        (SubjectError("its weights differ; then start the server again"), 409, "The network cannot be used"),
        (RunError("model.safetensors is not there; train it again"), 409, "That did not work"),
        (DataError("a picture is damaged; remove it"), 409, "The pictures cannot be used"),
        (StorageError("the disk is full"), 503, "Not now"),
    ],
)
def test_a_page_says_what_failed_and_never_not_yet(bench, error, status, heading):
    found, text = _said(bench, error)
    assert found == status
    assert heading in text
    assert (str(error) in text) == (not isinstance(error, StorageError))
    assert "Not yet" not in text


def test_a_network_that_changed_asks_for_a_new_start(bench):
    (bench.desk.run.folder / "classifier" / "subject.json").write_text(
        '{"network": "nets:build", "class_names": ["a", "b"], "preprocessing": null}'
    )
    answer = bench.client.get("/api/images/0/explanation")
    assert answer.status_code == 409
    assert re.search(r"--subject nets:build; then start the server again$", answer.json()["error"])


def test_files_of_the_run_are_told_from_the_store(bench):
    (bench.desk.run.folder / "interpnet" / "vocabulary.json").unlink()
    answer = bench.client.get("/api/images/0/explanation")
    assert answer.status_code == 409
    assert "vocabulary.json, but there is no such file" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "back"),
    [("/images/9999", "/images"), ("/uploads/unknown", "/images"), ("/concepts/nothing", "/concepts"),
     ("/classes/99", "/concepts"), ("/nowhere", None)],
)  # fmt: skip
def test_an_error_has_ways_back(bench, path, back):
    main = bench.client.get(path).text.partition("<main")[2]
    found = re.findall(r'<a href="([^"]+)">', main.partition("<footer")[0])
    assert found == ([back] if back else []) + ["/"]


def test_a_bad_upload_leads_back_to_the_pictures(bench):
    answer = bench.client.post("/uploads", files={"picture": ("bad.png", b"text")})
    assert answer.status_code == 422
    assert '<a href="/images">To the pictures</a>' in answer.text
