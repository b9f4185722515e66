"""One METEOR for all tests, and sentences to score."""

import os
import random
import shutil
from collections.abc import Iterator

import pytest

from whynet.metrics.java import java_executable, tokeniser_jar
from whynet.metrics.meteor import Meteor

_COLOURS = ["red", "grey", "yellow", "dark brown", "bluish", "white"]
_PARTS = ["crown", "head", "wings", "belly", "beak", "tail feathers"]
_SHAPES = ["small", "large", "fluffy", "long-tailed"]
_ENDS = [".", " !", "; it's singing.", ' (a "rare" one).', "...", ""]

Sentences = tuple[list[str], list[list[str]]]


def _sentence(draw: random.Random) -> str:
    first, second = draw.sample(_PARTS, 2)
    return (
        f"{draw.choice(['This', 'A', 'the'])} {draw.choice(_SHAPES)} bird has a {draw.choice(_COLOURS)} {first}"
        f"{draw.choice([', and', ' and', ', while'])} {draw.choice(_COLOURS)} {second}{draw.choice(_ENDS)}"
    )


@pytest.fixture(scope="session")
def meteor(language_tools: None) -> Iterator[Meteor]:
    with Meteor() as running:
        yield running


class BorrowedMeteor:
    """Scores with the one METEOR of all tests, and takes note of being closed."""

    def __init__(self, meteor: Meteor) -> None:
        self.score = meteor.score
        self.times_closed = 0

    def close(self) -> None:
        self.times_closed += 1


@pytest.fixture
def lent(meteor: Meteor, monkeypatch: pytest.MonkeyPatch) -> list[BorrowedMeteor]:
    """What `LanguageMetrics` starts in this test, in place of Java processes of its own."""
    started: list[BorrowedMeteor] = []

    def start() -> BorrowedMeteor:
        started.append(BorrowedMeteor(meteor))
        return started[-1]

    monkeypatch.setattr("whynet.metrics.language.Meteor", start)
    return started


@pytest.fixture(scope="session")
def birds() -> Sentences:
    """36 candidates, each with 3 references; two candidates equal one of theirs."""
    draw = random.Random(7)
    candidates = [_sentence(draw) for _ in range(36)]
    references = [[_sentence(draw) for _ in range(3)] for _ in candidates]
    candidates[4], candidates[9] = references[4][1], references[9][0].upper()
    return candidates, references


@pytest.fixture
def their_tokeniser(language_tools, tmp_path, monkeypatch):
    """pycocoevalcap's, moved to a folder that it may write to."""
    from pycocoevalcap.tokenizer import ptbtokenizer

    shutil.copy(tokeniser_jar(), tmp_path)
    monkeypatch.setattr(ptbtokenizer, "__file__", str(tmp_path / "ptbtokenizer.py"))
    monkeypatch.setenv("PATH", str(java_executable().parent) + os.pathsep + os.environ["PATH"])
    return ptbtokenizer.PTBTokenizer()
