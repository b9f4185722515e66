"""What is kept of a request is what JSON gives back, whatever other classes were asked for."""

import json

from whynet.structures.graph_settings import GraphSettings
from whynet.workflows.graph.request import GraphRequest, PlaceSettings


def test_what_is_kept_comes_back_from_json():
    request = GraphRequest(where=PlaceSettings(classes="0"), graph=GraphSettings(nodes_per_filter=(3, 1)))
    kept = request.to_json()
    assert json.loads(json.dumps(kept)) == kept
    assert kept["nodes_per_filter"] == [3, 1]
    assert GraphRequest().to_json() == GraphRequest(where=PlaceSettings(classes="1")).to_json() != kept
