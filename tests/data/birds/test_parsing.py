import pytest
from hypothesis import given
from hypothesis import strategies as st

from whynet.data.birds.parsing import parse_claims

HEAD_BLACK = {("crown colour", "black"), ("forehead colour", "black"), ("nape colour", "black")}


@pytest.mark.parametrize(
    ("sentence", "claims"),
    [
        ("this bird has a black head and a yellow belly.", HEAD_BLACK | {("belly colour", "yellow")}),
        (
            "this is a small bird with wings that are brown, a white eyebrow and a short pointy bill.",
            {
                ("size", "small"),
                ("wing colour", "brown"),
                ("eyebrow", "white"),
                ("bill length", "short"),
                ("bill shape", "pointed"),
            },
        ),
        ("this bird has a red crown and nape.", {("crown colour", "red"), ("nape colour", "red")}),
        ("a bird with a tail that is short and brown wings.", {("tail length", "short"), ("wing colour", "brown")}),
        ("a bird with a black cap and legs that are pink.", {("crown colour", "black"), ("leg colour", "pink")}),
        ("a bird with white bars on its wings.", {("wing pattern", "barred"), ("wing bar colour", "white")}),
        (
            "a bird with white wing bars and a crest.",
            {("wing pattern", "barred"), ("wing bar colour", "white"), ("crest", "crested")},
        ),
        (
            "this bird has spots on its chest and a yellow ring around its eye.",
            {("breast pattern", "spotted"), ("eye ring", "yellow")},
        ),
        ("this bird has a white tip on its tail.", {("tail tip", "white")}),
        ("this bird has a pointed tail and a pointed bill.", {("tail shape", "pointed"), ("bill shape", "pointed")}),
        ("this bird has white underparts.", {("breast colour", "white"), ("belly colour", "white")}),
        ("this bird's crown is red.", {("crown colour", "red")}),
        ("THIS BIRD HAS A  Red crown , and an orange breast .", {("crown colour", "red"), ("breast colour", "orange")}),
        ("this bird has a glorious red crown and a hat.", {("crown colour", "red")}),
        ("this is a bird.", set()),
        ("red red red", set()),
        ("", set()),
    ],
)
def test_sentences(sentence, claims):
    assert parse_claims(sentence) == claims


WORDS = st.sampled_from(
    [
        "this",
        "bird",
        "is",
        "a",
        "an",
        "has",
        "with",
        "and",
        "that",
        "are",
        "red",
        "black",
        "short",
        "wings",
        "tail",
        "streaked",
        "breast",
        "bars",
        "on",
        "its",
        "eye",
        "ring",
        ",",
        ".",
        "unk",
    ]
)


@given(st.lists(WORDS, max_size=25))
def test_any_output_of_a_network_is_read_and_spacing_does_not_matter(words):
    claims = parse_claims(" ".join(words))
    assert claims == parse_claims("  ".join(words).upper().replace(" ,", ",").replace(" .", "."))
    assert all(value in {"red", "black", "short", "streaked", "barred"} for _, value in claims)


@given(st.text(max_size=60))
def test_no_text_is_refused(text):
    assert isinstance(parse_claims(text), frozenset)
