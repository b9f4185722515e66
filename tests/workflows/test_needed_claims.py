from whynet.data.birds.parsing import parse_claims
from whynet.workflows.needed_claims import needed_claims


def needed(sentence):
    words = sentence.split()
    return dict(zip(words, needed_claims(words, parse_claims), strict=True))


def test_a_word_has_the_claims_that_are_lost_without_it():
    of = needed("this bird has a red crown and nape , with white wing bars .")
    assert of["red"] == {("crown colour", "red"), ("nape colour", "red")}
    assert of["nape"] == {("nape colour", "red")}
    assert of["crown"] == {("crown colour", "red")}
    assert of["white"] == {("wing bar colour", "white")}
    assert of["bars"] == {("wing bar colour", "white"), ("wing pattern", "barred")}
    assert of["bird"] == of["has"] == of[","] == of["."] == frozenset()


def test_a_sentence_without_claims_needs_nothing():
    assert set(needed("a fine day .").values()) == {frozenset()}
    assert needed_claims([], parse_claims) == []
