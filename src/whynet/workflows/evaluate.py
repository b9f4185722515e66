"""`whynet evaluate`: how good are the decisions and the sentences on the test pictures, beside two floors?

Writes `sentences.json` (one row a test picture) and `metrics.json`:

    accuracy                               share of test pictures of the right class
    language.{coco,interpnet}.KEY          metrics.language
    attributes.KEY                         metrics.attribute_truth; painted birds only
    floors.{random_same_class,most_frequent}.{language,attributes}   the same of the floors, metrics.floors
    missing                                what could not be computed, and why; `language of some captions` counts
                                           those without a word for the language metrics, which are left out there
    num_images, seconds
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torchmetrics.functional.classification import multiclass_accuracy

from whynet.data.example import Example, ExampleDataset
from whynet.metrics.attribute_truth import AttributeTruth
from whynet.metrics.floors import most_frequent, random_same_class
from whynet.metrics.language import LanguageMetrics, Protocol, has_words
from whynet.workflows.catalogue import ClaimTruth, Splits, open_data
from whynet.workflows.explain import Explainer
from whynet.workflows.reading import read_all
from whynet.workflows.run import Run

SENTENCES, METRICS = "sentences.json", "metrics.json"
FLOOR_SEED = 0
WRITING_BATCH = 256
_LISTED = 3


def evaluate(
    run: Run | str | Path,
    *,
    beam: int = 1,
    language: bool = True,
    skip_bad: bool = False,
    device: str = "auto",
    allow: str | None = None,
) -> dict[str, Any]:
    """Measure a run on the test pictures of its data.

    Args:
        run: A run, or its folder.
        beam: Sentences kept side by side while one is written; 1 is greedy, as in the paper's table.
        language: Whether to compute the language metrics, which need Java.
        skip_bad: Leave out pictures that cannot be used, and name them in the log.
        device: Where to compute.
        allow: "package.module:function" that may run, where the run explains the user's own network.

    Returns:
        What `metrics.json` holds.

    Raises:
        MissingDependencyError: `language` is on and the extra "language" is not installed.
        RunError, DataError, SubjectError: The run, the data or the network cannot be used.
    """
    explainer = Explainer(run, device=device, allow=allow)
    with explainer.run.stage("evaluation"):
        metrics = _evaluate(explainer, beam=beam, language=language, skip_bad=skip_bad)
    metrics["seconds"] = explainer.run.seconds()
    explainer.run.write(METRICS, metrics)
    return metrics


def _evaluate(explainer: Explainer, *, beam: int, language: bool, skip_bad: bool) -> dict[str, Any]:
    splits = open_data(explainer.settings.data, skip_bad=skip_bad)
    test = splits.test
    readings, logits = read_all(explainer.introspection, test)
    probabilities, predicted = logits.softmax(1).max(1)
    sentences = [
        sentence
        for start in range(0, len(test), WRITING_BATCH)
        for sentence in explainer.sentences(readings[start : start + WRITING_BATCH], beam=beam)
    ]
    rows = [
        {
            "name": test.names[index],
            "label": int(test.labels[index]),
            "predicted": int(predicted[index]),
            "probability": float(probabilities[index]),
            "sentence": sentence.text if sentence else None,
            "words": [[word.text, word.probability] for word in sentence.words] if sentence else [],
        }
        for index, sentence in enumerate(sentences)
    ]
    explainer.run.write(SENTENCES, rows)
    labels = torch.tensor(test.labels)
    metrics: dict[str, Any] = {
        "accuracy": float(multiclass_accuracy(logits, labels, len(test.class_names), average="micro")),
        "num_images": len(test),
        "missing": {},
    }
    captioned = [index for index, captions in enumerate(test.captions) if captions]
    if not explainer.writes:
        metrics["missing"]["sentences"] = _why_no_explainer(splits)
        return metrics
    if not captioned:
        metrics["missing"]["sentences"] = "no test picture has a caption to compare its sentence with"
        return metrics
    metrics |= _sentence_figures(splits, captioned, [str(row["sentence"]) for row in rows], language=language)
    return metrics


def _sentence_figures(
    splits: Splits, captioned: Sequence[int], sentences: Sequence[str], *, language: bool
) -> dict[str, Any]:
    """Language and attributes of the run's sentences and of the two floors, over the test pictures with captions."""
    test = splits.test.subset(captioned)
    missing: dict[str, str] = {}
    candidates = {"run": [sentences[index] for index in captioned], **_floors(test, splits.train, missing)}
    figures: dict[str, dict[str, Any]] = {name: {} for name in candidates}
    if language:
        for name, scores in _language(candidates, test, missing).items():
            figures[name]["language"] = scores
    else:
        missing["language"] = "it was left out by --no-language. Evaluate again without that option to have it"
    if splits.claims is None:
        missing["attributes"] = "what is true of a picture is known for painted birds alone"
    else:
        examples = [test[index] for index in range(len(test))]
        for name, written in candidates.items():
            figures[name]["attributes"] = _attributes(splits.claims, examples, written)
    return {**figures.pop("run"), "floors": figures, "missing": missing}


