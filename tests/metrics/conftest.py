"""Sentences to score, and a tokeniser that we did not write."""

import os
import random
import shutil

import pytest

from whynet.metrics.java import java_executable, tokeniser_jar

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
