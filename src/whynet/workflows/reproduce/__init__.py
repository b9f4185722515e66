"""`whynet reproduce`: the tables of the papers, with seeds, spread, floors and paired tests."""

from whynet.workflows.reproduce.graph import reproduce_graph
from whynet.workflows.reproduce.icnn import reproduce_icnn
from whynet.workflows.reproduce.interpnet import reproduce_interpnet
from whynet.workflows.reproduce.srae import reproduce_srae

__all__ = ["reproduce_graph", "reproduce_icnn", "reproduce_interpnet", "reproduce_srae"]
