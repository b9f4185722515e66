"""The pages of the run: what they offer, and what they leave out."""

import json

import pytest

from whynet.data.birds.dataset import PaintedBirds

FLOOR = "floor 0.61: the same with other x-features"


def _describe(bench, change):
    """Change what is written of the concepts of every class."""
    for path in sorted((bench.desk.run.folder / "concepts").glob("*/concepts.json")):
        described = json.loads(path.read_text())
        change(described)
        path.write_text(json.dumps(described))
    bench.desk.book._read.clear()


def _with_stability(described):
    described["figures"] |= {"stability": 0.95, "stability_floor": 0.61}
    for concept in described["concepts"]:
        concept["stability"] = 0.9


def test_a_stability_stands_beside_its_floor_everywhere(bench):
    _describe(bench, _with_stability)
    for path in ("/", "/classes/0", f"/concepts/{bench.concept()}"):
        text = bench.client.get(path).text
        assert FLOOR in text
        assert "Its floor" not in text


@pytest.mark.parametrize("is_open", [False, True])
def test_the_study_is_offered_only_where_there_are_parts_to_tick(bench, monkeypatch, is_open):
    def offers():
        if is_open:
            bench.desk.splits()
        return 'href="/study"' in bench.client.get("/").text

    assert offers()
    monkeypatch.setattr(PaintedBirds, "part_names", ())
    bench.desk._splits = None
    _describe(bench, lambda described: described["figures"].pop("locality"))
    assert not offers()


def _without_suggestions(described):
    for concept in described["concepts"]:
        concept["suggestion"] = None


def test_why_no_name_is_suggested(bench):
    _describe(bench, _without_suggestions)
    page = f"/concepts/{bench.concept()}"
    assert "since they lie on no part in at least half of its strongest pictures" in bench.client.get(page).text
    _describe(bench, lambda described: described["figures"].pop("locality"))
    bench.desk._splits = None
    assert "since the data know no parts" in bench.client.get(page).text


def test_pages_of_classes_that_are_not_there(bench):
    for path in ("/images?class=99", "/images/0/compare?class=99"):
        answer = bench.client.get(path)
        assert answer.status_code == 404
        assert "classes from 0 to 1 were expected, not 99" in answer.text
