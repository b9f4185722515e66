"""How the reasons of a picture add up."""

import math

import pytest

from whynet.workflows.workbench.image_view import balance


def _answer(by_concepts, by_network, probabilities=(0.7, 0.2, 0.1), weights=(3.0, -1.0)):
    return {
        "explanation": {
            "class_index": 0, "probability": probabilities[0], "reasons": [{"weight": own} for own in weights],
            "faithfulness": {"logit": by_network, "logit_by_concepts": by_concepts},
        },
        "classes": [{"index": i, "name": f"bird {i}", "probability": p} for i, p in enumerate(probabilities)],
    }  # fmt: skip


def test_the_reasons_and_the_bias_make_the_logit_that_is_told():
    found = balance(_answer(1.25, 1.5))
    assert found.bias + 3.0 - 1.0 == pytest.approx(found.by_concepts)
    assert not found.is_off
    assert found.would_name is None


@pytest.mark.parametrize(
    ("by_concepts", "by_network", "is_off"),
    [(9.1, 10.3, False), (7.0, 10.0, True), (-1.6, 1.7, True), (1.0, 1.9, False)],
)
def test_reasons_that_miss_the_logit(by_concepts, by_network, is_off):
    assert balance(_answer(by_concepts, by_network, (1.0, 0.0, 0.0))).is_off == is_off


def test_reasons_after_which_another_class_would_be_named():
    """The other's logit is less by log(0.7 / 0.2): a slow softmax of the three logits says the same."""
    logits = [2.0, 2.0 + math.log(0.2 / 0.7), 2.0 + math.log(0.1 / 0.7)]
    for by_concepts in (0.5, 0.74, 0.76, 3.0):
        changed = [by_concepts, *logits[1:]]
        winner = max(range(3), key=changed.__getitem__)
        found = balance(_answer(by_concepts, logits[0]))
        assert found.would_name == (None if winner == 0 else f"bird {winner}")
        assert found.is_off or found.would_name is None


def test_a_class_without_concepts_has_no_balance():
    answer = _answer(0.0, 0.0)
    answer["explanation"]["faithfulness"] = {}
    assert balance(answer) is None
