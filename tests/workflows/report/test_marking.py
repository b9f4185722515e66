from whynet.data.birds import parse_claims
from whynet.workflows.report.grounding import Details
from whynet.workflows.report.marking import marked_words

SENTENCE = "this bird has a black head and a yellow belly ."
TRUE = {("crown colour", "black"), ("forehead colour", "black"), ("nape colour", "black"), ("belly colour", "white")}


def words(sentence):
    return [(word, 0.5) for word in sentence.split()]


def test_words_that_a_claim_needs_are_marked_by_its_truth():
    marked = marked_words(words(SENTENCE), TRUE, parse_claims)
    truth = {word.text.strip(): word.truth for word in marked}
    assert truth["black"] == truth["head"] == "true"
    assert truth["yellow"] == truth["belly"] == "false"
    assert truth["bird"] == truth["has"] == truth["."] == ""
    assert "".join(word.text for word in marked) == "this bird has a black head and a yellow belly."


def test_each_word_has_its_own_details():
    told = [Details(bar=str(place), layers=[], units=[]) if place % 2 else None for place in range(11)]
    marked = marked_words(words(SENTENCE), TRUE, parse_claims, told)
    assert [word.details for word in marked] == told
    assert {word.details for word in marked_words(words(SENTENCE), TRUE, parse_claims)} == {None}


def test_nothing_is_marked_where_the_truth_is_not_known():
    assert {word.truth for word in marked_words(words(SENTENCE), None, parse_claims)} == {""}
    assert {word.truth for word in marked_words(words(SENTENCE), TRUE, None)} == {""}
    assert marked_words([], TRUE, parse_claims) == []
