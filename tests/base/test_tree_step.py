"""A step down a tree, in words and as JSON."""

import json

from whynet.base.reason import Reason
from whynet.base.tree_step import TreeStep


def test_a_step_tells_its_weightiest_reasons_and_what_it_is_like():
    weights = {"a": 3.0, "b": -2.0, "c": 1.0, "d": 0.5}
    reasons = tuple(Reason(name=name, weight=weight) for name, weight in weights.items())
    step = TreeStep(layer="leaves", logit=2.5, bias=0.25, reasons=reasons, like="robin.png")
    assert step.text == "leaves: logit 2.5 by a +3.0, b -2.0, c +1.0, bias +0.2; decided like robin.png"
    assert TreeStep(layer="5th layer", logit=-1.0, bias=-1.0, reasons=()).text == "5th layer: logit -1.0 by bias -1.0"
    found = json.loads(json.dumps(step.to_json()))
    assert (found["layer"], found["logit"], found["bias"], found["like"]) == ("leaves", 2.5, 0.25, "robin.png")
    assert [reason["name"] for reason in found["reasons"]] == ["a", "b", "c", "d"]
