"""What a run's sentences are worth, beside two floors: likeness to people's, truth, class relevance, variety."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from whynet.data.example import ExampleDataset
from whynet.metrics.attribute_truth import AttributeTruth
from whynet.metrics.class_relevance import class_relevance
from whynet.metrics.diversity import copied_share, distinct_share
from whynet.metrics.floors import most_frequent, random_same_class
from whynet.metrics.language import LanguageMetrics, TokenisedSentence, tokenise
from whynet.workflows.catalogue import Splits

FLOOR_SEED = 0
_LISTED = 3


class SentenceFigures(AbstractContextManager["SentenceFigures"]):
    """Scores sentences about the test pictures that have captions; use it in a `with` block.

    Args:
        splits: The data.
        language: Whether to compute the language metrics, which need Java.

    Attributes:
        captioned: The test pictures that sentences are compared on.
        missing: What could not be computed, and why.

    Raises:
        MissingDependencyError: `language` is on and the extra "language" is not installed.
    """

    def __init__(self, splits: Splits, *, language: bool) -> None:
        self.splits = splits
        self.captioned = [index for index, captions in enumerate(splits.test.captions) if captions]
        self.missing: dict[str, str] = {}
        self._language = LanguageMetrics() if language else None
        if splits.claims is None:
            self.missing["attributes"] = "what is true of a picture is known for painted birds alone"
        if self._language is None:
            self.missing["language"] = "it was left out by --no-language. Evaluate again without that option to have it"
        else:
            self._read_references()

    def _read_references(self) -> None:
        """Tokenise the references once; captions without a word are left out, and `missing` tells of them."""
        test = self.splits.test
        flat = iter(tokenise([caption for index in self.captioned for caption in test.captions[index]]))
        self._references: dict[int, list[TokenisedSentence]] = {}
        lost: dict[str, int] = {}
        for index in self.captioned:
            own = [next(flat) for _ in test.captions[index]]
            worded = [caption for caption in own if caption.words]
            if worded:
                self._references[index] = worded
            if len(worded) < len(own):
                lost[test.names[index]] = len(own) - len(worded)
        if not self._references:
            self.missing["language"] = "no caption of a test picture has a word for the language metrics"
        elif lost:
            self.missing["language of some captions"] = (
                f"captions without a word for the language metrics are left out there: {sum(lost.values())} "
                f"({_some(list(lost))}); pictures without another caption: "
                f"{len(self.captioned) - len(self._references)} of {len(test)}"
            )

    def score(self, sentences: Mapping[int, str]) -> dict[str, Any]:
        """The figures of one sentence for each of some captioned test pictures, by the picture's index.

        Returns:
            `language`, `class_relevance`, `attributes` and `diversity`; what `missing` names is left out.
        """
        figures: dict[str, Any] = {}
        kept = [index for index in sentences if self._language is not None and index in self._references]
        if self._language is not None and kept:
            scored = tokenise([sentences[index] for index in kept])
            references = [self._references[index] for index in kept]
            figures["language"] = self._language.score_tokenised(scored, references)
            figures["class_relevance"] = self._class_relevance(kept, scored)
        if self.splits.claims is not None:
            figures["attributes"] = self._attributes(sentences)
        written = list(sentences.values())
        figures["diversity"] = {"distinct": distinct_share(written)}
        if any(self.splits.train.captions):
            figures["diversity"]["copied"] = copied_share(written, self.splits.train.captions)
        return figures

    def _class_relevance(self, kept: Sequence[int], written: Sequence[TokenisedSentence]) -> dict[str, float]:
        labels = self.splits.test.labels
        found = class_relevance(
            [sentence.words for sentence in written],
            [labels[index] for index in kept],
            [[caption.words for caption in own] for own in self._references.values()],
            [labels[index] for index in self._references],
        )
        return {
            "similarity": 100 * sum(found.similarity) / len(kept),
            "rank": sum(found.rank) / len(kept),
        }

    def _attributes(self, sentences: Mapping[int, str]) -> dict[str, float]:
        claims = self.splits.claims
        assert claims is not None
        metric = AttributeTruth()
        for index, sentence in sentences.items():
            label = self.splits.test.labels[index]
            true_of_image = self.splits.test[index].attributes or frozenset()
            metric.update(claims.parse(sentence), true_of_image, claims.of_class[label], claims.discriminative[label])
        return metric.compute()

    def floors(self) -> dict[str, dict[int, str]]:
        """The sentences of each floor that can be had; `missing` says why another cannot."""
        train, test = self.splits.train, self.splits.test
        labels = [test.labels[index] for index in self.captioned]
        having = {label for label, captions in zip(train.labels, train.captions, strict=True) if captions}
        floors: dict[str, list[str]] = {}
        if lacking := [index for index in self.captioned if test.labels[index] not in having]:
            self.missing["floor random_same_class"] = _no_caption_in(test, lacking)
        else:
            floors["random_same_class"] = random_same_class(labels, train.labels, train.captions, FLOOR_SEED)
        if having:
            floors["most_frequent"] = [most_frequent(train.captions)] * len(labels)
        else:
            self.missing["floor most_frequent"] = "no training picture has a caption"
        return {name: dict(zip(self.captioned, written, strict=True)) for name, written in floors.items()}

    def __exit__(self, *exception: object) -> None:
        if self._language is not None:
            self._language.close()


def _no_caption_in(test: ExampleDataset, lacking: Sequence[int]) -> str:
    classes = sorted({test.labels[index] for index in lacking})
    return (
        f"no training picture has a caption in {_some([test.class_names[label] for label in classes])}, the class of "
        f"{_some([test.names[index] for index in lacking])}"
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
