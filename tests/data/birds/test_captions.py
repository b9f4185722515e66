import random
from collections import Counter

import pytest

from whynet.data.birds.captions import write_captions
from whynet.data.birds.claims import all_claims, species_claims
from whynet.data.birds.parsing import parse_claims
from whynet.data.birds.species import make_species


@pytest.fixture(scope="module")
def written():
    rng, rows = random.Random(0), []
    for species in make_species(100):
        for plumage in species.plumages():
            truth = all_claims(species, plumage)
            seen = frozenset(rng.sample(sorted(truth), len(truth) - rng.randrange(6)))
            if "wing bar colour" in dict(seen):  # seen together or not at all
                seen |= {("wing pattern", "barred")}
            rows.append((seen, write_captions(seen, {}, rng)))
    return rows


def test_every_caption_is_read_back_exactly_and_says_only_what_is_seen(written):
    assert sum(len(captions) for _, captions in written) == 8000
    for seen, captions in written:
        for caption in captions:
            assert parse_claims(caption.sentence) == caption.claims, caption.sentence
            assert caption.claims <= seen
            assert 2 <= len(caption.claims) <= 4


def test_form_of_the_captions(written):
    vocabulary, lengths, claims = Counter(), Counter(), Counter()
    for _, captions in written:
        for caption in captions:
            assert caption.sentence == caption.sentence.lower()
            assert caption.sentence.endswith(".")
            assert not caption.sentence.endswith(" .")
            words = caption.sentence.replace(",", "").rstrip(".").split()
            vocabulary.update(words)
            lengths[len(words)] += 1
            claims[len(caption.claims)] += 1
    assert 80 <= len(vocabulary) <= 140
    assert min(lengths) >= 8
    assert max(lengths) <= 24
    assert claims.most_common(1)[0][0] == 3


def test_a_claim_that_few_species_show_is_mentioned_more_often():
    seen = frozenset(
        {("belly colour", "white"), ("breast colour", "red"), ("wing colour", "blue"), ("tail colour", "grey")}
    )

    def mentions(rarity):
        captions = write_captions(seen, rarity, random.Random(1), 2000)
        return sum(("tail colour", "grey") in caption.claims for caption in captions)

    assert mentions({("tail colour", "grey"): 1.0}) > 1.15 * mentions({})


def test_captions_vary_and_repeat_with_the_seed():
    species = make_species(20)[0]
    seen = species_claims(species) & all_claims(species, species.male_summer)
    captions = write_captions(seen, {}, random.Random(3))
    assert captions == write_captions(seen, {}, random.Random(3))
    assert len({caption.sentence for caption in captions}) >= 9


def test_nothing_seen_gives_a_sentence_without_claims():
    captions = write_captions(frozenset(), {}, random.Random(0), 1)
    assert captions[0].claims == frozenset() == parse_claims(captions[0].sentence)
