"""The graphs of a run: one folder a class, each whole or not there.

graph/<number>-<class>/  graph.json, graph.safetensors (the graph), graph.graphml, figures.json (what was measured)
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from whynet.base.errors import RunError, StorageError
from whynet.base.files import write_json_atomically
from whynet.structures.explanatory_graph.graph import ExplanatoryGraph
from whynet.structures.explanatory_graph.saving import DESCRIPTION, NUMBERS
from whynet.workflows.class_folders import class_folder
from whynet.workflows.graph.figures import FIGURES, FORMAT, Figures, read_figures
from whynet.workflows.run import GRAPH, Run

GRAPHML, PAGE = "graph.graphml", "page.html"
FILES = (DESCRIPTION, NUMBERS, GRAPHML, FIGURES, PAGE)
"""All that the folder of a class holds; the page is made last."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassGraph(Figures):
    """The graph of one class, and what was measured of it.

    Args:
        graph: The graph; all else is what figures.json holds of it.
    """

    graph: ExplanatoryGraph

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of its layers, bottom to top."""
        return tuple(layer.name for layer in self.graph.layers)


def save_graph(run: Run, own: ClassGraph) -> None:
    """Write the graph of a class; raises `StorageError` if that cannot be done, and leaves nothing half-written."""
    folder = class_folder(run, GRAPH, own.class_index, own.class_name)
    figures = {
        "format": FORMAT, "class_index": own.class_index, "class": own.class_name, "pictures": own.pictures,
        "data": own.data, "rows": own.rows, "chosen": own.chosen, "surest": own.surest, "nodes": own.nodes,
        "settings": own.settings,
    }  # fmt: skip
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
            made = Path(temporary) / "made"
            own.graph.save(made)
            own.graph.write_graphml(made / GRAPHML)
            write_json_atomically(made / FIGURES, figures)
            if folder.exists():
                folder.replace(Path(temporary) / "old")
            made.replace(folder)
    except OSError as error:
        raise StorageError(f"cannot write {folder} ({error}); free space or choose another folder") from error


def saved_graphs(run: Run) -> list[Path]:
    """The folders of the classes that have a graph, in the order of the classes."""
    folders = (path.parent for path in (run.folder / GRAPH).glob(f"*/{FIGURES}"))
    return sorted(folder for folder in folders if not folder.name.startswith("."))


def load_class_graph(folder: Path, network: str) -> ClassGraph:
    """The graph of a class.

    Args:
        folder: Of `saved_graphs`.
        network: `weights_fingerprint` of the network that it shall explain.

    Raises:
        RunError: A file is absent or damaged, or the graph is of another network.
    """
    graph = ExplanatoryGraph.load(folder)
    if graph.network != network:
        raise RunError(
            f"{folder} was made for another network: its weights differ; fit the graph anew with `whynet graph`"
        )
    own = read_figures(folder)
    if len(own.nodes["told"]) != graph.num_nodes or max((*own.chosen, *own.surest), default=-1) >= graph.num_nodes:
        raise RunError(
            f"{folder / FIGURES} does not describe a graph (it is of other nodes than the {graph.num_nodes} beside "
            "it); fit it anew with `whynet graph`"
        )
    return ClassGraph(graph=graph, **vars(own))
