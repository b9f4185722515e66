import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whynet.base.errors import SettingError
from whynet.store.validity import checked_id, checked_vote, cleaned_name, cleaned_parts, cleaned_person, folded


@pytest.mark.parametrize(
    "name",
    [
        "black head",
        "<script>alert(1)</script>",
        "رأس أسود",
        "ראש שחור",
        "👩🏽‍🔬 head",
        "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "=1+1",
        "'tis",
        "x" * 120,
        "\u200f\u0627\u200f",
    ],
)
def test_names_of_any_script_are_kept_as_they_are(name: str) -> None:
    assert cleaned_name(name) == name


def test_names_are_composed_and_stripped() -> None:
    assert cleaned_name(" \t cafe\u0301\n") == "caf\u00e9"
    assert cleaned_name("e\u0301" * 120) == "é" * 120


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "a name has 1 to 120 characters, but it is empty"),
        (" \n\u3000", "it is empty"),
        ("x" * 121, "1 to 120 characters, but it has 121; shorten it"),
        ("e\u0301" * 121, "but it has 121"),
        ("x" * 1_000_000, "but it has 1000000"),
        ("a\nb", r"character 2 of 'a\\nb' is U\+000A, a control character; remove it"),
        ("a\0b", r"U\+0000, a control character"),
        ("a\x7fb", r"U\+007F, a control character"),
        ("a\x85b", r"U\+0085, a control character"),
        ("a\u2028b", r"U\+2028, a line separator"),
        ("a\ud800b", r"U\+D800, half a surrogate pair"),
        ("\u200b\u200d", "a name can be seen, but .* cannot"),
        (7, "a name is text, but it is 7"),
        (None, "a name is text, but it is None"),
    ],
)
def test_names_that_are_refused(name: object, reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        cleaned_name(name)


@pytest.mark.parametrize("code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
def test_characters_that_turn_the_direction_of_writing_are_refused(code: int) -> None:
    with pytest.raises(SettingError, match=rf"is U\+{code:04X}, a control character that turns the direction"):
        cleaned_name(f"black{chr(code)}head")


@settings(max_examples=60)
@given(st.text(max_size=150))
@example("\u1e9b\u0323 ")
@example("\ufb1d" * 100)  # composing makes it longer
def test_a_name_is_refused_or_clean(text: str) -> None:
    refusal, name = "", ""
    try:
        name = cleaned_name(text)
    except SettingError as error:
        refusal = str(error)
    assert refusal.isascii()
    if refusal:
        return
    assert 1 <= len(name) <= 120
    assert cleaned_name(name) == name == unicodedata.normalize("NFC", name).strip()
    assert name.encode()


def test_people_have_shorter_names() -> None:
    assert cleaned_person(" Ada ", "a voter") == "Ada"
    assert cleaned_person("x" * 80, "a voter") == "x" * 80
    with pytest.raises(SettingError, match="a voter has 1 to 80 characters, but it has 81"):
        cleaned_person("x" * 81, "a voter")


@pytest.mark.parametrize("value", ["a", "black_tern/3", "=1", "x" * 200, "!~"])
def test_ids_are_kept(value: str) -> None:
    assert checked_id(value, "concept") == value


@pytest.mark.parametrize("value", ["", " ", "a b", "a\n", "é", "x" * 201, 3, None, "\x7f"])
def test_ids_that_are_refused(value: object) -> None:
    with pytest.raises(SettingError, match="the id of a concept is 1 to 200 printable ASCII characters without spaces"):
        checked_id(value, "concept")


def test_parts_are_cleaned_in_their_order() -> None:
    assert cleaned_parts([" tail", "head"]) == ("tail", "head")
    assert cleaned_parts(()) == ()


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ("head", "a list of strings"),
        (3, "a list of strings"),
        ({"head"}, "a list of strings"),
        (["head", 3], "a part is text, but it is 3"),
        (["head", " head"], "each part is ticked once at most, but 'head' is twice"),
        ([str(number) for number in range(201)], "at most 200 parts, but it has 201"),
    ],
)
def test_parts_that_are_refused(parts: object, reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        cleaned_parts(parts)


def test_votes_are_true_false_or_none() -> None:
    assert [checked_vote(value) for value in (True, False, None)] == [True, False, None]
    for value in (1, 0, "true"):
        with pytest.raises(SettingError, match="a vote is true, false, or null"):
            checked_vote(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Żółw", "żóŁW"), ("Straße", "STRASSE"), ("σοφός", "ΣΟΦΌΣ"), ("чёрный", "ЧЁРНЫЙ"), ("cafe\u0301", "CAFÉ")],
)
def test_folding_makes_capital_and_small_letters_one(one: str, other: str) -> None:
    assert folded(one) == folded(other)
    assert folded(one) != folded(other + "x")