def _why_no_explainer(splits: Splits) -> str:
    for part, examples in (("training", splits.train), ("validation", splits.validation)):
        if not any(examples.captions):
            return f"the run has no explainer, since no {part} picture has a caption"
    return "the run has no explainer yet; go on with `whynet train --resume`"


def _floors(test: ExampleDataset, train: ExampleDataset, missing: dict[str, str]) -> dict[str, list[str]]:
    """The sentences of each floor that can be had; `missing` says why another cannot."""
    captioned = {label for label, captions in zip(train.labels, train.captions, strict=True) if captions}
    floors = {}
    if lacking := [index for index, label in enumerate(test.labels) if label not in captioned]:
        classes = sorted({test.labels[index] for index in lacking})
        missing["floor random_same_class"] = (
            f"no training picture has a caption in {_some([test.class_names[label] for label in classes])}, the class "
            f"of {_some([test.names[index] for index in lacking])}"
        )
    else:
        floors["random_same_class"] = random_same_class(test.labels, train.labels, train.captions, FLOOR_SEED)
    if captioned:
        floors["most_frequent"] = [most_frequent(train.captions)] * len(test)
    else:
        missing["floor most_frequent"] = "no training picture has a caption"
    return floors


def _language(
    candidates: dict[str, list[str]], test: ExampleDataset, missing: dict[str, str]
) -> dict[str, dict[Protocol, dict[str, float]]]:
    """The scores of each list of candidates, over the captions with words; `missing` tells of the others."""
    with LanguageMetrics() as scorer:
        worded = iter(has_words([caption for captions in test.captions for caption in captions]))
        references = [[caption for caption in captions if next(worded)] for captions in test.captions]
        kept = [index for index, own in enumerate(references) if own]
        if not kept:
            missing["language"] = "no caption of a test picture has a word for the language metrics"
            return {}
        lost = [len(captions) - len(own) for captions, own in zip(test.captions, references, strict=True)]
        if any(lost):
            names = [test.names[index] for index, count in enumerate(lost) if count]
            missing["language of some captions"] = (
                f"captions without a word for the language metrics are left out there: {sum(lost)} ({_some(names)}); "
                f"pictures without another caption: {len(test) - len(kept)} of {len(test)}"
            )
        chosen = [references[index] for index in kept]
        return {name: scorer.score([written[index] for index in kept], chosen) for name, written in candidates.items()}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def _attributes(claims: ClaimTruth, examples: Sequence[Example], sentences: Sequence[str]) -> dict[str, float]:
    metric = AttributeTruth()
    for example, sentence in zip(examples, sentences, strict=True):
        label = example.label
        metric.update(
            claims.parse(sentence),
            example.attributes or frozenset(),
            claims.of_class[label],
            claims.discriminative[label],
        )
    return metric.compute()
