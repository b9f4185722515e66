"""The JSON API on a small run: what others read and write."""

import io

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode

EXAMPLES = 20
ENDLESS = "/api/progress"
"""A stream that goes on as long as somebody listens."""


def _png(size=(40, 30)):
    stream = io.BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(stream, format="png")
    return stream.getvalue()


def test_the_run_and_its_classes_are_told(bench):
    told = bench.client.get("/api/run").json()
    assert told["concepts"] is True
    assert told["sentences"] is True
    assert 0 <= told["accuracy"] <= 1
    classes = bench.client.get("/api/classes").json()
    assert [own["class"] for own in classes] == [0, 1]
    (first,) = [own for own in classes if own["class"] == 0]
    own = bench.client.get("/api/classes/0").json()
    assert {known["id"] for known in own["concepts"]} == set(first["concepts"])
    added = [known["contribution"] for known in own["concepts"]]
    assert added == sorted(added, reverse=True)
    assert len(bench.client.get("/api/concepts").json()) == 6
    assert len(bench.client.get("/api/concepts?class=1").json()) == 3


def test_a_name_is_kept_with_its_author_and_can_be_undone(bench):
    key = bench.concept()
    before = bench.client.get(f"/api/concepts/{key}").json()
    for name in ("red wing", "עורב <script>alert(1)</script>"):
        told = bench.client.post(f"/api/concepts/{key}/name", json={"name": name, "author": "Ada"}).json()
        assert (told["title"], told["name"]) == (name, name)
    assert bench.client.get("/api/concepts?query=SCRIPT").json()[0]["id"] == key
    undone = bench.client.post(f"/api/concepts/{key}/undo", json={"author": "Bo"}).json()
    assert undone["title"] == "red wing"
    undone = bench.client.post(f"/api/concepts/{key}/undo", json={"author": "Bo"}).json()
    assert (undone["name"], undone["title"]) == (None, before["title"])
    history = bench.client.get(f"/api/concepts/{key}").json()["history"]
    assert [step["author"] for step in history] == ["Ada", "Ada", "Bo", "Bo"]
    assert bench.client.post(f"/api/concepts/{key}/undo", json={"author": "Bo"}).status_code == 422


def test_taking_away_a_name_that_is_not_there_is_no_step(bench):
    key = bench.concept()
    for _ in range(2):
        assert bench.client.post(f"/api/concepts/{key}/name", json={"name": None, "author": "Ada"}).status_code == 200
    assert bench.client.get(f"/api/concepts/{key}").json()["history"] == []
    for name in ("red wing", None, None):
        bench.client.post(f"/api/concepts/{key}/name", json={"name": name, "author": "Ada"})
    history = bench.client.get(f"/api/concepts/{key}").json()["history"]
    assert [step["name"] for step in history] == ["red wing", None]


def test_pictures_of_one_class(bench):
    of_all, of_one = (bench.client.get(path).json() for path in ("/api/images", "/api/images?class=1"))
    names = {own["class"] for own in of_all["images"]}
    assert len(names) == 2
    assert {own["class"] for own in of_one["images"]} < names
    assert of_one["total"] == len(of_one["images"]) < of_all["total"]


def test_a_stability_is_told_beside_its_floor(bench):
    told = bench.client.get("/api/concepts").json()[0]
    assert {"stability", "stability_floor"} <= set(told)


def test_the_sentences_change_with_a_name(bench):
    """On the first picture with a reason that speaks for its class: a network that barely learned may have none."""
    name = "snow-white eyebrow"
    for index in range(20):
        told = bench.client.get(f"/api/images/{index}/explanation").json()
        reason = max(told["reasons"], key=lambda own: own["weight"])
        if reason["weight"] > 0:
            break
    assert reason["weight"] > 0
    assert name not in (told["reasons_sentence"] or "")
    bench.client.post(f"/api/concepts/{reason['concept']}/name", json={"name": name, "author": "Ada"})
    again = bench.client.get(f"/api/images/{index}/explanation").json()
    assert name in [own["name"] for own in again["reasons"]]
    assert name in again["reasons_sentence"]
    known = bench.client.get(f"/api/concepts/{reason['concept']}").json()
    of_class = bench.client.get(f"/api/classes/{known['class']}").json()["sentence"] or ""
    assert (name in of_class) == (known["contribution"] > 0)


def test_one_vote_a_person_counts(bench):
    key = bench.concept()

    def vote(voter, trusted):
        told = bench.client.post(f"/api/concepts/{key}/vote", json={"voter": voter, "trusted": trusted}).json()
        return told["trusted"], told["distrusted"]

    assert vote("Ada", True) == (1, 0)
    assert vote("Bo", True) == (2, 0)
    assert vote("Ada", False) == (1, 1)
    assert vote("Bo", None) == (0, 1)


def test_an_explanation_has_classes_words_and_reasons_that_add_up(bench):
    told = bench.client.get("/api/images/0/explanation").json()
    assert sum(own["probability"] for own in told["classes"]) == pytest.approx(1, abs=1e-4)
    assert told["sentence"]
    added = sum(reason["weight"] for reason in told["reasons"])
    assert added + told["bias"] == pytest.approx(told["faithfulness"]["logit_by_concepts"], abs=1e-4)
    assert np.shape(told["reasons"][0]["heat_map"])[0] > 1


