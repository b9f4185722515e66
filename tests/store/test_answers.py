from collections.abc import Callable
from typing import Any

import pytest

from whynet.base.errors import SettingError
from whynet.store import Store


def test_answers_are_kept_as_they_were_ticked(store: Store) -> None:
    ticked = [
        store.answers.answer("study", "Ada", "item1", ("tail", "head")),
        store.answers.answer("study", "Ada", "item2", []),
        store.answers.answer("study", "Bo", "item1", ["głowa <b>", '"quoted"']),
        store.answers.answer("other", "Ada", "item1", ("head",)),
    ]
    assert [answer.parts for answer in ticked] == [("tail", "head"), (), ("głowa <b>", '"quoted"'), ("head",)]
    assert store.answers.current("study") == ticked[:3]
    assert store.answers.current("none") == []
    assert store.answers.studies() == ["other", "study"]


def test_a_second_answer_takes_the_place_of_the_first_which_is_kept(store: Store) -> None:
    first = store.answers.answer("study", "Ada", "item1", ("head",))
    bystander = store.answers.answer("study", "Bo", "item1", ("tail",))
    second = store.answers.answer("study", "Ada", "item1", ())
    assert store.answers.current("study") == [bystander, second]
    assert store.answers.history("study") == [first, bystander, second]
    assert store.answers.latest("study", " Ada ", "item1") == second
    assert store.answers.latest("study", "Bo", "item1") == bystander
    assert store.answers.latest("study", "Ada", "item2") is None


def test_a_person_goes_on_where_the_study_was_left(store: Store) -> None:
    for item in ("item1", "item3", "item1"):
        store.answers.answer("study", "Ada", item, ())
    store.answers.answer("study", "Bo", "item2", ())
    assert store.answers.answered("study", " Ada ") == {"item1", "item3"}
    assert store.answers.answered("study", "Cy") == frozenset()
    assert store.answers.answered("other", "Ada") == frozenset()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("a study", "Ada", "item", ()), "the id of a study is"),
        (("study", "", "item", ()), "a person has 1 to 80 characters"),
        (("study", "Ada", "", ()), "the id of a study's item is"),
        (("study", "Ada", "item", "head"), "parts of an answer are a list of strings"),
        (("study", "Ada", "item", ("head", "head")), "each part is ticked once"),
        (("study", "Ada", "item", ("he\nad",)), "a control character"),
    ],
)
def test_answers_that_are_refused(arguments: tuple[Any, ...], reason: str, store: Store) -> None:
    with pytest.raises(SettingError, match=reason):
        store.answers.answer(*arguments)
    assert store.records().answers == ()


def test_people_answer_at_once(place: str, in_processes: Callable[..., list[Any]]) -> None:
    Store(place).close()

    def take_part(person: str) -> int:
        with Store(place) as store:
            for number in range(8):
                store.answers.answer("study", person, f"item{number}", (person,))
            return len(store.answers.answered("study", person))

    assert in_processes(take_part, [("Ada",), ("Bo",), ("Cy",)]) == [8, 8, 8]
    with Store(place) as store:
        answers = store.answers.current("study")
    assert {(answer.person, answer.item) for answer in answers} == {
        (person, f"item{number}") for person in ("Ada", "Bo", "Cy") for number in range(8)
    }
    assert all(answer.parts == (answer.person,) for answer in answers)
