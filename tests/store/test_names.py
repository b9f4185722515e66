import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whynet.base.errors import SettingError
from whynet.store import Store

numbers = count()


def test_a_name_is_kept_with_its_author_and_time(store: Store) -> None:
    before = datetime.now(UTC)
    given_name = store.names.name("tern/3", " black head ", " Ada ")
    assert (given_name.concept, given_name.name, given_name.author) == ("tern/3", "black head", "Ada")
    assert before <= given_name.time <= datetime.now(UTC)
    assert given_name.time.utcoffset() == timedelta(0)
    assert store.names.latest("tern/3") == given_name
    assert store.names.current() == {"tern/3": given_name}
    assert store.names.history("tern/3") == [given_name]


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "رأس أسود", "👩🏽‍🔬", "'; DROP TABLE names; --", "100 % _ \\ ?"]
)
def test_any_text_is_stored_as_it_is(name: str, store: Store) -> None:
    store.names.name("a", name, name[:80])
    naming = store.names.current()["a"]
    assert (naming.name, naming.author) == (name, name[:80])
    assert store.names.search(name) == [naming]


def test_a_new_name_and_none_keep_what_was_before(store: Store) -> None:
    steps = [store.names.name("a", name, author) for name, author in (("head", "Ada"), ("beak", "Bo"), (None, "Cy"))]
    assert store.names.history("a") == steps
    assert store.names.current() == {}
    assert store.names.latest("a") == steps[-1]
    assert store.names.latest("b") is None
    assert store.names.history("b") == []


def test_undo_goes_back_step_by_step(store: Store) -> None:
    for name in ("head", "beak", None):
        store.names.name("a", name, "Ada")
    undone = [store.names.undo("a", "Bo") for _ in range(3)]
    assert [step.name for step in undone] == ["beak", "head", None]
    assert all(step.is_undo and step.author == "Bo" for step in undone)
    assert [step.can_be_undone for step in undone] == [True, True, False]
    assert [step.name for step in store.names.history("a")] == ["head", "beak", None, "beak", "head", None]
    with pytest.raises(SettingError, match="the concept a has no earlier name to go back to"):
        store.names.undo("a", "Bo")
    with pytest.raises(SettingError, match="no earlier name"):
        store.names.undo("never-named", "Bo")


def test_a_name_after_an_undo_is_undone_to_what_the_undo_went_to(store: Store) -> None:
    for name in ("head", "beak"):
        store.names.name("a", name, "Ada")
    store.names.undo("a", "Ada")
    store.names.name("a", "wing", "Ada")
    assert [store.names.undo("a", "Ada").name for _ in range(2)] == ["head", None]


def test_a_name_said_twice_is_kept_twice_and_undone_at_once(store: Store) -> None:
    for name in ("head", "beak", "beak", " beak"):
        store.names.name("a", name, "Ada")
    assert len(store.names.history("a")) == 4
    assert store.names.undo("a", "Ada").name == "head"
    store.names.name("a", "head", "Bo")
    assert store.names.undo("a", "Ada").name is None


steps = st.lists(st.one_of(st.sampled_from(["head", "beak", "wing", None]), st.just(...)), max_size=12)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_namings_and_undos_are_those_of_a_stack(store: Store, steps: list[Any]) -> None:
    concept = f"concept-{next(numbers)}"
    stack: list[str | None] = [None]
    for step in steps:
        if step is not ...:
            store.names.name(concept, step, "Ada")
            if step != stack[-1]:
                stack.append(step)
        elif len(stack) == 1:
            with pytest.raises(SettingError):
                store.names.undo(concept, "Ada")
        else:
            stack.pop()
            store.names.undo(concept, "Ada")
        latest = store.names.latest(concept)
        assert (latest.name if latest else None) == stack[-1]
        assert (latest is not None and latest.can_be_undone) == (len(stack) > 1)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=4))
def test_a_name_that_is_taken_comes_back(store: Store, texts: list[str]) -> None:
    concept = f"text-{next(numbers)}"
    kept = []
    for text in texts:
        try:
            kept.append(store.names.name(concept, text, "Ada"))
        except SettingError:
            continue
    assert store.names.history(concept) == kept


def test_current_names_are_in_the_order_of_their_ids_in_every_database(store: Store) -> None:
    ids = ["b", "A", "a", "B", "a-1", "a/1", "_", "10", "9"]
    random.Random(0).shuffle(ids)
    for concept in ids:
        store.names.name(concept, "head", "Ada")
    assert list(store.names.current()) == sorted(ids)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("black Head", "K HEA"),
        ("Żółw", " żÓŁ "),
        ("Straße", "STRASSE"),
        ("ΣΟΦΌΣ", "σοφός"),
        ("ЧЁРНЫЙ хвост", "чёрный"),
        ("café", "CAFE\u0301"),
        ("100 %", "%"),
        ("a_b", "_"),
    ],
)
def test_search_finds_capital_and_small_letters_of_any_script(name: str, text: str, store: Store) -> None:
    store.names.name("a", name, "Ada")
    store.names.name("b", "something else", "Ada")
    assert [naming.name for naming in store.names.search(text)] == [name]


def test_search_finds_current_names_only(store: Store) -> None:
    for concept, name in (("a", "head"), ("a", "beak"), ("b", "head"), ("c", "head"), ("c", None)):
        store.names.name(concept, name, "Ada")
    assert [naming.concept for naming in store.names.search("head")] == ["b"]
    assert [naming.concept for naming in store.names.search("")] == ["a", "b"]
    assert store.names.search("x" * 500) == []


def test_what_is_refused_leaves_no_trace(store: Store) -> None:
    for arguments in (("a b", "head", "Ada"), ("a", "", "Ada"), ("a", "head", ""), ("a", "he\nad", "Ada")):
        with pytest.raises(SettingError):
            store.names.name(*arguments)
    with pytest.raises(SettingError, match="id of a concept"):
        store.names.undo("", "Ada")
    with pytest.raises(SettingError, match="an author has"):
        store.names.undo("a", "")
    assert store.records().names == ()


def test_undos_at_once_go_back_one_step_each(place: str, in_processes: Callable[..., list[Any]]) -> None:
    with Store(place) as store:
        for number in range(16):
            store.names.name("a", f"name {number}", "Ada")

    def undo(person: str) -> list[str | None]:
        with Store(place) as store, ThreadPoolExecutor(2) as threads:
            return list(threads.map(lambda _: store.names.undo("a", person).name, range(5)))

    undone = [name for names in in_processes(undo, [("Bo",), ("Cy",), ("Di",)]) for name in names]
    assert sorted(undone) == sorted(f"name {number}" for number in range(15))
    with Store(place) as store:
        assert store.names.current()["a"].name == "name 0"
        assert len(store.names.history("a")) == 31
