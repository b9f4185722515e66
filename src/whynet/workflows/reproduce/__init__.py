"""`whynet reproduce`: the tables of the papers, with seeds, spread, floors and paired tests."""

from whynet.workflows.reproduce.graph import reproduce_graph
from whynet.workflows.reproduce.icnn import reproduce_icnn
from whynet.workflows.reproduce.interpnet import reproduce_interpnet
from whynet.workflows.reproduce.srae import reproduce_srae
from whynet.workflows.reproduce.tree import reproduce_tree

__all__ = ["reproduce_graph", "reproduce_icnn", "reproduce_interpnet", "reproduce_srae", "reproduce_tree"]
