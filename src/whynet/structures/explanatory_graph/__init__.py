"""The explanatory graph: part patterns mixed within filters, told apart, and which of them move together.

    graph = fit_explanatory_graph(subject, ["layer3", "layer4"], images)
    nodes = graph.infer(subject, images)

Zhang, Cao, Shi, Wu & Zhu, "Interpreting CNN Knowledge via an Explanatory Graph", AAAI 2018, arXiv:1708.01785. A filter
of a high layer fires for several parts of an object. The graph has nodes for each filter of some layers, one for each
part pattern that it fires for; a node's parents are nodes of the layer above, from whose places in an image its own
can be told. A map is a cloud of activation units, F(x) of them at position p_x, drawn from a mixture of its filter's
nodes V and of noise (`expectation`); a node's distribution is the product of what its parents say
(`gaussian_product`); layer after layer, from the top down, the nodes are learned by expectation maximisation
(`maximisation`).

The paper was not at hand: "our reading" is what we took it to say, "differs" where we knew better.
"""

from whynet.structures.explanatory_graph.fitting import fit_explanatory_graph
from whynet.structures.explanatory_graph.graph import Edge, ExplanatoryGraph
from whynet.structures.explanatory_graph.inference import NodePositions
from whynet.structures.explanatory_graph.layer import GraphLayer
from whynet.structures.graph_settings import GraphSettings

__all__ = ["Edge", "ExplanatoryGraph", "GraphLayer", "GraphSettings", "NodePositions", "fit_explanatory_graph"]
