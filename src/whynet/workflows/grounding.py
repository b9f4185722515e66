"""Grounded words: which layers the words of a run came from, and whether they fall when the picture changes.

`causal_check` gives what `metrics.json` keeps under `grounding`:

    layers.NAME                       mean share of each layer of r(x) in the content words, models.grounding
    named_part, other_part            metrics.grounded_words, of each content word that a true claim needs
    difference                        named less other
    by_kind.{colour,part,shape}.KEY   the same three of the words of each kind; absent below two pictures
    changed_pixels.{named_part,other_part}   mean share of the picture's pixels that the changes touched
    num_images, num_words             pictures looked at, and words put to the test in them
    missing                           why the check is absent, where it is

The sentence is the one written of the original picture, and stays; r(x) alone is that of the changed picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from whynet.base.errors import DataError, RunError
from whynet.base.progress import track
from whynet.base.seeding import numpy_generator
from whynet.base.types import Picture, Reading
from whynet.data.example import Example
from whynet.data.function_words import is_content_word
from whynet.metrics.grounded_words import GroundedWords
from whynet.models.grounding import word_log_probabilities
from whynet.workflows.catalogue import Splits
from whynet.workflows.explainer import Explainer, Sentence
from whynet.workflows.gallery import gallery
from whynet.workflows.needed_claims import needed_claims

NUM_IMAGES = 300
BATCH_SIZE = 16
NOT_PAINTED = "pictures can be changed part by part where they are painted, and nowhere else"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Word:
    """One word put to the test: its picture (row of the batch), its place in the sentence, and the changed pictures."""

    picture: int
    place: int
    kind: str
    named: Picture
    other: Picture


def causal_check(
    explainer: Explainer,
    splits: Splits,
    readings: Reading,
    sentences: Sequence[Sentence | None],
    *,
    num_images: int = NUM_IMAGES,
    seed: int = 0,
) -> dict[str, Any]:
    """Change the part that a word names, or another one, and see whether the word loses its probability.

    Args:
        explainer: Of a run that writes sentences.
        splits: Its data.
        readings: r(x) of every test picture, as the explainer takes it.
        sentences: Of every test picture.
        num_images: Most test pictures to look at, in a random order.
        seed: Of that order, the changes and the intervals.

    Returns:
        What this module's head lists.

    Raises:
        RunError: The run writes no sentences.
    """
    if not explainer.writes:
        raise RunError(f"words can be checked where a run writes some, but {explainer.run.folder} has no explainer")
    order = numpy_generator(seed, "causal check").permutation(len(splits.test))[:num_images].tolist()
    metrics, shares = _Metrics(seed), torch.zeros(len(explainer.segments))
    num_content = 0
    for start in track(range(0, len(order), BATCH_SIZE), "Checking words"):
        indices = order[start : start + BATCH_SIZE]
        examples = [splits.test[index] for index in indices]
        read = readings[indices]
        written = [sentence for index in indices if (sentence := sentences[index]) is not None]
        for word in (word for sentence in explainer.ground(read, written) if sentence for word in sentence.words):
            if word.grounding is not None:
                shares += torch.tensor([layer.share for layer in word.grounding.layers])
                num_content += 1
        words = list(_words(splits, indices, examples, written, seed))
        if words:
            metrics.update(indices, examples, words, *_log_probabilities(explainer, read, written, words))
    names = [name for name, _ in explainer.segments]
    return {
        "num_images": len(order),
        "num_words": len(metrics.changed),
        "layers": dict(zip(names, (shares / max(num_content, 1)).tolist(), strict=True)),
        **({"missing": NOT_PAINTED} if splits.interventions is None else metrics.compute()),
    }


def ground_gallery(
    explainer: Explainer, readings: Reading, sentences: Sequence[Sentence | None]
) -> dict[int, list[dict[str, Any] | None]]:
    """Where the words of the pictures in the report's gallery came from.

    Args:
        explainer: That wrote the sentences.
        readings: r(x) of every test picture, as the explainer takes it.
        sentences: Of every test picture.

    Returns:
        By picture of the gallery that has a sentence: one JSON form of a `Grounding` a word, None for function words.
    """
    chosen = gallery(len(sentences))
    grounded = explainer.ground(readings[chosen], [sentences[index] for index in chosen])
    return {
        index: [None if word.grounding is None else word.grounding.to_json() for word in sentence.words]
        for index, sentence in zip(chosen, grounded, strict=True)
        if sentence is not None
    }


def _words(
    splits: Splits, indices: Sequence[int], examples: Sequence[Example], sentences: Sequence[Sentence], seed: int
) -> Iterator[_Word]:
    """The content words that true claims need, with the pictures that put them to the test."""
    if splits.interventions is None or splits.claims is None:
        return
    for row, (index, example, sentence) in enumerate(zip(indices, examples, sentences, strict=True)):
        texts, true = [word.text for word in sentence.words], example.attributes or frozenset()
        claims = [
            needed if is_content_word(text) and needed <= true else frozenset()
            for text, needed in zip(texts, needed_claims(texts, splits.claims.parse), strict=True)
        ]
        found = splits.interventions(index, list(zip(texts, claims, strict=True)), seed)
        for place, change in enumerate(found):
            if change is not None:
                yield _Word(
                    picture=row, place=place, kind=change.kind, named=change.named.image, other=change.other.image
                )


def _log_probabilities(
    explainer: Explainer, readings: Reading, sentences: Sequence[Sentence], words: Sequence[_Word]
) -> tuple[Tensor, Tensor, Tensor]:
    """Of each word, given the original and either change; a changed picture that words share is read once."""
    owner = {id(picture): word.picture for word in words for picture in (word.named, word.other)}
    pictures = {id(picture): picture for word in words for picture in (word.named, word.other)}
    changed, _ = explainer.read(list(pictures.values()))
    rows = [*range(len(sentences)), *owner.values()]
    together = torch.cat([readings.to(explainer.device), changed.to(explainer.device)])
    with torch.no_grad():
        log_p = word_log_probabilities(explainer.interpnet, together, explainer.ids(sentences)[rows]).cpu()  # (rows, T)
    row = {key: len(sentences) + place for place, key in enumerate(pictures)}
    places = [word.place for word in words]
    return (
        log_p[[word.picture for word in words], places],
        log_p[[row[id(word.named)] for word in words], places],
        log_p[[row[id(word.other)] for word in words], places],
    )


class _Metrics:
    """The words of all pictures, and of each kind."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.all = GroundedWords(seed=seed)
        self.kinds: dict[str, GroundedWords] = {}
        self.changed: list[tuple[float, float]] = []

    def update(
        self,
        indices: Sequence[int],
        examples: Sequence[Example],
        words: Sequence[_Word],
        before: Float[Tensor, " words"],
        named: Float[Tensor, " words"],
        other: Float[Tensor, " words"],
    ) -> None:
        images = torch.tensor([indices[word.picture] for word in words])
        self.all.update(before, named, other, images)
        for kind in sorted({word.kind for word in words}):
            of_kind = torch.tensor([word.kind == kind for word in words])
            metric = self.kinds.setdefault(kind, GroundedWords(seed=self.seed))
            metric.update(before[of_kind], named[of_kind], other[of_kind], images[of_kind])
        for word in words:
            original = examples[word.picture].image
            self.changed.append((_changed_share(original, word.named), _changed_share(original, word.other)))

    def compute(self) -> dict[str, Any]:
        try:
            figures: dict[str, Any] = dict(self.all.compute()) if self.changed else {}
        except DataError:
            figures = {}
        if not figures:
            return {"missing": "fewer than two pictures have a word that names a part truly"}
        named, other = (float(share) for share in np.mean(self.changed, axis=0))
        kinds = {}
        for kind, metric in sorted(self.kinds.items()):
            try:
                kinds[kind] = metric.compute()
            except DataError:  # a single picture: no interval, so no figure
                continue
        return figures | {"changed_pixels": {"named_part": named, "other_part": other}, "by_kind": kinds}


def _changed_share(original: Picture, changed: Picture) -> float:
    return float((original != changed).any(2).mean())
