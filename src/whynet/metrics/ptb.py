r"""Penn Treebank tokenisation, as the COCO caption evaluation does it.

Chen et al., "Microsoft COCO Captions: Data Collection and Evaluation Server", 2015, arXiv:1504.00325, section 3.1: the
Stanford PTBTokenizer (CoreNLP 3.4.1, `-preserveLines -lowerCase`); then the punctuation tokens are dropped.

Differs from pycocoevalcap's `PTBTokenizer`, whose tokens it equals: nothing is written into the installed package, and
every kind of line break inside a sentence is read as a space, where theirs, but for "\n", shifts all later sentences.
"""

import subprocess
from collections.abc import Sequence

from whynet.base.errors import WhynetError
from whynet.metrics.java import java_command, tokeniser_jar

PUNCTUATION = frozenset(
    ["''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";"]
)
"""The tokens that the COCO evaluation drops. Brackets stay, since lower-casing makes them `-lrb-`: a slip of theirs."""

_HEAP_MEGABYTES = 1024


def ptb_tokenise(sentences: Sequence[str]) -> list[str]:
    """Tokenise and lower-case sentences, in one start of Java.

    Args:
        sentences: Any text; a blank one gives an empty string.

    Returns:
        For each sentence its tokens, joined by single spaces, punctuation included. Characters that the tokeniser does
        not know, such as emoji, are dropped.

    Raises:
        MissingDependencyError: Java or the tokeniser is not installed.
        WhynetError: The tokeniser failed.
    """
    # "\x1c".split() and friends: every line break that Java might see is white space to Python, too.
    lines = [" ".join(sentence.split()) for sentence in sentences]
    if not any(lines):
        return lines
    command = [*java_command(_HEAP_MEGABYTES), "-cp", str(tokeniser_jar()), "edu.stanford.nlp.process.PTBTokenizer"]
    try:
        done = subprocess.run(  # noqa: S603 (no shell; every argument is ours)
            [*command, "-preserveLines", "-lowerCase"],
            input="\n".join(lines).encode("utf-8", errors="replace"),
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or b"").decode("utf-8", errors="replace").strip()
        raise WhynetError(f"the PTB tokeniser failed ({error}) and said: {said or 'nothing'}; check Java") from error
    # Not splitlines(): that would also split at what may stand inside a token.
    tokenised = [line.rstrip() for line in done.stdout.decode("utf-8").split("\n")]
    if len(tokenised) != len(lines):
        raise WhynetError(
            f"expected {len(lines)} lines from the PTB tokeniser, but it gave {len(tokenised)}; report this"
        )
    return tokenised


def drop_punctuation(tokenised: str) -> str:
    """A tokenised sentence without its punctuation tokens."""
    return " ".join(token for token in tokenised.split(" ") if token not in PUNCTUATION)
