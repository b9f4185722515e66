"""METEOR, BLEU, CIDEr and ROUGE-L of sentences, under two protocols whose numbers must never be mixed.

`coco` is what captioning papers print (Chen et al. 2015, arXiv:1504.00325); `interpnet` is what the script behind table
1 of Barratt, "InterpNET: Neural Introspection for Interpretable Deep Learning", 2017, arXiv:1710.09511 computes.

              coco                                           interpnet
    meteor    corpus aggregate, on the tokens                mean of the segment scores, on the raw sentences
    bleu1..4  corpus, on the tokens                          corpus, on the tokens and the punctuation
    cider     -                                              mean, on the tokens
    cider_d   mean, on the tokens                            the same number
    rouge_l   mean, on the tokens                            the same number (not in the script)

"The tokens" are Penn Treebank tokens, lower-cased, without punctuation (`ptb`). BLEU takes the closest reference
length; CIDEr's idf comes from the references of the very examples that are scored (`cider`), so at least 2 examples are
needed for it to be more than 0. METEOR is version 1.5 with `-norm` (`meteor`), BLEU, CIDEr-D and ROUGE-L (beta 1.2) are
pycocoevalcap's scorers, and plain CIDEr is ours. Everything is multiplied by 100, as papers print it (CIDEr's own
factor of 10 comes on top: its scale ends at 1,000), and higher is better.

Differs from the script of InterpNET: it splits words for BLEU with NLTK's `word_tokenize`, here it is the Stanford
tokeniser with punctuation kept, lower-cased (its captions were in lower case already); and METEOR takes any number of
references, which need not be 10 an image.

This is no torchmetrics `Metric`: those hold tensors, reduced over devices by sums; here the state would be all the
sentences, since the idf and the aggregate need the whole set. Gather the sentences, then score them once.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from whynet.base.errors import DataError, MissingDependencyError, SettingError
from whynet.metrics.cider import cider
from whynet.metrics.java import missing_language_tools
from whynet.metrics.meteor import Meteor
from whynet.metrics.pairs import check_pairs
from whynet.metrics.ptb import drop_punctuation, ptb_tokenise

Protocol: TypeAlias = Literal["coco", "interpnet"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


def language_scores(
    candidates: Sequence[str], references: Sequence[Sequence[str]], protocol: Protocol
) -> dict[str, float]:
    """Score one set of sentences under one protocol; for several sets or both protocols see `LanguageMetrics`.

    Args:
        candidates: One sentence an example, as a person would read it: neither tokenised nor lower-cased. A blank one,
            or one of punctuation alone, is scored like any other and gets about 0.
        references: For each candidate one or more sentences to compare it with; numbers may differ.
        protocol: `coco` or `interpnet`.

    Returns:
        `meteor`, `bleu1` to `bleu4`, `cider_d`, `rouge_l`, and under `interpnet` also `cider`; each x 100, higher is
        better.

    Raises:
        DataError: No candidates, other lengths, or an example with no references or with one that has no words.
        SettingError: An unknown protocol.
        MissingDependencyError: The extra `language` is not installed.
        WhynetError: One of the Java programs failed.
    """
    _check_protocols([protocol])
    check_pairs(candidates, references)  # before Java starts
    with LanguageMetrics() as metrics:
        return metrics.score(candidates, references, [protocol])[protocol]


@dataclass(frozen=True)
class TokenisedSentence:
    """A sentence as given, and as these metrics see it: Penn Treebank tokens in lower case, joined by single spaces."""

    text: str
    tokens: str
    """With punctuation."""
    words: str
    """Without: what `cider` and `class_relevance` take. Empty where there is none, and then it is no reference."""


def tokenise(sentences: Sequence[str]) -> list[TokenisedSentence]:
    """Tokenise sentences, in one start of Java.

    Args:
        sentences: Any text. Emoji and punctuation are no words here, though a reader may find sense in them; a run
            such as "?!" is one, since the COCO evaluation drops single marks alone.

    Raises:
        MissingDependencyError: The extra `language` is not installed.
        WhynetError: The tokeniser failed.
    """
    return [
        TokenisedSentence(text, tokens, drop_punctuation(tokens))
        for text, tokens in zip(sentences, ptb_tokenise(sentences), strict=True)
    ]


class LanguageMetrics(AbstractContextManager["LanguageMetrics"]):
    """Both protocols over one running METEOR, for many sets of sentences; use it in a `with` block.

    Args:
        meteor: A METEOR to share, which stays open; None starts one of its own, which is closed with this object.

    Raises:
        MissingDependencyError: The extra `language` is not installed.
    """

    def __init__(self, meteor: Meteor | None = None) -> None:
        if reason := missing_language_tools():
            raise MissingDependencyError(reason)
        self._owned = meteor is None
        self._meteor = meteor or Meteor()

    def score(
        self,
        candidates: Sequence[str],
        references: Sequence[Sequence[str]],
        protocols: Sequence[Protocol] = PROTOCOLS,
    ) -> dict[Protocol, dict[str, float]]:
        """Score one set of sentences; arguments and errors as in `language_scores`.

        Returns:
            For each protocol its scores.
        """
        _check_protocols(protocols)
        check_pairs(candidates, references)
        row = iter(tokenise([*candidates, *(reference for own in references for reference in own)]))
        written = [next(row) for _ in candidates]
        return self.score_tokenised(written, [[next(row) for _ in own] for own in references], protocols)

    def score_tokenised(
        self,
        candidates: Sequence[TokenisedSentence],
        references: Sequence[Sequence[TokenisedSentence]],
        protocols: Sequence[Protocol] = PROTOCOLS,
    ) -> dict[Protocol, dict[str, float]]:
        """`score` of sentences that are tokenised already: several sets share references that were tokenised once.

        Raises:
            DataError: No candidates, other lengths, or an example with no references or with one that has no words.
        """
        _check_protocols(protocols)
        raw = _pairs(candidates, references, lambda sentence: sentence.text)
        tokens = _pairs(candidates, references, lambda sentence: sentence.tokens)
        words = _pairs(candidates, references, lambda sentence: sentence.words)
        check_pairs(raw.candidates, raw.references)
        for index, own in enumerate(references):
            for number, reference in enumerate(own):
                if not reference.words:
                    raise DataError(
                        f"reference {number} of example {index} has no words ({reference.text!r}); leave it out"
                    )
        shared = {"cider_d": 100 * _cider_d(words), "rouge_l": 100 * _rouge_l(words)}
        scores: dict[Protocol, dict[str, float]] = {}
        for protocol in protocols:
            if protocol == "coco":
                meteor = self._meteor.score(words.candidates, words.references).corpus
                own_scores = _bleu(words)
            else:
                segments = self._meteor.score(raw.candidates, raw.references).segments
                meteor = sum(segments) / len(segments)
                plain = cider(words.candidates, words.references)
                own_scores = _bleu(tokens) | {"cider": 100 * sum(plain) / len(plain)}
            scores[protocol] = {"meteor": 100 * meteor, **own_scores, **shared}
        return scores

    def close(self) -> None:
        """Stop METEOR, unless it was given from outside."""
        if self._owned:
            self._meteor.close()

    def __exit__(self, *exception: object) -> None:
        self.close()


@dataclass(frozen=True)
class _Pairs:
    """Candidates and references, of either the text, the tokens or the words."""

    candidates: list[str]
    references: list[list[str]]

    def as_coco(self) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
        """References and candidates in the form that pycocoevalcap's scorers take."""
        return dict(enumerate(self.references)), {i: [candidate] for i, candidate in enumerate(self.candidates)}


