import os
import random
import re
import select
import shutil
import subprocess
import threading

import pytest

from whynet.base.errors import DataError, MissingDependencyError, WhynetError
from whynet.metrics import meteor as module
from whynet.metrics.java import java_executable, meteor_jar
from whynet.metrics.meteor import Meteor


def run_by_hand(folder, candidates, references):
    """The jar in file mode: `java -jar meteor-1.5.jar hypotheses references -l en -norm -r N`."""
    (folder / "hypotheses").write_text("".join(line + "\n" for line in candidates), encoding="utf-8")
    (folder / "references").write_text("".join(line + "\n" for own in references for line in own), encoding="utf-8")
    command = [java_executable(), "-Xmx2G", "-Dfile.encoding=UTF-8", "-jar", meteor_jar(), "hypotheses", "references"]
    command += ["-l", "en", "-norm", "-r", str(len(references[0]))]
    said = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=True).stdout
    segments = [float(score) for score in re.findall(r"^Segment \d+ score:\s+(\S+)$", said, re.MULTILINE)]
    (corpus,) = re.findall(r"^Final score:\s+(\S+)$", said, re.MULTILINE)
    return segments, float(corpus)


def test_equals_the_jar_run_by_hand(meteor, birds, tmp_path):
    candidates, references = birds
    odd = ["", ".", "طائر أحمر", "a café 🐦 bird", "1,000.5 birds"]
    candidates = [*candidates, *odd]
    references = [*references, *([text or "x", "a red bird", "a café 🐦"] for text in odd)]
    segments, corpus = run_by_hand(tmp_path, candidates, references)
    assert len(set(segments)) > 20
    scores = meteor.score(candidates, references)
    assert scores.segments == pytest.approx(segments, abs=1e-12)
    assert scores.corpus == pytest.approx(corpus, abs=1e-12)
    assert scores.segments[len(birds[0])] == 0.0  # the blank one


def test_equals_pycocoevalcap(meteor, birds, monkeypatch):
    from pycocoevalcap.meteor.meteor import Meteor as CocoMeteor

    candidates, references = birds
    monkeypatch.setenv("PATH", str(java_executable().parent) + os.pathsep + os.environ["PATH"])
    theirs = CocoMeteor()
    corpus, segments = theirs.compute_score(dict(enumerate(references)), {i: [c] for i, c in enumerate(candidates)})
    theirs.meteor_p.stdout.close()
    theirs.meteor_p.stderr.close()
    ours = meteor.score(candidates, references)
    assert ours.segments == tuple(segments)
    assert ours.corpus == corpus


def test_identical_sentences_score_near_1_and_strangers_0(meteor):
    scores = meteor.score(["a red bird", "xylophone"], [["a red bird"], ["a red bird"]])
    assert scores.segments == (1.0, 0.0)


def test_a_permutation_of_the_examples_changes_nothing(meteor, birds):
    order = random.Random(0).sample(range(len(birds[0])), len(birds[0]))
    straight = meteor.score(*birds)
    shuffled = meteor.score(*([half[i] for i in order] for half in birds))
    assert shuffled.segments == tuple(straight.segments[i] for i in order)
    assert shuffled.corpus == pytest.approx(straight.corpus, abs=1e-12)


def test_no_sentence_can_break_the_dialogue(meteor):
    nasty = [
        "a ||| red ||| bird",
        "|||",
        "||||||| |",
        "a\nred\r\nbird\x0b\x0c\x1c\x85\u2028\u2029bird",
        "EVAL ||| 1 2 3",
        "\nSCORE ||| a ||| b\n",
        "\u200f\u202e\u0637\u0627\u0626\u0631\u202c\u200e",
        "🐦" * 50,
        "half a pair \ud83d",
        "\x00 \x07 \ufeff \ufffe",
        "",
        " \t ",
        "word " * 200,
    ]
    scores = meteor.score(
        [*nasty, "a red bird"], [*([text if text.strip() else "x"] for text in nasty), ["a red bird"]]
    )
    assert len(scores.segments) == len(nasty) + 1
    assert all(0 <= score <= 1 for score in (*scores.segments, scores.corpus))
    assert scores.segments[0] == 1.0
    assert scores.segments[nasty.index("")] == 0.0
    assert scores.segments[-1] == 1.0
    assert meteor.score(["a ||| red\nbird"], [["a red bird"]]).segments == (1.0,)


