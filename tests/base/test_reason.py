"""A reason as JSON."""

import json

import numpy as np

from whynet.base.reason import Reason


def test_a_reason_is_plain_data():
    reason = Reason(name="head", weight=1.5, heat_map=np.array([[0.0, 1.0]]))
    assert json.loads(json.dumps(reason.to_json())) == {
        "name": "head", "is_named": True, "number": None, "weight": 1.5, "heat_map": [[0.0, 1.0]],
    }  # fmt: skip
    assert Reason(name="filter 3", weight=-1.0, is_named=False).to_json()["heat_map"] is None
