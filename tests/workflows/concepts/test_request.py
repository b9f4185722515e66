import json
from dataclasses import replace

import pytest

from whynet.base.errors import SettingError
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.concepts.request import ConceptRequest, LayerSettings


def test_a_request_is_kept_as_json_but_for_which_classes_it_names():
    request = ConceptRequest(where=LayerSettings(layer="fc", classes="owl,jay"), module=ModuleSettings(beta=2.0))
    kept = request.to_json()
    assert json.loads(json.dumps(kept)) == kept
    assert "classes" not in kept["where"]
    assert (kept["where"]["layer"], kept["module"]["beta"]) == ("fc", 2.0)
    assert kept == replace(request, where=LayerSettings(layer="fc")).to_json()
    assert request.where.classes == "owl,jay"


@pytest.mark.parametrize(
    "changes",
    [
        {"where": LayerSettings(layer="fc")}, {"where": LayerSettings(map_layer="conv")},
        {"where": LayerSettings(seeds=2)}, {"where": LayerSettings(seed=1)}, {"module": ModuleSettings(q=2.0)},
        {"module": ModuleSettings(mirrored=True)}, {"fit": FitSettings(positive_share=0.4)},
    ],
)  # fmt: skip
def test_whatever_else_is_asked_for_otherwise_is_another_request(changes):
    assert ConceptRequest(**changes).to_json() != ConceptRequest().to_json()


@pytest.mark.parametrize(("values", "message"), [({"seeds": 0}, "not 0 from 0"), ({"seed": -1}, "not 3 from -1")])
def test_no_seeds_and_negative_ones_are_refused(values, message):
    with pytest.raises(SettingError, match=f"at least one seed, from 0 on, was expected, {message}"):
        LayerSettings(**values)
