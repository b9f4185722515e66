"""What was measured of graphs, in rows and sentences for the terminal and the pages."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from whynet.workflows.graph.figures import read_figures
from whynet.workflows.graph.measuring import CHOSEN
from whynet.workflows.graph.points import CENTRE, FILTERS, NODES
from whynet.workflows.graph.saved import saved_graphs
from whynet.workflows.run import Run

Rows = Mapping[str, Mapping[str, float]]

COLUMNS = {
    "location_instability": ("wander by", ".3f"),
    "instability_of_few": ("chosen among as many", ".3f"),
    "instability_of_all": ("all, not chosen", ".3f"),
    "one_shot_error": ("one-shot error", ".3f"),
    "hits_a_part": ("hit one part", ".1%"),
    "num_hitting": ("how many", ".0f"),
    "parts_hit": ("different parts", ".1f"),
    "candidates": ("candidates", ".0f"),
}
"""By the keys of the results files, what a column is called and how its figures are written."""
HITTING = ("num_hitting", "candidates", "hits_a_part", "parts_hit")
"""What `hits_sentence` tells."""
READING = (
    f"Wander by: location instability of the {CHOSEN} that wander least on the training pictures, as a share of the "
    "picture's diagonal, on the test pictures; lower is better. Chosen among as many: the same where there are no more "
    "to choose from than filters. One-shot error: how far off a part is that one annotated picture tells of. Hit one "
    "part: in more than half of the pictures, as a share of all; how many, and on how many different parts."
)


def figure_lines(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Columns, and a row for each kind of points; "" where there is no figure."""
    keys = [key for key in COLUMNS if any(key in row for row in rows.values())]
    lines = [
        [kind, *(format(row[key], COLUMNS[key][1]) if key in row else "" for key in keys)] for kind, row in rows.items()
    ]
    return ["", *(COLUMNS[key][0] for key in keys)], lines


def mean_rows(several: Sequence[Rows]) -> dict[str, dict[str, float]]:
    """The mean over some classes, of each figure over those that have it."""
    kinds = dict.fromkeys(kind for rows in several for kind in rows)
    keys = dict.fromkeys(key for rows in several for row in rows.values() for key in row)
    found: dict[str, dict[str, float]] = {}
    for kind in kinds:
        values = {key: [rows[kind][key] for rows in several if key in rows.get(kind, {})] for key in keys}
        found[kind] = {key: fmean(own) for key, own in values.items() if own}
    return found


def summary_lines(rows: Rows) -> Iterator[str]:
    """Each figure of the nodes with what it is to be compared with; nothing where nothing was measured."""
    nodes, filters, centre = (rows.get(kind, {}) for kind in (NODES, FILTERS, CENTRE))
    if "location_instability" in nodes and "location_instability" in filters:
        line = (
            f"The steadiest{_of(nodes)} nodes wander by {nodes['location_instability']:.3f} of the picture's diagonal, "
            f"the steadiest{_of(filters)} filters by {filters['location_instability']:.3f}"
        )
        if "instability_of_few" in nodes:
            line += f"; chosen among as many nodes as filters, nodes wander by {nodes['instability_of_few']:.3f}"
        if "location_instability" in centre:
            line += f"; the centre of the picture, which never moves, has {centre['location_instability']:.3f}"
        yield f"{line}."
    if all(key in row for row in (nodes, filters) for key in HITTING):
        yield hits_sentence(nodes, filters)
    if "one_shot_error" in nodes and "one_shot_error" in filters:
        yield (
            f"Told by one annotated picture, nodes find a part to {nodes['one_shot_error']:.3f} of the diagonal, "
            f"filters to {filters['one_shot_error']:.3f}."
        )


def hits_sentence(nodes: Mapping[str, float], filters: Mapping[str, float]) -> str:
    """How many nodes and filters hit one part, what share of them that is, and on how many parts they are."""
    counts = [
        f"{row['num_hitting']:.0f} of {row['candidates']:.0f} {kind} ({row['hits_a_part']:.1%}, on "
        f"{row['parts_hit']:.1f} different {'part' if round(row['parts_hit'], 1) == 1 else 'parts'})"
        for kind, row in ((NODES, nodes), (FILTERS, filters))
    ]
    return f"{' and '.join(counts)} hit one part in more than half of a class's pictures."


def _of(row: Mapping[str, float]) -> str:
    return f" of {row['candidates']:.0f}" if "candidates" in row else ""


def run_summary(run: Run) -> list[str]:
    """What the report of a run says of its graphs, nothing where it has none; raises `RunError` as `read_figures`."""
    rows = [read_figures(folder).rows for folder in saved_graphs(run)]
    if not rows:
        return []
    classes = "1 class has an explanatory graph" if len(rows) == 1 else f"{len(rows)} classes have explanatory graphs"
    return [f"{classes}.", *summary_lines(mean_rows([own for own in rows if own]))]
