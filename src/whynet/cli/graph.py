"""`whynet graph`: an explanatory graph for each class: which patterns its filters mix, and what moves with what."""

from typing import Annotated, Any

import typer

from whynet.cli.console import Answer
from whynet.cli.options import Allow, Json, RunFolder, SkipBad
from whynet.cli.settings_options import Group, with_settings
from whynet.structures.graph_settings import GraphSettings
from whynet.workflows.graph.request import GraphRequest, PlaceSettings

NetworkDevice = Annotated[
    str,
    typer.Option(
        help="Where the network runs: cpu, cuda, cuda:1, mps, or auto for the best there is; graphs are fitted on the "
        "CPU, from its maps."
    ),
]


@with_settings(
    where=Group(settings=PlaceSettings, title="What is explained"), graph=Group(settings=GraphSettings, title="Graph")
)
def graph(
    where: dict[str, Any],
    graph: dict[str, Any],
    run: RunFolder,
    skip_bad: SkipBad = False,
    subject: Allow = None,
    device: NetworkDevice = "auto",
    json: Json = None,
) -> None:
    """Tell apart the part patterns that each filter mixes, and find which of them move together, class by class.

    Each class has a graph in the run, graph/NUMBER-CLASS/, also as GraphML, and a page; graph.html shows all of them.
    Where parts of the test pictures are known, its nodes are held against filters and points that never move.

    What is complete is kept: broken off and given again, it goes on where it stopped. Graphs of other classes stay
    where they are of the same layers, settings and weights, and are removed where not.

    **Example:** `whynet graph runs/demo --classes 0,1`
    """
    from whynet.workflows.graph.finding import graphs_of_run
    from whynet.workflows.graph.tables import READING, figure_lines, mean_rows, summary_lines
    from whynet.workflows.report import report_graphs

    answer = Answer(json)
    request = GraphRequest(where=PlaceSettings(**where), graph=GraphSettings(**graph))
    found = graphs_of_run(run, request, skip_bad=skip_bad, allow=subject, device=device)
    page = report_graphs(found, skip_bad=skip_bad)
    nodes = sum(own.graph.num_nodes for own in found.graphs)
    classes = "1 class" if len(found.graphs) == 1 else f"{len(found.graphs)} classes"
    answer.say(f"{nodes} nodes in {classes}, of {', '.join(found.graphs[0].layers)}")
    rows = mean_rows([own.rows for own in found.graphs if own.rows])
    if rows:
        answer.figures("Nodes and what they are held against, mean over classes", *figure_lines(rows), reading=READING)
        for line in summary_lines(rows):
            answer.say(line)
    else:
        answer.say("Nothing was measured: the test pictures have no parts that are known.")
    answer.say(f"\nPictures: {page}\nGraphs:   {run / 'graph'}")
    answer.give(
        {
            "page": str(page),
            "classes": [
                {
                    "class": own.class_name, "layers": list(own.layers), "nodes": own.graph.num_nodes,
                    "pictures": own.pictures, "rows": own.rows,
                }
                for own in found.graphs
            ],
        }
    )  # fmt: skip
