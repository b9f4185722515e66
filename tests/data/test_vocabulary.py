import json
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whynet.base.errors import DataError, SettingError
from whynet.base.tokens import NUM_SPECIAL, PADDING, START, STOP, UNKNOWN
from whynet.data.vocabulary import Vocabulary, tokenise

CAPTIONS = ["This bird has a red crown.", "this bird has a black-and-white wing", "A bird, small and red!"]

ODD = [
    "0'\u200c",
    "a\u200c\u200db",
    "İstanbul",
    "ΑΣ",
    "a\u00ad\u0308",
    "(\u0308x",
    "1.2,3",
    "'-'",
    "<unknown>",
    "ﬀ",
    "\u200d",
    "🐦\u200d",
    ";",
    "=\u0338",
]


@pytest.mark.parametrize(
    ("sentence", "tokens"),
    [
        ("This bird is Red.", ["this", "bird", "is", "red", "."]),
        ("no stop", ["no", "stop", "."]),
        ("three stops...", ["three", "stops", "."]),
        ("what a bird?!", ["what", "a", "bird", "."]),
        ("one. two.", ["one", ".", "two", "."]),
        ("a black-and-white bird's wing", ["a", "black-and-white", "bird's", "wing", "."]),
        ("bird’s black‑winged", ["bird's", "black-winged", "."]),  # noqa: RUF001
        ("red, white (and blue)", ["red", ",", "white", "(", "and", "blue", ")", "."]),
        ("a 3.5 inch bird, or 1,000", ["a", "3.5", "inch", "bird", ",", "or", "1,000", "."]),
        ("dash - and -- dashes", ["dash", "-", "and", "-", "-", "dashes", "."]),
        ("'quoted' \"twice\"", ["'", "quoted", "'", '"', "twice", '"', "."]),
        ("a 🐦 sings", ["a", "🐦", "sings", "."]),
        ("bird🐦", ["bird", "🐦", "."]),
        ("👩‍🔬 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿", ["👩‍🔬", "and", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "."]),
        (
            "\u05e6\u05d9\u05e4\u05d5\u05e8 \u05d0\u05d3\u05d5\u05de\u05d4",
            ["\u05e6\u05d9\u05e4\u05d5\u05e8", "\u05d0\u05d3\u05d5\u05de\u05d4", "."],
        ),
        ("\u200fطائر أحمر؟", ["طائر", "أحمر", "."]),  # noqa: RUF001
        ("लाल पक्षी।", ["लाल", "पक्षी", "."]),
        ("cafe\u0301", ["café", "."]),
        ("a <unknown> bird", ["a", "<unknown>", "bird", "."]),
        ("a\u00a0b\tc\nd\x00e", ["a", "b", "c", "d", "e", "."]),
    ],
)
def test_tokenise(sentence: str, tokens: list[str]) -> None:
    assert tokenise(sentence) == tokens


@pytest.mark.parametrize("sentence", ["", "  \n", ".", "...", "?!", "-- ,", "\u200f", "\ud800", "\x00"])
def test_a_sentence_without_words(sentence: str) -> None:
    assert tokenise(sentence) == []
    with pytest.raises(DataError, match="expected a caption with words, but it is "):
        Vocabulary.from_captions([sentence])
    with pytest.raises(DataError, match="expected a caption with words"):
        Vocabulary.from_captions(CAPTIONS).encode(sentence)


def test_special_ids_and_order() -> None:
    vocabulary = Vocabulary.from_captions(CAPTIONS)
    special = {PADDING: "<padding>", START: "<start>", UNKNOWN: "<unknown>", STOP: "."}
    assert dict(enumerate(vocabulary.words[:NUM_SPECIAL])) == special
    assert vocabulary.words[4:9] == ("a", "bird", "has", "red", "this")  # 3, 3, 2, 2, 2 times
    assert len(vocabulary) == len(set(vocabulary.words)) == 15
    assert vocabulary == Vocabulary.from_captions(reversed(CAPTIONS))
    assert hash(vocabulary) == hash(Vocabulary.from_captions(reversed(CAPTIONS)))


def test_encode_ends_with_the_full_stop() -> None:
    vocabulary = Vocabulary.from_captions(CAPTIONS)
    assert vocabulary.encode("a bird") == [4, 5, 3]
    assert vocabulary.encode("a bird sings.") == [4, 5, 2, 3]


def test_decode() -> None:
    vocabulary = Vocabulary.from_captions([*CAPTIONS, "(red); white: it's a wing"])
    for sentence in ["this bird has a red, white wing.", "a (red) bird; it's black-and-white: red.", "a bird. a wing."]:
        assert vocabulary.decode(vocabulary.encode(sentence)) == sentence
    assert vocabulary.decode([START, *vocabulary.encode("a bird"), PADDING, PADDING]) == "a bird."
    assert vocabulary.decode(vocabulary.encode("a blue bird")) == "a <unknown> bird."
    assert vocabulary.decode([]) == "."


