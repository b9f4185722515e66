"""A node in an image, in words and as JSON."""

import json

from whynet.base.graph_node import GraphNode


def found(node, **more):
    return GraphNode(node=node, layer="low", filter=node % 8, x=28.4, y=35.6, score=0.856, **more)


def test_a_node_tells_its_place_and_its_most_trusted_parents():
    node = found(11, part="wing", parents=tuple(found(number) for number in (16, 17, 18)))
    assert node.text == (
        "node 11, filter 3 of low, mostly on the wing: at x 28, y 36, score 0.86; "
        "moves with filter 0 of low at x 28, y 36 and filter 1 of low at x 28, y 36"
    )
    assert found(11).text == "node 11, filter 3 of low: at x 28, y 36, score 0.86"


def test_parents_of_one_filter_at_one_place_are_told_once():
    twins = (found(16), found(24), found(17))  # 16 and 24 are two nodes of filter 0
    assert found(11, parents=twins).text.endswith(
        "; moves with filter 0 of low at x 28, y 36 and filter 1 of low at x 28, y 36"
    )
    assert found(11, parents=twins[:2]).text.endswith("; moves with filter 0 of low at x 28, y 36")


def test_the_json_form_has_all_parents():
    value = json.loads(json.dumps(found(11, parents=tuple(found(number) for number in (16, 17, 18))).to_json()))
    parents = value.pop("parents")
    assert value == {"node": 11, "layer": "low", "filter": 3, "x": 28.4, "y": 35.6, "score": 0.856, "part": None}
    assert [(parent["node"], parent["parents"]) for parent in parents] == [(16, []), (17, []), (18, [])]
