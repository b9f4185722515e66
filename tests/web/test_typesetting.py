"""One style of numbers."""

import pytest

from whynet.web.typesetting import number, percent, typeset

NBSP, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("90.6%", f"90.6{NBSP}%"),
        ("21.5 % by chance", f"21.5{NBSP}% by chance"),
        ("says -1.6 (-0.2)", f"says {MINUS}1.6 ({MINUS}0.2)"),
        ("CIDEr-D 2-3 x-feature-4", "CIDEr-D 2-3 x-feature-4"),
        ("%", "%"),
    ],
)
def test_percents_and_minus_signs(text, written):
    assert typeset(text) == written
    assert typeset(written) == written


def test_numbers_and_shares():
    assert number(-1.557) == f"{MINUS}1.56"
    assert number(2.0, 1) == "2.0"
    assert [percent(share) for share in (0.46, 0.997, 0.0)] == [f"{text}{NBSP}%" for text in ("46", "99.7", "0.0")]
