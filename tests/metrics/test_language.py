import random

import pytest
from torchmetrics.functional.text import bleu_score

from whynet.base.errors import DataError, MissingDependencyError, SettingError
from whynet.metrics import language
from whynet.metrics.language import LanguageMetrics, language_scores, tokenise
from whynet.metrics.ptb import ptb_tokenise

BLEUS = ["bleu1", "bleu2", "bleu3", "bleu4"]


@pytest.fixture
def metrics(meteor):
    return LanguageMetrics(meteor)


def test_coco_equals_pycocoevalcap(metrics, meteor, birds, their_tokeniser):
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    candidates, references = birds
    gts = their_tokeniser.tokenize({i: [{"caption": text} for text in own] for i, own in enumerate(references)})
    res = their_tokeniser.tokenize({i: [{"caption": text}] for i, text in enumerate(candidates)})
    bleus, _ = Bleu(4).compute_score(gts, res, verbose=0)
    # METEOR itself is compared in test_meteor.
    tokenised = meteor.score([res[i][0] for i in range(len(res))], [gts[i] for i in range(len(gts))])
    expected = {
        "meteor": tokenised.corpus,
        **dict(zip(BLEUS, bleus, strict=True)),
        "cider_d": Cider().compute_score(gts, res)[0],
        "rouge_l": Rouge().compute_score(gts, res)[0],
    }
    scores = metrics.score(candidates, references, ["coco"])["coco"]
    assert scores == pytest.approx({name: 100 * value for name, value in expected.items()}, abs=1e-9)


def test_interpnet_keeps_the_punctuation_and_takes_the_mean_of_the_segments(metrics, meteor, birds):
    both = metrics.score(*birds)
    coco, interpnet = both["coco"], both["interpnet"]
    assert set(interpnet) - set(coco) == {"cider"}
    raw = meteor.score(*birds)
    assert interpnet["meteor"] == pytest.approx(100 * sum(raw.segments) / len(raw.segments))
    assert interpnet["meteor"] != pytest.approx(100 * raw.corpus, abs=0.1)
    assert all(interpnet[name] != pytest.approx(coco[name], abs=0.1) for name in BLEUS)
    assert (interpnet["cider_d"], interpnet["rouge_l"]) == (coco["cider_d"], coco["rouge_l"])


def test_bleu_equals_torchmetrics(metrics, birds):
    # One reference an example: of two equally close lengths torchmetrics takes the first, BLEU the shorter.
    candidates, references = birds[0], [own[:1] for own in birds[1]]
    tokens = ptb_tokenise([*candidates, *(own[0] for own in references)])
    targets = [[text] for text in tokens[len(candidates) :]]
    scores = metrics.score(candidates, references, ["interpnet"])["interpnet"]
    for n, name in enumerate(BLEUS, start=1):
        expected = float(bleu_score(tokens[: len(candidates)], targets, n_gram=n))
        assert scores[name] == pytest.approx(100 * expected, abs=1e-3)


def test_identical_sentences_score_100_in_bleu_and_rouge(metrics, birds):
    for scores in metrics.score(birds[0], [[candidate] for candidate in birds[0]]).values():
        assert [scores[name] for name in (*BLEUS, "rouge_l")] == pytest.approx([100] * 5, abs=1e-6)
        assert scores["meteor"] == pytest.approx(100, abs=1e-6)


def test_a_permutation_of_the_examples_changes_nothing(metrics, birds):
    order = random.Random(1).sample(range(len(birds[0])), len(birds[0]))
    straight = metrics.score(*birds)
    shuffled = metrics.score(*([half[i] for i in order] for half in birds))
    for protocol, scores in straight.items():
        assert shuffled[protocol] == pytest.approx(scores, abs=1e-9)


def test_a_blank_candidate_lowers_the_scores_but_counts(metrics, birds):
    candidates, references = birds
    full = metrics.score(candidates, references)
    for blank in ("", " ", "..."):
        for protocol, scores in metrics.score([blank, *candidates[1:]], references).items():
            assert all(0 < scores[name] < full[protocol][name] for name in ("meteor", "rouge_l", "cider_d"))
    nothing = metrics.score([""] * 2, references[:2])
    assert all(value == pytest.approx(0, abs=1e-2) for scores in nothing.values() for value in scores.values())


def test_the_function_starts_and_stops_one_meteor(metrics, lent):
    example = ["a red bird", "an owl"], [["a red bird"], ["the owl"]]
    scores = language_scores(*example, "coco")
    assert list(scores) == ["meteor", *BLEUS, "cider_d", "rouge_l"]
    assert scores == metrics.score(*example)["coco"]
    assert [started.times_closed for started in lent] == [1]


def test_a_shared_meteor_stays_open(meteor):
    with LanguageMetrics(meteor):
        pass
    assert meteor.score(["a"], [["a"]]).corpus == 1.0


def test_a_reference_without_words_is_refused(metrics):
    with pytest.raises(DataError, match=r"reference 1 of example 0 has no words \('\.\.\.'\); leave it out"):
        metrics.score(["a"], [["a", "..."]])


def test_which_sentences_have_words(language_tools):
    sentences = ["a bird", "😀😀", "...", "", "a 😀!", "\u05e6\u05d9\u05e4\u05d5\u05e8", " , ; "]
    assert [bool(sentence.words) for sentence in tokenise(sentences)] == [True, False, False, False, True, True, False]
    assert tokenise([]) == []


def test_only_what_has_words_is_taken_as_a_reference(metrics):
    sentences = ["a bird", "😀😀", "a 😀!", "-- ;"]
    for sentence, tokenised in zip(sentences, tokenise(sentences), strict=True):
        if tokenised.words:
            metrics.score(["a"], [[sentence]])
        else:
            with pytest.raises(DataError, match="has no words"):
                metrics.score(["a"], [[sentence]])


def test_bad_input_is_refused_before_java_starts(monkeypatch):
    monkeypatch.setattr(language, "Meteor", lambda: pytest.fail("Java was started"))
    with pytest.raises(DataError, match="1 candidates and 2 lists"):
        language_scores(["a"], [["a"], ["b"]], "coco")


def test_an_unknown_protocol_is_refused():
    # The public functions annotate a Literal, which the tests' type checker refuses first.
    with pytest.raises(SettingError, match="expected the protocols coco or interpnet, but got 'both'"):
        language._check_protocols(["coco", "both"])


def test_a_missing_dependency_is_reported(monkeypatch):
    monkeypatch.setattr(language, "missing_language_tools", lambda: "no Java; install it")
    with pytest.raises(MissingDependencyError, match="no Java; install it"):
        LanguageMetrics()
