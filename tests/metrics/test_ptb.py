import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whynet.base.errors import WhynetError
from whynet.metrics import ptb
from whynet.metrics.ptb import PUNCTUATION, drop_punctuation, ptb_tokenise

ODD = [
    "Don't STOP -- it's 3.5 cm (about 1 1/2 inches) & \"nice\"...",
    "طائر أحمر، جميل؟",
    "a café bird \u2014 naïve",
    "I Istanbul DIYARBAKIR",
    "[brackets] {braces} `quotes' http://birds.org/x?y=1 a@b.org",
    "?!",
    "two\nlines",
    "a  b\tc",
    "black/white; e.g. U.S. birds etc.",
]


def test_equals_pycocoevalcap(their_tokeniser, birds):
    from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

    sentences = [*ODD, *birds[0], *(reference for own in birds[1] for reference in own)]
    theirs = their_tokeniser.tokenize({i: [{"caption": text}] for i, text in enumerate(sentences)})
    ours = [drop_punctuation(tokens) for tokens in ptb_tokenise(sentences)]
    assert ours == [theirs[i][0] for i in range(len(sentences))]
    assert frozenset(PUNCTUATIONS) == PUNCTUATION


def test_punctuation_is_kept_until_it_is_dropped(language_tools):
    (tokens,) = ptb_tokenise(["A bird, it's (very) RED!"])
    assert tokens == "a bird , it 's -lrb- very -rrb- red !"
    assert drop_punctuation(tokens) == "a bird it 's -lrb- very -rrb- red"


def test_line_breaks_and_blanks_never_shift_a_sentence(language_tools):
    breaks = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
    sentences = ["", "one", " ", *(f"two{mark}words{mark}" for mark in breaks), "", "🐦", "last", "", "\n"]
    expected = ["", "one", "", *(["two words"] * len(breaks)), "", "", "last", "", ""]
    assert ptb_tokenise(sentences) == expected


def test_a_sentence_is_tokenised_the_same_alone(language_tools, birds):
    together = ptb_tokenise(birds[0][:3])
    assert [ptb_tokenise([sentence])[0] for sentence in birds[0][:3]] == together


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=40), max_size=20))
def test_any_text_gives_one_line_a_sentence(language_tools, sentences):
    tokenised = ptb_tokenise(sentences)
    assert len(tokenised) == len(sentences)
    assert all(not tokens for sentence, tokens in zip(sentences, tokenised, strict=True) if not sentence.strip())


def test_nothing_to_tokenise_starts_no_java(monkeypatch):
    monkeypatch.setattr(ptb, "java_command", lambda _: pytest.fail("Java was started"))
    assert ptb_tokenise([]) == []
    assert ptb_tokenise(["", " \n"]) == ["", ""]


def test_a_failing_tokeniser_is_reported_with_what_it_said(language_tools, monkeypatch):
    monkeypatch.setattr(ptb, "tokeniser_jar", lambda: "no-such.jar")
    with pytest.raises(WhynetError, match=r"PTB tokeniser failed .* and said: .*PTBTokenizer"):
        ptb_tokenise(["a bird"])


def test_a_java_that_does_not_start_is_reported(monkeypatch, tmp_path):
    monkeypatch.setattr(ptb, "java_command", lambda _: [str(tmp_path / "java")])
    monkeypatch.setattr(ptb, "tokeniser_jar", lambda: "any.jar")
    with pytest.raises(WhynetError, match=r"PTB tokeniser failed .* and said: nothing"):
        ptb_tokenise(["a bird"])


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_lost_lines_are_noticed(monkeypatch):
    monkeypatch.setattr(ptb, "java_command", lambda _: ["sh", "-c", "cat; echo"])
    monkeypatch.setattr(ptb, "tokeniser_jar", lambda: "any.jar")
    with pytest.raises(WhynetError, match="expected 2 lines from the PTB tokeniser, but it gave 3"):
        ptb_tokenise(["a", "b"])
