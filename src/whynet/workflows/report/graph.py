"""The pages of a run's explanatory graphs: all classes at a glance, and each class's surest nodes with their patches.

graph.html in the folder of the run, and page.html in the folder of each class's graph; each is whole in itself.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import whynet
from whynet.base.files import write_text_atomically
from whynet.base.progress import track
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.workflows.graph.finding import GraphsOfRun
from whynet.workflows.graph.maps import pictures_of
from whynet.workflows.graph.points import CENTRE, FILTERS, NODES
from whynet.workflows.graph.saved import PAGE, ClassGraph, load_class_graph, saved_graphs
from whynet.workflows.graph.tables import HITTING, READING, Rows, figure_lines, mean_rows
from whynet.workflows.metrics_table import Tile as Figure
from whynet.workflows.report.filter_pictures import Tile
from whynet.workflows.report.graph_pictures import NUM_PARENTS, Drawing, GraphPictures, LayerFields, layer_fields
from whynet.workflows.report.page import link_to_report, refresh_report
from whynet.workflows.report.rendering import rendered, spaced
from whynet.workflows.run import GRAPH, GRAPH_PAGE
from whynet.workflows.settings import DATA_TITLES, TrainSettings

NUM_DRAWN, NUM_OF_PART = 8, 3
"""Nodes, with their parents, that are drawn over a picture, and how many of them may go with one part."""
_STYLES = ("report.css", "concepts.css", "graph.css")


@dataclass(frozen=True, kw_only=True)
class NodeRow:
    """A node's patches, or a parent's in the same pictures."""

    node: int
    title: str
    told: str
    level: int
    patches: list[Tile]


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """A node with its most trusted parents in the layer above."""

    node: NodeRow
    parents: list[NodeRow]


@dataclass(frozen=True, kw_only=True)
class GraphTable:
    """Figures in lines; the first column names."""

    columns: list[str]
    lines: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class GraphClassPage:
    """All that the page of a class shows."""

    run: str
    version: str
    report: str
    class_name: str
    layers: list[str]
    counts: list[int]
    num_train: int
    shown_from: str
    drawing: Drawing | None
    figures: list[Figure]
    table: GraphTable
    reading: str
    chosen: bool
    drawn: str
    lineages: list[Lineage]
    settings: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class GraphCard:
    """One class of the overview."""

    link: str
    class_name: str
    drawing: Drawing | None
    num_nodes: int
    figures: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class GraphPage:
    """All that the overview shows."""

    run: str
    version: str
    report: str
    data: str
    layers: list[str]
    figures: list[Figure]
    table: GraphTable
    reading: str
    drawn: str
    cards: list[GraphCard]


def report_graphs(found: GraphsOfRun, *, skip_bad: bool = False) -> Path:
    """Write the pages of all graphs of the run and, where it has a report, the report again, which then links to them.

    Args:
        found: What `graphs_of_run` returned.
        skip_bad: Leave out pictures that cannot be used, as where the graphs were fitted.

    Returns:
        The overview's path.

    Raises:
        RunError: A graph that is there is of another network, or damaged.
    """
    run, network = found.run, weights_fingerprint(found.subject.network)
    cards, graphs = [], []
    fields: dict[str, LayerFields] = {}
    for folder in track(saved_graphs(run), "Drawing graphs"):
        own = load_class_graph(folder, network)
        missing = {layer.name: layer.map_size for layer in own.graph.layers if layer.name not in fields}
        fields |= layer_fields(found.subject, missing, found.splits.train)
        page = _class_page(found, own, fields)
        write_text_atomically(folder / PAGE, rendered("graph_of_class.html.jinja", *_STYLES, page=page))
        cards.append(_card(own, f"{GRAPH}/{folder.name}/{PAGE}", page.drawing))
        graphs.append(own)
    path = run.folder / GRAPH_PAGE
    write_text_atomically(path, rendered("graph.html.jinja", *_STYLES, page=_overview(found, graphs, cards)))
    refresh_report(run, skip_bad=skip_bad)
    return path


def _overview(found: GraphsOfRun, graphs: Sequence[ClassGraph], cards: list[GraphCard]) -> GraphPage:
    rows = mean_rows([own.rows for own in graphs if own.rows])
    columns, lines = figure_lines(rows)
    return GraphPage(
        run=str(found.run.folder), version=whynet.__version__, report=link_to_report(found.run),
        data=DATA_TITLES[TrainSettings.from_json(found.run.settings).data.name],
        layers=list(graphs[0].layers) if graphs else [], figures=figures(rows),
        table=GraphTable(columns=columns, lines=lines), reading=READING, cards=cards,
        drawn=" or that ".join(dict.fromkeys(map(how_drawn, graphs))),
    )  # fmt: skip


def figures(rows: Rows) -> list[Figure]:
    """What stands at the head of a page, as far as it was measured."""
    nodes, filters, centre = (rows.get(kind, {}) for kind in (NODES, FILTERS, CENTRE))
    found = []
    if "location_instability" in nodes and "location_instability" in filters:
        beside = [f"of the steadiest of {nodes['candidates']:.0f} nodes" if "candidates" in nodes else "of nodes"]
        if "instability_of_few" in nodes:
            beside.append(f"{nodes['instability_of_few']:.3f} chosen among as many as there are filters")
        count = f" of {filters['candidates']:.0f}" if "candidates" in filters else ""
        beside.append(f"the steadiest{count} filters {filters['location_instability']:.3f}")
        if "location_instability" in centre:
            beside.append(f"the centre of the picture {centre['location_instability']:.3f}")
        found.append(
            Figure(name="Location instability", figure=f"{nodes['location_instability']:.3f}", beside="; ".join(beside))
        )
    if all(key in row for row in (nodes, filters) for key in HITTING):
        found.append(
            Figure(
                name="Nodes on one part", figure=f"{nodes['num_hitting']:.0f}",
                beside=spaced(
                    f"of {nodes['candidates']:.0f} ({nodes['hits_a_part']:.1%}), in most pictures, on "
                    f"{nodes['parts_hit']:.1f} different parts; filters {filters['num_hitting']:.0f} of "
                    f"{filters['candidates']:.0f} ({filters['hits_a_part']:.1%}), on {filters['parts_hit']:.1f}"
                ),
            )
        )  # fmt: skip
    if "one_shot_error" in nodes and "one_shot_error" in filters:
        found.append(
            Figure(
                name="One-shot error", figure=f"{nodes['one_shot_error']:.3f}",
                beside=f"of the diagonal, a part told by one picture; filters {filters['one_shot_error']:.3f}",
            )
        )  # fmt: skip
    return found


def _card(own: ClassGraph, link: str, drawing: Drawing | None) -> GraphCard:
    told = [
        (NODES, "location_instability", "nodes wander by"), (NODES, "instability_of_few", "among as many as filters"),
        (FILTERS, "location_instability", "filters"), (CENTRE, "location_instability", "centre"),
    ]  # fmt: skip
    return GraphCard(
        link=link, class_name=own.class_name, drawing=drawing, num_nodes=own.graph.num_nodes,
        figures=[
            (name, f"{own.rows[kind][key]:.3f}") for kind, key, name in told if key in own.rows.get(kind, {})
        ],
    )  # fmt: skip


def _class_page(found: GraphsOfRun, own: ClassGraph, fields: dict[str, LayerFields]) -> GraphClassPage:
    test = pictures_of(found.splits.test, own.class_index)
    examples = test if len(test) else pictures_of(found.splits.train, own.class_index)
    pictures = GraphPictures(found.subject, own, examples, fields)
    columns, lines = figure_lines(own.rows)
    return GraphClassPage(
        run=str(found.run.folder), version=whynet.__version__, report=link_to_report(found.run, "../../"),
        class_name=own.class_name, layers=list(own.layers), counts=[layer.num_nodes for layer in own.graph.layers],
        num_train=own.pictures["train"], shown_from="test" if len(test) else "training",
        drawing=pictures.drawing(drawn_nodes(own)), figures=figures(own.rows),
        table=GraphTable(columns=columns, lines=lines), reading=READING, chosen=bool(own.chosen),
        drawn=how_drawn(own),
        lineages=[lineage for node in own.surest if (lineage := _lineage(own, pictures, node)).node.patches],
        settings=[(name.replace("_", " "), _written(value)) for name, value in own.settings.items()],
    )  # fmt: skip


def _written(value: object) -> str:
    return "by layer" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def drawn_nodes(own: ClassGraph) -> list[int]:
    """The nodes that are drawn: those that hit a part most often, a few a part; without parts the surest."""
    if "hits" not in own.nodes:
        return own.surest[:NUM_DRAWN]
    hits, parts = own.nodes["hits"], own.nodes["part"]
    counts: Counter[str] = Counter()
    found: list[int] = []
    for node in sorted(range(own.graph.num_nodes), key=lambda node: -(hits[node] or 0)):
        if parts[node] is not None and counts[parts[node]] < NUM_OF_PART and len(found) < NUM_DRAWN:
            counts[parts[node]] += 1
            found.append(node)
    return found or own.surest[:NUM_DRAWN]


def how_drawn(own: ClassGraph) -> str:
    """What `drawn_nodes` go by, as the end of a sentence on "the nodes that"."""
    if any(part is not None for part in own.nodes.get("part", ())):
        return f"lie on a part most often in the test pictures, by which they are picked, at most {NUM_OF_PART} a part"
    return "wander least on the training pictures" if own.chosen else "move most as their parents tell"


def _lineage(own: ClassGraph, pictures: GraphPictures, node: int) -> Lineage:
    rows = pictures.rows(node)

    def shown(number: int, told: str) -> NodeRow:
        layer, _ = own.graph.locate(number)
        return NodeRow(
            node=number, title=pictures.label(number), told=told, level=own.layers.index(layer.name),
            patches=[pictures.patch(number, row) for row in rows],
        )  # fmt: skip

    edges = own.graph.parents_of(node)[:NUM_PARENTS]
    return Lineage(
        node=shown(node, _told(own, node)),
        parents=[shown(edge.parent, spaced(f"tells {edge.weight:.0%} of where to look")) for edge in edges],
    )


def _told(own: ClassGraph, node: int) -> str:
    def of(name: str) -> object:
        return own.nodes[name][node] if name in own.nodes else None

    said = []
    if (wanders := of("location_instability")) is not None:
        said.append(f"wanders by {wanders:.3f} of the diagonal")
    if (part := of("part")) is not None:
        share = spaced(f"{of('hits'):.0%}")
        said.append(f"lies on the {part} in {share} of the pictures")
    if own.nodes["told"][node]:
        said.append(spaced(f"its parents tell {own.nodes['told'][node]:.0%} of its movement"))
    return ", ".join(said)
