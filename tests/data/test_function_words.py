import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whynet.data.birds.parsing import parse_claims
from whynet.data.function_words import FUNCTION_WORDS, is_content_word
from whynet.data.vocabulary import tokenise


def test_the_content_of_a_sentence_is_left():
    words = tokenise("This bird has a black head, and its wings that are brown have a white stripe above the eye.")
    content = [word for word in words if is_content_word(word)]
    assert content == ["bird", "black", "head", "wings", "brown", "white", "stripe", "eye"]


@pytest.mark.parametrize("word", ["<padding>", "<start>", "<unknown>", ".", ",", "-", "...", "The", "WITH", "", " "])
def test_what_says_nothing(word):
    assert not is_content_word(word)


@pytest.mark.parametrize("word", ["medium-sized", "3.5", "oiseau", "鳥", "😀", "bird's", "<3"])
def test_what_says_something(word):
    assert is_content_word(word)


def test_every_function_word_is_one_token_and_claims_nothing():
    for word in FUNCTION_WORDS:
        assert tokenise(word) == [word, "."]
        assert parse_claims(f"{word} bird") == frozenset()


@given(st.text(max_size=8))
def test_marks_and_punctuation_never_make_content(word):
    if is_content_word(word):
        assert any(unicodedata.category(character)[0] in "LNS" for character in word)
