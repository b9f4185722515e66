import json

import numpy as np
import pytest

from whynet.base.explanation import (
    Explanation,
    Explanations,
    Grounding,
    LayerContribution,
    Reason,
    UnitContribution,
    Word,
    with_article,
)

GROUNDING = Grounding(
    layers=(
        LayerContribution(name="feature", contribution=-0.2, share=0.25),
        LayerContribution(name='hidden."1"', contribution=0.9, share=0.75),
    ),
    units=(
        UnitContribution(layer='hidden."1"', unit=17, contribution=0.5),
        UnitContribution(layer="feature", unit=3, contribution=-0.125),
    ),
)
EXPLANATION = Explanation(
    image_name="a.png",
    class_index=1,
    class_name="Owl",
    probability=0.9,
    sentence="this bird has a <b> head.",
    words=(Word(text="this", probability=0.5), Word(text="<b>", probability=0.25, grounding=GROUNDING)),
)


def test_the_json_form_tells_where_words_came_from():
    words = json.loads(json.dumps(EXPLANATION.to_json()))["words"]
    assert words[0] == {"text": "this", "probability": 0.5, "grounding": None}
    assert words[1]["grounding"]["layers"][1] == {"name": 'hidden."1"', "contribution": 0.9, "share": 0.75}
    assert words[1]["grounding"]["units"][0] == {"layer": 'hidden."1"', "unit": 17, "contribution": 0.5}
    assert Grounding.from_json(words[1]["grounding"]) == GROUNDING


def test_the_text_stays_as_it_is():
    assert EXPLANATION.text == str(EXPLANATION) == "This is an image of an Owl because this bird has a <b> head."
    assert with_article("tern") == "a tern"


def test_the_notebook_tells_it_when_the_pointer_rests_on_a_word():
    page = Explanations([EXPLANATION])._repr_html_()
    assert 'title="50% probable"' in page
    told = "25% probable; 75% from hidden.&quot;1&quot;: hidden.&quot;1&quot;[17] +0.50, feature[3] -0.12 nats"
    assert f'title="{told}"' in page
    assert "<b>" not in page


def test_a_word_that_hangs_on_nothing_names_no_units():
    nothing = Grounding(layers=(LayerContribution(name="feature", contribution=0.0, share=0.0),), units=())
    assert nothing.summary == "0% from feature"


def test_a_grounding_of_another_form_is_refused():
    with pytest.raises(KeyError, match="units"):
        Grounding.from_json({"layers": []})


def explained_by(*reasons, **more):
    """An explanation with reasons: (name, weight), or (name, weight, False) for one without a name of its own."""
    found = tuple(Reason(name=name, weight=weight, is_named=not unnamed) for name, weight, *unnamed in reasons)
    return Explanation(image_name="a.png", class_index=1, class_name="Owl", probability=0.9, reasons=found, **more)


@pytest.mark.parametrize(
    ("reasons", "sentence"),
    [
        ([("red wing", 3.14)], "Owl because of its red wing (+3.1)."),
        ([("red wing", 1.0), ("crest", 3.0)], "Owl because of its crest (+3.0) and red wing (+1.0)."),
        (
            [("a", 1.0), ("b", 4.0), ("c", 2.0), ("d", 3.0)],
            "Owl because of its b (+4.0), d (+3.0) and c (+2.0).",
        ),
        ([("wing", 1.0), ("crest", 1.5), ("wing", 1.0)], "Owl because of its wing (+2.0) and crest (+1.5)."),
        ([("wing", 3.0), ("wing", -2.0), ("crest", 2.0)], "Owl because of its crest (+2.0) and wing (+1.0)."),
        ([("wing", 9.5), ("crest", 0.5)], "Owl because of its wing (+9.5)."),
        ([("wing", 9.0), ("crest", 1.0)], "Owl because of its wing (+9.0) and crest (+1.0)."),
        ([("wing", 2.0), ("crest", -5.0)], "Owl because of its wing (+2.0)."),
        (
            [("wing", 2.0), ("x-feature 1", 50.0, False), ("x-feature 2", 1.0, False), ("x-feature 3", -9.0, False)],
            "Owl because of its wing (+2.0), and of what has no name (+51.0).",
        ),
        ([("wing", 9.5), ("x-feature 1", 0.5, False)], "Owl because of its wing (+9.5)."),
        ([("wing", -2.0), ("crest", 0.0)], None),
        ([("wing", 2.0), ("wing", -2.0)], None),
        ([("x-feature 1", 3.0, False)], None),
        ([], None),
    ],
)
def test_the_named_reasons_in_a_sentence(reasons, sentence):
    """Equal names count as one; three at most, of at least a tenth of all that speaks for the class."""
    assert explained_by(*reasons).reasons_sentence == sentence


def test_the_text_ends_with_the_reasons():
    alone = explained_by(("crest", 2.0))
    assert alone.text == str(alone) == "This is an image of an Owl. Owl because of its crest (+2.0)."
    both = explained_by(("crest", 2.0), sentence="this bird has a crest.")
    assert both.text == "This is an image of an Owl because this bird has a crest. Owl because of its crest (+2.0)."
    assert explained_by().text == "This is an image of an Owl."


def test_reasons_in_the_json_form_and_in_the_notebook():
    heat_map = np.array([[0.0, 0.5], [0.25, 1.0]], np.float32)
    explanation = Explanation(
        image_name="a.png", class_index=1, class_name="Owl", probability=0.9, faithfulness={"logit": 4.5},
        reasons=(Reason(name="<b> wing", weight=2.0, heat_map=heat_map), Reason(name="x", weight=-1.0, is_named=False)),
    )  # fmt: skip
    value = json.loads(json.dumps(explanation.to_json(), allow_nan=False))
    assert value["reasons"] == [
        {"name": "<b> wing", "is_named": True, "number": None, "weight": 2.0, "heat_map": [[0.0, 0.5], [0.25, 1.0]]},
        {"name": "x", "is_named": False, "number": None, "weight": -1.0, "heat_map": None},
    ]
    assert value["reasons_sentence"] == "Owl because of its <b> wing (+2.0)."
    assert value["faithfulness"] == {"logit": 4.5}
    page = explanation._repr_html_()
    assert "<div>Owl because of its &lt;b&gt; wing (+2.0).</div>" in page
    assert "<b>" not in page
