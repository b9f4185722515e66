"""Figures in plain words, each beside a floor."""

from whynet.web.plain_figures import of_concepts, of_network

NBSP = "\N{NO-BREAK SPACE}"


def test_a_network_that_writes_sentences():
    metrics = {
        "accuracy": 0.906, "num_images": 1000, "attributes": {"true_of_image": 0.904},
        "floors": {"random_same_class": {"attributes": {"true_of_image": 0.88}}},
    }  # fmt: skip
    told = [(one.figure, one.says, one.beside) for one in of_network(metrics, 20)]
    assert told == [
        (f"91{NBSP}%", "of 1000 test pictures are named right", f"by guessing among 20 classes: 5{NBSP}%"),
        (
            f"90{NBSP}%", "of what its sentences say can be seen in the picture",
            f"of what is said of other pictures of the class: 88{NBSP}%",
        ),
    ]  # fmt: skip


def test_what_was_not_measured_is_left_out():
    assert of_network({}, 3) == []
    assert of_concepts({}) == []
    (only,) = of_network({"accuracy": 0.75, "num_images": 36}, 4)
    assert only.beside == f"by guessing among 4 classes: 25{NBSP}%"


def test_reasons_stand_beside_their_floor():
    stays, stability = of_concepts({"f_cls": 0.994, "stability": 0.95, "stability_floor": 0.93, "o1": 0.6})
    assert stays.figure == f"99.4{NBSP}%"
    assert stability.beside == "1 is the same; any two reasons of a class: 0.93"
    assert of_concepts({"stability": 0.95})[0].beside == "1 is the same"
