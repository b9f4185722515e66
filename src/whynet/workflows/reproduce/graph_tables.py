"""What is told of the study of explanatory graphs beside its table: how nodes stand to what they are held against."""

from collections.abc import Iterator, Mapping
from typing import Any

from whynet.workflows.graph.measuring import CHOSEN
from whynet.workflows.graph.points import CENTRE, FILTERS, NODES
from whynet.workflows.graph.tables import hits_sentence

TARGET = 0.8
"""Nodes of painted birds should wander at most so many times as far as filters; on photographs less than these."""


def standing(results: Mapping[str, Any]) -> Iterator[str]:
    """How far nodes wander and how well they find a part, against filters and the middle of the picture."""
    means = {row["name"]: {key: value["mean"] for key, value in row["metrics"].items()} for row in results["rows"]}
    nodes, filters, centre = (means[name] for name in (NODES, FILTERS, CENTRE))
    if "location_instability" in nodes and "location_instability" in filters:
        times, fair = (nodes[key] / filters[key] for key in ("location_instability", "instability_of_few"))
        target = ""
        if results["data"] == "birds":
            held = ["kept" if own <= TARGET else "missed" for own in (times, fair)]
            target = f" The target, at most {TARGET}, is {held[0]} by the first and {held[1]} by the second."
        yield (
            f"Location instability: the {CHOSEN} chosen of {nodes['candidates']:.0f} nodes wander {times:.2f} times as "
            f"far as the {CHOSEN} chosen of {filters['candidates']:.0f} filters; chosen among as many nodes as there "
            f"are filters, {fair:.2f} times as far.{target}"
        )
        yield (
            f"Of the diagonal that is {nodes['location_instability']:.3f} and, among as many, "
            f"{nodes['instability_of_few']:.3f}, against {filters['location_instability']:.3f} of the filters and "
            f"{centre['location_instability']:.3f} of the centre of the picture. Of all, chosen or not: nodes "
            f"{nodes['instability_of_all']:.3f}, filters {filters['instability_of_all']:.3f}."
        )
    if "one_shot_error" in nodes:
        better = "nearer" if nodes["one_shot_error"] < filters["one_shot_error"] else "farther off"
        yield (
            f"One-shot localisation: nodes are {better} than filters ({nodes['one_shot_error']:.3f} against "
            f"{filters['one_shot_error']:.3f} of the diagonal; the centre is {centre['one_shot_error']:.3f} off)."
        )
    if "num_hitting" in nodes:
        yield hits_sentence(nodes, filters)
