"""`whynet evaluate`: how good are the decisions and the sentences on the test pictures, beside two floors?

Writes `sentences.json` (one row a test picture) and `metrics.json`:

    accuracy                               share of test pictures of the right class
    language.{coco,interpnet}.KEY          metrics.language
    attributes.KEY                         metrics.attribute_truth; painted birds only
    class_relevance.{similarity,rank}      metrics.class_relevance: the baseline's own two measures
    diversity.{distinct,copied}            metrics.diversity
    floors.{random_same_class,most_frequent}   these four of the floors, metrics.floors
    calibration.{words,claims}, true_class     honesty
    grounding                              grounding; its causal check on painted birds only
    options                                how it was evaluated
    missing                                what could not be computed, and why; `language of some captions` counts
                                           those without a word for the language metrics, which are left out there
    num_images, seconds
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torchmetrics.functional.classification import multiclass_accuracy

from whynet.base.types import Logits
from whynet.data.example import ExampleDataset
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.explainer import Explainer, Sentence
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.grounding import NUM_IMAGES, causal_check, ground_gallery
from whynet.workflows.honesty import calibration_of_claims, true_against_predicted, word_calibration
from whynet.workflows.reading import read_all
from whynet.workflows.run import Run
from whynet.workflows.sentence_figures import SentenceFigures

SENTENCES, METRICS = "sentences.json", "metrics.json"
WRITING_BATCH = 256


def evaluate(
    run: Run | str | Path,
    *,
    beam: int = 1,
    language: bool = True,
    floors: bool = True,
    num_checked: int = NUM_IMAGES,
    skip_bad: bool = False,
    device: str = "auto",
    allow: str | None = None,
    cache: FeatureCache | None = None,
) -> dict[str, Any]:
    """Measure a run on the test pictures of its data.

    Args:
        run: A run, or its folder.
        beam: Sentences kept side by side while one is written; 1 is greedy, as in the paper's table.
        language: Whether to compute the language metrics, which need Java.
        floors: Whether to score the two floors as well, which are the same for every run on these data.
        num_checked: Test pictures whose words are put to the causal check, where the data can be changed.
        skip_bad: Leave out pictures that cannot be used, and name them in the log.
        device: Where to compute.
        allow: "package.module:function" that may run, where the run explains the user's own network.
        cache: Where readings are kept; by default the user's own.

    Returns:
        What `metrics.json` holds.

    Raises:
        MissingDependencyError: `language` is on and the extra "language" is not installed.
        RunError, DataError, SubjectError: The run, the data or the network cannot be used.
    """
    explainer = Explainer(run, device=device, allow=allow)
    with explainer.run.stage("evaluation"):
        splits = open_data(explainer.settings.data, skip_bad=skip_bad)
        metrics = _evaluate(
            explainer, splits, beam=beam, language=language, floors=floors, num_checked=num_checked,
            cache=cache or FeatureCache(),
        )  # fmt: skip
        metrics["options"] = evaluation_options(beam=beam, language=language, floors=floors, num_checked=num_checked)
        explainer.run.write(METRICS, metrics)  # before the stage counts as complete
    metrics["seconds"] = explainer.run.seconds()
    explainer.run.write(METRICS, metrics)
    return metrics


def evaluation_options(
    *, beam: int = 1, language: bool = True, floors: bool = True, num_checked: int = NUM_IMAGES
) -> dict[str, Any]:
    """What `metrics.json` keeps of how it was made, under `options`; the arguments are those of `evaluate`."""
    return {"beam": beam, "language": language, "floors": floors, "num_checked": num_checked}


def _evaluate(
    explainer: Explainer, splits: Splits, *, beam: int, language: bool, floors: bool, num_checked: int,
    cache: FeatureCache,
) -> dict[str, Any]:  # fmt: skip
    test = splits.test
    readings, logits = read_all(explainer.introspection, test, cache=cache)
    conditioned = explainer.conditioned(readings, logits)
    sentences = [
        sentence
        for start in range(0, len(test), WRITING_BATCH)
        for sentence in explainer.sentences(conditioned[start : start + WRITING_BATCH], beam=beam)
    ]
    rows = _rows(test, logits, sentences)
    labels = torch.tensor(test.labels)
    metrics: dict[str, Any] = {
        "accuracy": float(multiclass_accuracy(logits, labels, len(test.class_names), average="micro")),
        "num_images": len(test),
        "missing": {},
    }
    explainer.run.write(SENTENCES, rows)
    if not explainer.writes:
        metrics["missing"]["sentences"] = _why_no_explainer(explainer.run, splits)
        return metrics
    if not any(test.captions):
        metrics["missing"]["sentences"] = "no test picture has a caption to compare its sentence with"
        return metrics
    written = [sentence for sentence in sentences if sentence is not None]
    with SentenceFigures(splits, language=language) as scorer:
        metrics |= scorer.score({index: written[index].text for index in scorer.captioned})
        if floors:
            metrics["floors"] = {name: scorer.score(own) for name, own in scorer.floors().items()}
        metrics["true_class"] = true_against_predicted(explainer, readings, logits, test.labels, scorer, beam=beam)
        metrics["missing"] |= scorer.missing
    grounding = ground_gallery(explainer, conditioned, sentences)
    for index, row in enumerate(rows):
        row["grounding"] = grounding.get(index)
    explainer.run.write(SENTENCES, rows)
    metrics["calibration"] = {"words": word_calibration(explainer, conditioned, test.captions)}
    if splits.claims is not None:
        metrics["calibration"]["claims"] = calibration_of_claims(
            splits.claims, [test[index].attributes or frozenset() for index in range(len(test))], written
        )
    metrics["grounding"] = causal_check(explainer, splits, conditioned, sentences, num_images=num_checked)
    if why := metrics["grounding"].pop("missing", None):
        metrics["missing"]["causal check of the words"] = why
    return metrics


def _rows(test: ExampleDataset, logits: Logits, sentences: Sequence[Sentence | None]) -> list[dict[str, Any]]:
    probabilities, predicted = logits.softmax(1).max(1)
    return [
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


def _why_no_explainer(run: Run, splits: Splits) -> str:
    for part, examples in (("training", splits.train), ("validation", splits.validation)):
        if not any(examples.captions):
            return f"the run has no explainer, since no {part} picture has a caption"
    return f"the run has no explainer yet; go on with {run.to_go_on}"