@pytest.mark.parametrize("index", [-1, 15, 10**9])
def test_decode_refuses_other_ids(index: int) -> None:
    with pytest.raises(DataError, match=f"id {index} is not in the vocabulary of 15 words"):
        Vocabulary.from_captions(CAPTIONS).decode([index])


def test_min_count() -> None:
    vocabulary = Vocabulary.from_captions(CAPTIONS, min_count=3)
    assert vocabulary.words[4:] == ("a", "bird")
    assert "bird" in vocabulary
    assert "red" not in vocabulary
    with pytest.raises(SettingError, match="min_count must be at least 1, but is 0"):
        Vocabulary.from_captions(CAPTIONS, min_count=0)


def test_coverage() -> None:
    vocabulary = Vocabulary.from_captions(CAPTIONS)
    assert vocabulary.coverage(CAPTIONS) == 1
    assert vocabulary.coverage(["a blue bird.", "red"]) == 3 / 4
    assert vocabulary.coverage(["<unknown>"]) == 0
    with pytest.raises(DataError, match="expected captions to measure the coverage of"):
        vocabulary.coverage([])


def test_no_captions() -> None:
    with pytest.raises(DataError, match="expected captions to build the vocabulary from"):
        Vocabulary.from_captions([])


def test_a_caption_cannot_forge_special_words() -> None:
    vocabulary = Vocabulary.from_captions(["<padding> <start> <unknown> bird"])
    assert set(vocabulary.words[4:]) == {"<", ">", "padding", "start", "bird"}


def test_json() -> None:
    vocabulary = Vocabulary.from_captions([*CAPTIONS, "🐦 café"])
    assert Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json()))) == vocabulary


SPECIAL = ["<padding>", "<start>", "<unknown>", "."]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "a vocabulary must be"),
        ([], "a vocabulary must be"),
        ({}, "a vocabulary must be"),
        ({"words": "abc"}, "a vocabulary must be"),
        ({"words": [*SPECIAL, 1]}, "a vocabulary must be"),
        ({"words": []}, "must start with"),
        ({"words": ["a", *SPECIAL]}, "must start with"),
        ({"words": [*SPECIAL, "a", "a"]}, "has 'a' twice"),
        ({"words": [*SPECIAL, "Upper"]}, "has 'Upper'"),
        ({"words": [*SPECIAL, "two words"]}, "has 'two words'"),
        ({"words": [*SPECIAL, ""]}, "has ''"),
        ({"words": [*SPECIAL, "."]}, r"has '\.'"),
        ({"words": [*SPECIAL, "<unknown>"]}, "has '<unknown>'"),
        ({"words": [*SPECIAL, "\ud800"]}, "has '\\\\ud800'"),
    ],
)
def test_json_that_is_no_vocabulary(value: object, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        Vocabulary.from_json(value)


def with_odd(test):  # type: ignore[no-untyped-def]
    for text in ODD:
        test = example(text)(test)
    return test


any_text = st.text(st.characters(exclude_categories=[])) | st.text("ab .,!?'-\"()<>1234é\u0301\u200d🐦…", max_size=30)


@with_odd
@given(any_text)
@settings(max_examples=400)
def test_tokens_of_any_text(text: str) -> None:
    tokens = tokenise(text)
    if not tokens:
        return
    assert tokens[-1] == "."
    assert tokens[-2] not in {".", "!", "?"}
    assert tokenise(" ".join(tokens)) == tokens
    for token in tokens:
        assert token
        assert not any(character.isspace() for character in token)
        assert unicodedata.is_normalized("NFC", token)
        assert token == token.lower()
        token.encode("utf-8")


@with_odd
@given(any_text)
@settings(max_examples=400)
def test_decoding_what_was_encoded_is_stable(text: str) -> None:
    if not tokenise(text):
        return
    knowing, ignorant = Vocabulary.from_captions([text]), Vocabulary([])
    assert Vocabulary.from_json(knowing.to_json()) == knowing
    for vocabulary in (knowing, ignorant):
        once = vocabulary.decode(vocabulary.encode(text))
        assert once.endswith(".")
        assert vocabulary.encode(once) == vocabulary.encode(text)
        assert vocabulary.decode(vocabulary.encode(once)) == once
    known = [token != "<unknown>" for token in tokenise(text) if token != "."]
    assert knowing.coverage([text]) == sum(known) / len(known)


def test_each_character_alone_is_stable() -> None:
    for code in [*range(0x3000), *range(0xF900, 0x10000), *range(0x1F000, 0x1FB00)]:
        for token in tokenise(chr(code)):
            assert tokenise(token) in ([token, "."], []), hex(code)
