from typing import Any

import pytest

from whynet.base.errors import StorageError
from whynet.store.json_form import from_json, to_json
from whynet.store.records import Records

EMPTY: dict[str, Any] = {"format": "whynet store", "version": 1, "names": [], "votes": [], "answers": []}


def test_an_empty_store() -> None:
    assert to_json(Records()) == EMPTY
    assert from_json(EMPTY, "a.json") == Records()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], 'a.json is no export of a store: it does not begin with "format": "whynet store"'),
        ({}, "a.json is no export of a store"),
        (EMPTY | {"version": 2}, "a.json has version 2, and this whynet reads version 1; update whynet"),
        (EMPTY | {"version": "x"}, "a.json has version 'x'"),
        (EMPTY | {"more": []}, "it should have the lists names, votes, answers"),
        (EMPTY | {"votes": {}}, "it should have the lists names, votes, answers"),
        ({key: value for key, value in EMPTY.items() if key != "votes"}, "it should have the lists"),
        (EMPTY | {"votes": [3]}, "a.json, votes, row 1: the columns id, .* were expected, not a int"),
    ],
)
def test_values_that_are_refused(value: Any, reason: str) -> None:
    with pytest.raises(StorageError, match=reason):
        from_json(value, "a.json")