def test_a_picture_that_was_brought_is_explained_and_forgotten(bench):
    key = bench.client.post("/api/uploads", files={"picture": ("green.png", _png())}).json()["id"]
    told = bench.client.get(f"/api/uploads/{key}/explanation").json()
    assert told["image"] == "green.png"
    assert bench.client.delete(f"/api/uploads/{key}").status_code == 204
    assert bench.client.get(f"/api/uploads/{key}/explanation").status_code == 404


def test_the_study_is_blind_resumable_and_has_results(bench):
    told = bench.client.get("/api/study").json()
    assert told["parts"][-1] == "context"
    orders = {}
    for person in ("Ada", "Bo"):
        orders[person] = bench.client.get("/api/study/items", params={"person": person}).json()["left"]
    assert sorted(orders["Ada"]) == sorted(orders["Bo"])
    assert orders["Ada"] != orders["Bo"]
    assert len(orders["Ada"]) == told["items"]
    for person in ("Ada", "Bo"):
        for place, item in enumerate(sorted(orders["Ada"])[:8]):
            parts = [told["parts"][place % 3]]
            answer = {"person": person, "item": item, "parts": parts}
            assert bench.client.post("/api/study/answers", json=answer).json()["parts"] == parts
    left = bench.client.get("/api/study/items", params={"person": "Ada"}).json()["left"]
    assert len(left) == told["items"] - 8
    assert left == [item for item in orders["Ada"] if item in left]
    results = bench.client.get("/api/study/results").json()
    assert results["answers"] == 16
    assert results["alpha"] == pytest.approx(1)
    assert sum(np.sum(own["counts"]) for own in results["classes"]) == 16
    wrong = {"person": "Ada", "item": left[0], "parts": ["antlers"]}
    assert bench.client.post("/api/study/answers", json=wrong).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/concepts/0-1-00000000", None, 404),
        ("GET", "/api/concepts/..%2f..%2fetc", None, 404),
        ("GET", "/api/concepts/nothing", None, 422),
        ("GET", "/api/classes/99", None, 404),
        ("GET", "/api/classes/-1", None, 422),
        ("GET", "/api/images?class=99", None, 404),
        ("GET", "/api/images?class=-1", None, 422),
        ("GET", "/api/concepts?class=99", None, 404),
        ("GET", "/api/images/0/methods/saliency?class=99", None, 404),
        ("GET", "/api/images/100000/explanation", None, 404),
        ("GET", "/api/uploads/unknown/explanation", None, 404),
        ("GET", "/api/nothing", None, 404),
        ("POST", "/api/concepts/{key}/name", {"name": " ", "author": "Ada"}, 422),
        ("POST", "/api/concepts/{key}/name", {"name": "x" * 121, "author": "Ada"}, 422),
        ("POST", "/api/concepts/{key}/name", {"name": "a\u202eb", "author": "Ada"}, 422),
        ("POST", "/api/concepts/{key}/name", {"name": "wing"}, 422),
        ("POST", "/api/concepts/{key}/vote", {"voter": "Ada", "trusted": "perhaps"}, 422),
        ("POST", "/api/concepts/{key}/vote", [], 422),
        ("POST", "/api/study/answers", {"person": "Ada", "item": "5.5", "parts": []}, 404),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(bench, method, path, body, status):
    answer = bench.client.request(method, path.format(key=bench.concept()), json=body)
    assert answer.status_code == status, answer.text
    told = answer.json()["error"]
    assert told
    assert "Traceback" not in told
    assert str(bench.desk.run.folder.parent) not in told


def test_five_files_that_are_no_pictures_are_refused(bench):
    bad = [b"", b"text", _png()[:60], b"\x89PNG\r\n\x1a\n" + bytes(60), b"<svg onload=alert(1)>"]
    for data in bad:
        answer = bench.client.post("/api/uploads", files={"picture": ("x.png", data)})
        assert answer.status_code == 422, data
        assert answer.json()["error"]


@pytest.mark.slow
def test_nothing_that_is_asked_makes_the_server_fail(bench):
    headers = {"host": "127.0.0.1"}
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", bench.client.app, headers=headers)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {"POST /api/concepts/{key}/vote", "POST /api/uploads", f"GET {ENDLESS}"} <= {own.label for own in operations}
    for operation in operations:
        if operation.path == ENDLESS:
            continue
        ways = [operation.as_strategy()]
        if operation.path_parameters or operation.query or operation.body:
            ways.append(operation.as_strategy(GenerationMode.NEGATIVE))
        if operation.path.startswith("/api/concepts/{key}"):
            ways.append(operation.as_strategy(path_parameters={"key": bench.concept()}))
        for way in ways:

            @settings(
                max_examples=EXAMPLES, derandomize=True, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=way)
            def ask(case):
                case.call_and_validate(checks=[not_a_server_error], headers=headers)

            ask()
