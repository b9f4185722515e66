"""`whynet reproduce`: the tables of the papers, with seeds, spread, floors and paired tests."""

from whynet.workflows.reproduce.interpnet import reproduce_interpnet

__all__ = ["reproduce_interpnet"]
