import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from whynet.base.errors import RunError
from whynet.base.tokens import START
from whynet.data.birds.interventions import Intervention
from whynet.data.example import ExampleSubset
from whynet.workflows.catalogue import ClaimTruth, Splits, open_data
from whynet.workflows.explainer import Explainer
from whynet.workflows.gallery import gallery
from whynet.workflows.grounding import causal_check, ground_gallery
from whynet.workflows.reading import read_all
from whynet.workflows.settings import DataSettings

COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200)}


class Tiles(ExampleSubset):
    """The tiles, whose colour is known."""

    def __getitem__(self, index):
        example = super().__getitem__(index)
        return replace(example, attributes=frozenset({("tile colour", example.name.split()[0])}))


def parse(sentence):
    return frozenset(("tile colour", colour) for colour in COLOURS if colour in sentence.split())


@pytest.fixture(scope="module")
def explainer(coloured_run):
    return Explainer(coloured_run, device="cpu")


@pytest.fixture
def splits(quick_settings):
    data = open_data(quick_settings.data)
    test = Tiles(data.test, range(len(data.test)))

    def repaint(index, words, seed):
        """The tile in the other colour where a word names its colour; elsewhere one pixel."""
        example, found = test[index], []
        for word, claims in words:
            if not claims:
                found.append(None)
                continue
            changed = COLOURS["blue" if word == "red" else "red"]
            named = np.broadcast_to(np.array(changed, np.uint8), example.image.shape).copy()
            other = example.image.copy()
            other[0, 0] = 0
            found.append(
                Intervention(
                    kind="colour", named_parts=("tile",), other_parts=("corner",),
                    named=replace(example, image=named), other=replace(example, image=other),
                )
            )  # fmt: skip
        return found

    claims = ClaimTruth(parse=parse, of_class=[], discriminative=[])
    return Splits(train=data.train, validation=data.validation, test=test, claims=claims, interventions=repaint)


def check(explainer, splits, **options):
    readings = explainer.conditioned(*read_all(explainer.introspection, splits.test))
    return causal_check(explainer, splits, readings, explainer.sentences(readings), **options)


def probability(explainer, picture, words, place):
    """Of one word of a sentence, given one picture alone."""
    readings, _ = explainer.read([picture])
    ids = [explainer.vocabulary.words.index(word) for word in words]
    with torch.no_grad():
        scores = explainer.interpnet.eval()(readings, torch.tensor([[START, *ids[:place]]]))
    return scores[0, place].softmax(0)[ids[place]].item()


def test_figures_equal_those_of_one_picture_and_word_at_a_time(explainer, splits):
    named, other = [], []
    for index in range(len(splits.test)):
        example = splits.test[index]
        (sentence,) = explainer.sentences(explainer.read([example.image])[0])
        words = [word.text for word in sentence.words]
        for place, word in enumerate(words):
            if parse(word) and parse(word) <= example.attributes:
                (change,) = splits.interventions(index, [(word, parse(word))], 0)
                before = probability(explainer, example.image, words, place)
                named.append(probability(explainer, change.named.image, words, place) / before)
                other.append(probability(explainer, change.other.image, words, place) / before)
    found = check(explainer, splits)
    assert found["num_images"] == 12
    assert found["num_words"] == found["named_part"]["n"] == len(named) >= 8
    for name, ratios in (("named_part", named), ("other_part", other)):
        assert found[name]["share"] == pytest.approx(sum(ratio <= 0.9 for ratio in ratios) / len(ratios))
        mean = sum(math.log(ratio) for ratio in ratios) / len(ratios)
        assert found[name]["mean_log_ratio"] == pytest.approx(mean, rel=1e-3, abs=1e-4)
    assert found["named_part"]["share"] == 1  # the decoder learned to tell the colours apart
    assert found["other_part"]["share"] == 0
    assert found["by_kind"] == {"colour": {key: found[key] for key in ("named_part", "other_part", "difference")}}
    assert found["changed_pixels"]["named_part"] == 1
    assert 0 < found["changed_pixels"]["other_part"] < 0.01


def test_layers_are_the_mean_shares_of_the_content_words(explainer, splits):
    found = check(explainer, splits)["layers"]
    explanations = explainer.explain([splits.test[index].image for index in range(12)], [str(i) for i in range(12)])
    words = [word.grounding for explanation in explanations for word in explanation.words if word.grounding]
    for place, name in enumerate(("feature", "hidden.0", "hidden.1", "probabilities")):
        shares = [grounding.layers[place].share for grounding in words]
        assert found[name] == pytest.approx(sum(shares) / len(shares), abs=1e-3)
    assert sum(found.values()) == pytest.approx(1, abs=1e-4)


def test_the_seed_fixes_everything_and_few_pictures_will_do(explainer, splits):
    assert check(explainer, splits, seed=3) == check(explainer, splits, seed=3)
    few = check(explainer, splits, num_images=5)
    assert few["num_images"] == 5
    assert few["num_words"] <= 10


def test_what_cannot_be_checked_says_why_and_still_has_its_layers(explainer, splits):
    found = check(explainer, replace(splits, interventions=None))
    assert found["missing"] == "pictures can be changed part by part where they are painted, and nowhere else"
    assert sum(found["layers"].values()) == pytest.approx(1, abs=1e-4)
    nothing = check(explainer, replace(splits, interventions=lambda index, words, seed: [None] * len(words)))
    assert nothing["missing"] == "fewer than two pictures have a word that names a part truly"
    assert nothing["num_words"] == 0
    single = check(explainer, splits, num_images=1)
    assert "missing" in single
    assert "named_part" not in single


def test_a_run_without_an_explainer_is_told(coloured_run, splits):
    explainer = Explainer(coloured_run, device="cpu")
    explainer.writes = False
    with pytest.raises(RunError, match="has no explainer"):
        check(explainer, splits)


def test_the_gallery_is_grounded_word_by_word(explainer, splits):
    readings, _ = explainer.read([splits.test[index].image for index in range(12)])
    sentences = explainer.sentences(readings)
    sentences[gallery(12)[3]] = None
    found = ground_gallery(explainer, readings, sentences)
    assert list(found) == [index for place, index in enumerate(gallery(12)) if place != 3]
    for index, words in found.items():
        assert len(words) == len(sentences[index].words)
        assert words[-1] is None  # the full stop
        assert {"layers", "units"} == set(next(word for word in words if word is not None))


def test_painted_birds_can_be_changed_and_other_pictures_cannot(quick_settings, tmp_path, monkeypatch):
    monkeypatch.setenv("WHYNET_CACHE", str(tmp_path))
    birds = open_data(DataSettings(name="birds", num_species=2, image_size=16))
    claim = next(claim for claim in sorted(birds.test[0].attributes) if claim[0] == "belly colour")
    (change,) = birds.interventions(0, [(claim[1], frozenset({claim}))], 0)
    assert (change.named.image != birds.test[0].image).any()
    assert open_data(quick_settings.data).interventions is None
