"""The pages of concepts, without a browser."""

import re


def test_concepts_of_one_name_are_told_apart(bench):
    """By their numbers, what they add, and the picture where they are strongest."""
    keys = [bench.concept(place) for place in range(3)]
    for key in keys:
        bench.client.post(f"/api/concepts/{key}/name", json={"name": "red wing", "author": "Ada"})
    for path in ("/concepts", "/search?query=red"):
        text = bench.client.get(path).text
        for number, key in enumerate(keys, 1):
            assert re.search(rf"<small[^>]*>x-feature {number}\b", text)
            assert f'src="/concepts/{key}/strongest.png" alt="" loading="lazy"' in text


def test_the_strongest_picture_is_the_first_of_its_page(bench):
    key = bench.concept()
    first = bench.client.get(f"/api/concepts/{key}/pictures").json()["pictures"][0]["index"]
    for strongest, same in (("jpg", f"/images/{first}/small.jpg"), ("png", f"/images/{first}/maps/{key}.png")):
        answer = bench.client.get(f"/concepts/{key}/strongest.{strongest}")
        assert answer.status_code == 200
        assert answer.content == bench.client.get(same).content


def test_a_blank_name_where_there_is_none_is_no_step(bench):
    bench.as_person("Ada")
    page = f"/concepts/{bench.concept()}"
    for name in ("", " "):
        bench.client.post(f"{page}/name", data={"name": name})
    assert "History" not in bench.client.get(page).text
    for name in ("red wing", ""):
        bench.client.post(f"{page}/name", data={"name": name})
    assert "History: 2 steps" in bench.client.get(page).text
