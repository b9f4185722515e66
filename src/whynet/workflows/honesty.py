"""How honest the sentences are: do probabilities mean what they say, and is it the network's own class that speaks?

    calibration.words    metrics.calibration over the test captions, each word given the words before it
    calibration.claims   the probability of each written word that a claim needs, against the truth of the claim
    true_class           test pictures that the network gets wrong: the sentence for the class that it names
                         (`predicted`) against the sentence for the true one (`true`), all else in r(x) unchanged

For `true`, the probabilities of the true and of the predicted class change places; for the baseline Generating Visual
Explanations, the embedding of the true class takes the place of the predicted one's. Captioning reads no class.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

from whynet.base.tokens import PADDING, START
from whynet.base.types import Logits, Reading
from whynet.data.example import Claim
from whynet.metrics.calibration import WordCalibration, claim_calibration
from whynet.workflows.catalogue import ClaimTruth
from whynet.workflows.explainer import Explainer, Sentence
from whynet.workflows.needed_claims import needed_claims
from whynet.workflows.sentence_figures import SentenceFigures

BATCH = 256


def word_calibration(explainer: Explainer, readings: Reading, captions: Sequence[Sequence[str]]) -> dict[str, Any]:
    """How far the probabilities of the words of people's captions can be believed.

    Args:
        explainer: Has an explainer.
        readings: r(x) of each picture.
        captions: Each picture's captions, possibly none; a word that the vocabulary lacks counts as missed.
    """
    pairs = [
        (row, torch.tensor(explainer.vocabulary.encode(caption))) for row, own in enumerate(captions) for caption in own
    ]
    metric = WordCalibration()
    for start in range(0, len(pairs), BATCH):
        rows, ids = zip(*pairs[start : start + BATCH], strict=True)
        targets = pad_sequence(list(ids), batch_first=True, padding_value=PADDING).to(explainer.device)
        inputs = F.pad(targets[:, :-1], (1, 0), value=START)
        with torch.no_grad():
            scores = explainer.interpnet(readings[list(rows)].to(explainer.device), inputs)
        metric.update(scores.cpu(), targets.cpu())
    return metric.compute()


def calibration_of_claims(
    claims: ClaimTruth, true_of_images: Sequence[frozenset[Claim]], sentences: Sequence[Sentence]
) -> float | None:
    """Expected calibration error of the written words that claims need; None where no word makes a claim."""
    probabilities, truths = [], []
    for true, sentence in zip(true_of_images, sentences, strict=True):
        needed = needed_claims([word.text for word in sentence.words], claims.parse)
        for word, own in zip(sentence.words, needed, strict=True):
            if own:
                probabilities.append(word.probability)
                truths.append(own <= true)
    return claim_calibration(probabilities, truths) if probabilities else None


def true_against_predicted(
    explainer: Explainer,
    readings: Reading,
    logits: Logits,
    labels: Sequence[int],
    scorer: SentenceFigures,
    *,
    beam: int = 1,
) -> dict[str, Any] | None:
    """What explaining the true class instead of the predicted one changes, on the pictures where they differ.

    Args:
        explainer: Its variant reads the class.
        readings: r(x) of each test picture, without a class embedding.
        logits: Of each.
        labels: The true classes.
        scorer: Scores the sentences of both kinds; CIDEr's idf comes from these pictures alone.
        beam: Sentences kept side by side while one is written.

    Returns:
        `num_images`, `changed` (share of them whose sentence is another) and the figures of either kind; None where
        r(x) holds no class or the network errs nowhere.
    """
    predicted, truth = logits.argmax(1), torch.tensor(labels)
    captioned = torch.zeros(len(labels), dtype=torch.bool)
    captioned[scorer.captioned] = True
    wrong = ((predicted != truth) & captioned).nonzero()[:, 0]
    if not explainer.reads_the_class or not len(wrong):
        return None
    kinds = {}
    for kind, classes in {"predicted": predicted, "true": truth}.items():
        read = explainer.conditioned(readings[wrong], logits[wrong], classes[wrong])
        kinds[kind] = [sentence.text for sentence in explainer.sentences(read, beam=beam) if sentence is not None]
    changed = sum(a != b for a, b in zip(kinds["predicted"], kinds["true"], strict=True)) / len(wrong)
    figures = {kind: scorer.score(dict(zip(wrong.tolist(), written, strict=True))) for kind, written in kinds.items()}
    return {"num_images": len(wrong), "changed": changed, **figures}
