"""Who waits for the store holds up nobody else."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest

from whynet.web.app import _THREADS

WAITING = 3 * _THREADS
"""More than there are threads, for writers and for pages together."""


@pytest.mark.parametrize("form", ["vote", "answer"])
def test_pages_are_shown_while_many_wait_for_the_store(address, own_run, form):
    with httpx.Client(base_url=address, timeout=120) as client, ThreadPoolExecutor(WAITING) as people:
        key = client.get("/api/concepts").json()[0]["id"]
        item = client.get("/api/study/items", params={"person": "Ada"}).json()["left"][0]
        pages = ("/static/workbench.css", f"/concepts/{key}", "/study")

        def look(timeout):
            return {client.get(page, timeout=timeout).status_code for page in pages}

        def write(person):
            if form == "vote":
                return client.post(f"/api/concepts/{key}/vote", json={"voter": person, "trusted": True})
            return client.post("/api/study/answers", json={"person": person, "item": item, "parts": []})

        assert look(120) == {200}  # once before, so that what comes then is quick even where others compute
        with closing(sqlite3.connect(own_run / "workbench.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = [people.submit(write, f"person {number}") for number in range(WAITING)]
            assert look(20) == {200}
            assert not any(one.done() for one in waiting)
            other.execute("ROLLBACK")
        assert {one.result().status_code for one in waiting} == {200}
