"""Text in pictures fits the width that it was given, in any alphabet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whynet.base.lettering import blank, printable, shortened, text_width, wrapped, write


@settings(max_examples=40)
@given(st.text(max_size=60), st.integers(30, 300))
def test_text_is_cut_to_its_width(text, width):
    assert text_width(shortened(text, width, 15), 15) <= width
    lines = wrapped(text, width, 15, most=3)
    assert len(lines) <= 3
    assert all(text_width(line, 15) <= width for line in lines)


def test_what_fits_is_left_as_it_is():
    assert shortened("Scott Oriole", 300, 15) == "Scott Oriole"
    assert wrapped("one two three", 1000, 15, most=2) == ["one two three"]
    assert shortened("Scott Oriole", 60, 15).endswith("…")
    assert " ".join(wrapped("one two three four five six", 80, 15, most=9)) == "one two three four five six"


@pytest.mark.parametrize("text", ["abc", "Żółw", "鳥", "Привет", "≥ 0.5"])
def test_letters_of_many_alphabets_are_drawn_where_they_are_measured(text):
    canvas = blank(40, 200)
    write(canvas, text, 10, 28, 18)
    inked = (canvas < 128).any(axis=(0, 2)).nonzero()[0]
    assert inked.min() >= 8
    assert inked.max() <= 10 + text_width(text, 18) + 2
    box = blank(40, 200)
    write(box, "\N{REPLACEMENT CHARACTER}", 10, 28, 18)
    assert not np.array_equal(canvas, box)


def test_what_has_no_letter_is_a_question_mark():
    assert printable("a\tb\x07\udcff") == "a b??"
