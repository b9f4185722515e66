"""The pages of the study, without a browser: slips, going back, and what the results tell."""

import html
import re

import pytest


@pytest.fixture
def study(bench):
    bench.as_person("Ada")
    return bench.client


def _hidden(text):
    return dict(re.findall(r'name="(place|ticket)" value="([^"]+)"', text))


def _said(answer):
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2]).split()))


def _ticked(text):
    return re.findall(r'value="([^"]+)"(?: data-alone)? checked', text)


def _answer(client, **ticks):
    return client.post("/study", data={**_hidden(client.get("/study").text), **ticks})


def test_an_answer_without_a_tick_is_asked_again(study):
    answer = _answer(study)
    assert answer.status_code == 422
    assert "Nothing was ticked, so nothing was kept." in _said(answer)
    assert "0 of" in _said(study.get("/study"))
    both = _answer(study, parts="tail", nothing="true")
    assert both.status_code == 422
    assert "ticked together, so nothing was kept" in _said(both)
    assert _ticked(both.text) == ["tail"]
    assert study.get("/api/study/results").json()["answers"] == 0


def test_that_nothing_is_bright_is_an_answer(study):
    assert "1 of" in _said(_answer(study, nothing="true"))
    told = study.get("/api/study/results").json()
    assert told["answers"] == 1
    assert [sum(own["nothing"]) for own in told["classes"]] == [1]
    assert _ticked(study.get("/study?place=0").text) == ["true"]


def test_going_back_corrects_the_last_answer(study):
    assert ">Back<" not in study.get("/study").text
    after = _answer(study, parts="tail")
    assert '<a class="back" href="/study?place=0">Back</a>' in after.text
    again = study.get("/study?place=0")
    assert _ticked(again.text) == ["tail"]
    assert "You have answered this map before" in _said(again)
    corrected = study.post("/study", data={**_hidden(again.text), "parts": "context"})
    assert "1 of" in _said(corrected)
    (own,) = study.get("/api/study/results").json()["classes"]
    assert sum(map(sum, own["counts"])) == sum(row[-1] for row in own["counts"]) == 1
    assert study.get("/study?place=9999").status_code == 404


def test_what_to_do_stands_above_every_map(study):
    for _ in range(2):
        assert "Tick each part that is bright" in _said(study.get("/study"))
        _answer(study, parts="tail")


def test_results_say_from_how_many_answers_and_who_was_not_asked(study):
    _answer(study, parts="context")
    text = _said(study.get("/study/results"))
    assert "From 1 answer on 1 of 3 concepts: locality 0.00 by people" in text
    assert text.count("none yet") == 2
    assert "beside these parts" in text
    assert ">context</th>" not in study.get("/study/results").text
    for path in ("/", "/study"):
        assert 'href="/study/results"' in study.get(path).text