def _pairs(
    candidates: Sequence[TokenisedSentence],
    references: Sequence[Sequence[TokenisedSentence]],
    part: Callable[[TokenisedSentence], str],
) -> _Pairs:
    return _Pairs(
        [part(candidate) for candidate in candidates], [[part(reference) for reference in own] for own in references]
    )


def _bleu(pairs: _Pairs) -> dict[str, float]:
    from pycocoevalcap.bleu.bleu import Bleu

    scores, _ = Bleu(4).compute_score(*pairs.as_coco(), verbose=0)
    return {f"bleu{n}": 100 * float(score) for n, score in enumerate(scores, start=1)}


def _cider_d(pairs: _Pairs) -> float:
    from pycocoevalcap.cider.cider import Cider  # despite its name it computes CIDEr-D

    return _mean_of(Cider(), pairs)


def _rouge_l(pairs: _Pairs) -> float:
    from pycocoevalcap.rouge.rouge import Rouge

    return _mean_of(Rouge(), pairs)


def _mean_of(scorer: Any, pairs: _Pairs) -> float:
    score, _ = scorer.compute_score(*pairs.as_coco())
    return float(score)


def _check_protocols(protocols: Sequence[str]) -> None:
    if unknown := [protocol for protocol in protocols if protocol not in PROTOCOLS]:
        raise SettingError(
            f"expected the protocols {' or '.join(PROTOCOLS)}, but got {unknown[0]!r}; choose one of them"
        )
