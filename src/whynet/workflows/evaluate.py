"""`whynet evaluate`: how good are the decisions and the sentences on the test pictures, beside two floors?

Writes `sentences.json` (one row a test picture) and `metrics.json`:

    accuracy                               share of test pictures of the right class
    language.{coco,interpnet}.KEY          metrics.language
    attributes.KEY                         metrics.attribute_truth; painted birds only
    floors.{random_same_class,most_frequent}.{language,attributes}   the same of the floors, metrics.floors
    missing                                what could not be computed, and why
    num_images, seconds
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torchmetrics.functional.classification import multiclass_accuracy

from whynet.data.example import Example
from whynet.metrics.attribute_truth import AttributeTruth
from whynet.metrics.floors import most_frequent, random_same_class
from whynet.metrics.language import LanguageMetrics
from whynet.workflows.catalogue import ClaimTruth, Splits, open_data
from whynet.workflows.explain import Explainer
from whynet.workflows.reading import read_all
from whynet.workflows.run import Run

SENTENCES, METRICS = "sentences.json", "metrics.json"
FLOOR_SEED = 0
WRITING_BATCH = 256


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
    if not explainer.writes or not captioned:
        metrics["missing"]["sentences"] = "the data have no captions to learn from or to compare with"
        return metrics
    metrics |= _sentence_figures(splits, captioned, [str(row["sentence"]) for row in rows], language=language)
    return metrics


def _sentence_figures(
    splits: Splits, captioned: Sequence[int], sentences: Sequence[str], *, language: bool
) -> dict[str, Any]:
    """Language and attributes of the run's sentences and of the two floors, over the test pictures with captions."""
    test, train = splits.test.subset(captioned), splits.train
    floors = {
        "random_same_class": random_same_class(test.labels, train.labels, train.captions, FLOOR_SEED),
        "most_frequent": [most_frequent(train.captions)] * len(test),
    }
    candidates = {"run": [sentences[index] for index in captioned], **floors}
    figures: dict[str, dict[str, Any]] = {name: {} for name in candidates}
    missing = {}
    if language:
        with LanguageMetrics() as scorer:
            for name, written in candidates.items():
                figures[name]["language"] = scorer.score(written, test.captions)
    else:
        missing["language"] = "it was left out by --no-language"
    if splits.claims is None:
        missing["attributes"] = "only painted birds say what is true of a picture"
    else:
        examples = [test[index] for index in range(len(test))]
        for name, written in candidates.items():
            figures[name]["attributes"] = _attributes(splits.claims, examples, written)
    return {**figures.pop("run"), "floors": figures, "missing": missing}


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
