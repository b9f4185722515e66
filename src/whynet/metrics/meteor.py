"""METEOR 1.5: how well a sentence aligns with the best of its references, word by word, stem, synonym and paraphrase.

Denkowski & Lavie, "Meteor Universal: Language Specific Translation Evaluation for Any Target Language", WMT 2014.

    P, R      weighted precision and recall of the words matched with a reference
    F         = P R / (alpha P + (1 - alpha) R)
    score     = (1 - gamma (chunks / matches)^beta) F;   of several references the best one counts

The authors' own jar does the work, with its English defaults (alpha 0.85, beta 0.2, gamma 0.6, delta 0.75), so the
numbers are METEOR's by definition. It is started once and then spoken to line by line:

    SCORE ||| reference 1 ||| ... ||| candidate   ->  one line of counts
    EVAL ||| counts ||| counts ...                ->  one line a segment, then the corpus aggregate

The corpus aggregate comes from the summed counts; it is not the mean of the segment scores.
"""

import contextlib
import re
import subprocess
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock, Thread
from typing import IO, Any, NoReturn, cast

from whynet.base.errors import DataError, WhynetError
from whynet.metrics.java import java_command, meteor_jar
from whynet.metrics.pairs import check_pairs

_HEAP_MEGABYTES = 2048
_NUM_COUNTS = 23
_MAX_WORDS = 500
_PATIENCE_SECONDS = 2.0
_WORD = re.compile(r"\w+|[^\w\s]")
_NUMBERS = re.compile(r"[-+.0-9Ee ]+|NaN")


@dataclass(frozen=True, kw_only=True)
class MeteorScores:
    """What METEOR says of a set of sentences; all in [0, 1], higher is better.

    Args:
        segments: One score a candidate, in order.
        corpus: The score of the summed counts of all candidates.
    """

    segments: tuple[float, ...]
    corpus: float


class Meteor(contextlib.AbstractContextManager["Meteor"]):
    """A running METEOR 1.5 (`-l en -norm`), to be used in a `with` block or closed by hand.

    It takes a few seconds to load its paraphrase table at the first scoring and holds 0.5 to 2 GB until it is closed,
    so keep one for many scorings. Threads may share it: a scoring waits for the one before.

    Raises:
        MissingDependencyError: Java or the jar is not installed.
        WhynetError: Java cannot be started.
    """

    def __init__(self) -> None:
        command = [*java_command(_HEAP_MEGABYTES), "-jar", str(meteor_jar())]
        command += ["-", "-", "-stdio", "-l", "en", "-norm"]
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(  # noqa: S603 (no shell; every argument is ours)
                command, stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8", errors="replace"
            )
        except OSError as error:
            raise WhynetError(f"Java cannot be started for METEOR ({error}); check {command[0]}") from error
        self._lock = Lock()
        self._last_words: deque[str] = deque(maxlen=2000)
        # Without a reader, a full stderr pipe would block the program for good.
        self._drain = Thread(target=self._last_words.extend, args=(self._process.stderr,), daemon=True)
        self._drain.start()
        # Also at the interpreter's exit, or when the last reference goes.
        self._stop = weakref.finalize(self, _stop, self._process, self._drain)

    def score(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> MeteorScores:
        """Score each candidate against its references.

        A blank candidate scores 0 and counts in the aggregate. Line breaks and the separator `|||` within a sentence
        are read as spaces. METEOR's `-norm` lower-cases and splits off punctuation, which it keeps as words. Its search
        for an alignment is recursive: 300 times the same word take it a second, 1,000 a minute, and 3,000 are its end.

        Args:
            candidates: One sentence an example.
            references: For each candidate one or more sentences to compare it with; numbers may differ.

        Raises:
            DataError: No candidates, other lengths, an example without references or with a blank one, or a sentence of
                more than 500 words and punctuation marks.
            WhynetError: The METEOR process has ended or was closed.
        """
        check_pairs(candidates, references)
        for index, (candidate, own) in enumerate(zip(candidates, references, strict=True)):
            num_words = max(len(_WORD.findall(sentence)) for sentence in (candidate, *own))
            if num_words > _MAX_WORDS:
                raise DataError(
                    f"METEOR can align up to {_MAX_WORDS} words and punctuation marks, but a sentence of example "
                    f"{index} has {num_words}; shorten it or leave the example out"
                )
        with self._lock:
            if not self._stop.alive:
                raise WhynetError("this METEOR was closed; make a new one")
            if self._process.poll() is not None:
                self._report_death(None)
            try:
                counts = [self._count(candidate, own) for candidate, own in zip(candidates, references, strict=True)]
                self._send(" ||| ".join(["EVAL", *counts]))
                scores = [float(self._receive(1)) for _ in range(len(counts) + 1)]
            except BaseException:
                # An answer that nobody waits for any more would be taken for the next question's, also one that is in
                # the pipe already; so the end is waited for, and the next question finds a process that has ended.
                self._process.kill()
                self._process.wait()
                raise
        return MeteorScores(segments=tuple(scores[:-1]), corpus=scores[-1])

    def close(self) -> None:
        """Stop the process; closing twice is harmless."""
        with self._lock:
            self._stop()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _count(self, candidate: str, references: Sequence[str]) -> str:
        """METEOR's 23 counts of one segment, as text."""
        # The blank before an empty candidate must stay, or METEOR takes the last reference for it.
        self._send(" ||| ".join(["SCORE", *map(_one_line, references), _one_line(candidate)]))
        return self._receive(_NUM_COUNTS)

    def _send(self, line: str) -> None:
        stream = cast(IO[str], self._process.stdin)
        try:
            stream.write(line + "\n")
            stream.flush()
        except OSError as error:
            self._report_death(error)

    def _receive(self, num_numbers: int) -> str:
        """The next line of the answer, which must be that many numbers."""
        line = cast(IO[str], self._process.stdout).readline().strip()
        if not line:
            self._report_death(None)
        if len(line.split()) != num_numbers or not _NUMBERS.fullmatch(line):
            raise WhynetError(
                f"METEOR was expected to answer with {num_numbers} numbers, but said {line!r}; report this"
            )
        return line

    def _report_death(self, cause: OSError | None) -> NoReturn:
        self._process.kill()
        code = self._process.wait()
        self._drain.join(_PATIENCE_SECONDS)
        # Of a Java stack trace only what happened, not where.
        words = " / ".join(line.strip() for line in self._last_words if not line.startswith("\tat ")) or "nothing"
        raise WhynetError(
            f"the METEOR process ended with exit code {code} and said: {words}; "
            f"make a new Meteor, with {_HEAP_MEGABYTES} MB of free memory"
        ) from cause


def _stop(process: "subprocess.Popen[str]", drain: Thread) -> None:
    # Where `java` is a script, killing it leaves the program alone; the program ends when its input does.
    streams = [process.stdin, process.stdout, process.stderr]
    _close(streams.pop(0))
    process.kill()
    process.wait()
    drain.join(_PATIENCE_SECONDS)
    if not drain.is_alive():  # else closing would wait for the program
        for stream in streams:
            _close(stream)


def _close(stream: Any) -> None:  # a run-time check of IO[str] would read from the stream
    # What was still to be written to a dead process is lost, and may be.
    with contextlib.suppress(OSError):
        stream.close()


def _one_line(sentence: str) -> str:
    """A sentence that cannot be mistaken for several lines or several sentences."""
    return " ".join(sentence.replace("|||", " ").split())