def test_threads_may_share_it(meteor, birds):
    expected = [meteor.score([c], [r]) for c, r in zip(*birds, strict=True)]
    got = [None] * len(expected)

    def work(start):
        for i in range(start, len(got), 4):
            got[i] = meteor.score([birds[0][i]], [birds[1][i]])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


def test_bad_input_is_refused_and_leaves_it_usable(meteor):
    with pytest.raises(DataError, match="example 0 has no references"):
        meteor.score(["a"], [[]])
    assert meteor.score(["a"], [["a"]]).corpus == 1.0


def test_a_sentence_that_would_end_meteor_is_refused(meteor):
    for endless in ("word " * 3000, "!" * 501):
        for candidate, reference in ((endless, "a"), ("a", endless)):
            with pytest.raises(DataError, match=r"up to 500 words .* sentence of example 1 has (3000|501)"):
                meteor.score(["a", candidate], [["a"], [reference]])
    assert meteor.score(["!" * 500], [["a"]]).corpus == 0.0


def test_a_dead_process_is_reported_with_its_last_words(language_tools, monkeypatch):
    monkeypatch.setattr(module, "meteor_jar", lambda: "no-such.jar")
    with Meteor() as broken, pytest.raises(WhynetError, match=r"ended with exit code 1 and said: .*no-such\.jar"):
        broken.score(["a"], [["a"]])


def test_a_killed_process_is_reported(language_tools):
    with Meteor() as killed:
        killed._process.kill()
        for _ in range(2):
            with pytest.raises(WhynetError, match=r"METEOR process ended with exit code .* make a new Meteor"):
                killed.score(["a"], [["a"]])


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_an_answer_of_another_form_is_refused(monkeypatch):
    monkeypatch.setattr(module, "java_command", lambda _: ["sh", "-c", "read line; echo Error: too cold; exec cat"])
    monkeypatch.setattr(module, "meteor_jar", lambda: "any.jar")
    with Meteor() as cold:
        with pytest.raises(WhynetError, match="expected to answer with 23 numbers, but said 'Error: too cold'"):
            cold.score(["a"], [["a"]])
        with pytest.raises(WhynetError, match="process ended"):
            cold.score(["a"], [["a"]])


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_an_interrupted_scoring_never_leaves_a_stale_answer(monkeypatch):
    monkeypatch.setattr(module, "java_command", lambda _: ["sh", "-c", "cat; exit"])  # cat outlives sh
    monkeypatch.setattr(module, "meteor_jar", lambda: "any.jar")
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.1)
    with Meteor() as interrupted:
        answer = interrupted._process.stdout

        def interrupt(*_):
            select.select([answer], [], [], 60)  # the answer is there, and is left
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(interrupted, "_receive", interrupt)
            with pytest.raises(KeyboardInterrupt):
                interrupted.score(["a"], [["a"]])
        with pytest.raises(WhynetError, match="process ended"):
            interrupted.score(["a"], [["a"]])


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_a_java_that_is_a_script_is_stopped_too(monkeypatch):
    monkeypatch.setattr(module, "java_command", lambda _: ["sh", "-c", "cat; sleep 1"])
    monkeypatch.setattr(module, "meteor_jar", lambda: "any.jar")
    scripted = Meteor()
    scripted.close()
    assert scripted._process.returncode is not None
    assert not scripted._drain.is_alive()


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_closing_stops_the_process_and_may_be_repeated(monkeypatch):
    monkeypatch.setattr(module, "java_command", lambda _: ["sh", "-c", "exec cat"])
    monkeypatch.setattr(module, "meteor_jar", lambda: "any.jar")
    closed = Meteor()
    process = closed._process
    closed.close()
    closed.close()
    assert process.returncode is not None
    with pytest.raises(WhynetError, match="this METEOR was closed"):
        closed.score(["a"], [["a"]])

    forgotten = Meteor()
    process = forgotten._process
    del forgotten
    assert process.returncode is not None


def test_a_java_that_does_not_start_is_reported(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "java_command", lambda _: [str(tmp_path / "java")])
    monkeypatch.setattr(module, "meteor_jar", lambda: "any.jar")
    with pytest.raises(WhynetError, match="Java cannot be started for METEOR"):
        Meteor()


def test_a_missing_jar_is_reported(monkeypatch):
    def missing():
        raise MissingDependencyError("no jar")

    monkeypatch.setattr(module, "java_command", lambda _: ["java"])
    monkeypatch.setattr(module, "meteor_jar", missing)
    with pytest.raises(MissingDependencyError, match="no jar"):
        Meteor()
