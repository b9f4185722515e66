"""The list of test pictures: which ones the network gets wrong, once it was asked."""

import re


def _pictures(text):
    return [int(found) for found in re.findall(r'<a href="/images/([0-9]+)">', text)]


def test_the_mistakes_are_those_of_the_explanations(bench):
    before = bench.client.get("/images").text
    assert "named right" not in before
    assert "taken for" not in before
    waiting = bench.client.get("/images?only=mistakes").text
    assert 'hx-get="/images/list?page=1&amp;only=mistakes"' in waiting or "/images/list?page=1&only=mistakes" in waiting
    told = bench.client.get("/api/images?mistakes=true&count=1000").json()
    every = bench.client.get("/api/images?count=1000").json()
    wrong = [one["image"] for one in every["images"] if one["predicted"] != one["class"]]
    assert wrong == [one["image"] for one in told["images"]]
    assert told["total"] == len(wrong) < every["total"]
    for one in every["images"][:2] + told["images"][:1]:
        explained = bench.client.get(f"/api/images/{one['image']}/explanation").json()
        assert explained["class"] == one["predicted"]
    for path in ("/images/list?only=mistakes", "/images?only=mistakes"):  # known by now, so the page has them at once
        text = bench.client.get(path).text
        assert _pictures(text) == wrong[:24]
        assert text.count("taken for") == len(wrong[:24])


def test_mistakes_of_one_class(bench):
    told = bench.client.get("/api/images?mistakes=true&class=1&count=1000").json()["images"]
    assert all(one["class"] != one["predicted"] for one in told)
    text = bench.client.get("/images?only=mistakes&class=1").text
    assert _pictures(text) == [one["image"] for one in told][:24]
    assert bench.client.get("/images?only=nonsense").status_code == 422
    assert bench.client.get("/images/list?class=99").status_code == 404
