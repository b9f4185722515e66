"""The drawing of a tree: colours of parts, and words for what counts."""

from whynet.workflows.report.tree_drawing import BAR_WIDTH, NUM_COLOURS, bar, colours, said
from whynet.workflows.report.tree_modes import NO_PART, Share


def test_parts_have_colours_of_their_own_and_the_rest_are_grey():
    found = colours([f"part {place}" for place in range(9)])
    assert len({found[f"part {place}"] for place in range(NUM_COLOURS)}) == NUM_COLOURS
    assert found["part 7"] == found["part 8"] == found[NO_PART] == "var(--layer7)"


def test_bars_are_as_long_as_their_shares_and_pale_where_they_speak_against():
    shares = [Share(name="filter 1", part="head", value=0.75), Share(name="filter 2", part="leg", value=-0.25)]
    text = bar(shares, {"head": "red", "leg": "blue"})
    assert f'width="{0.75 * BAR_WIDTH - 1:.1f}" height="18" fill="red">' in text
    assert f'width="{0.25 * BAR_WIDTH - 1:.1f}" height="18" fill="blue" opacity="0.35">' in text
    assert "<title>filter 2, leg: -25\N{NO-BREAK SPACE}%</title>" in text
    assert said(shares) == "head +75\N{NO-BREAK SPACE}%, leg -25\N{NO-BREAK SPACE}%; filters 1, 2"
    assert said([]) == "no filter counts"
