import json

import pytest

from whynet.base.explanation import (
    Explanation,
    Explanations,
    Grounding,
    LayerContribution,
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
