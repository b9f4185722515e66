"""Decision trees of a CNN: the modes in which it decides for a class, from rough to exact.

tree = fit_decision_tree(subject, "features.11", images, target=3)
path = tree.parse(subject, images[:1])[0]
path.predictions, path.contributions   # at each node of the path, from rough to exact
"""

from whynet.structures.decision_tree.fidelity import LEVELS, Fidelity, fidelity, reads_monotone
from whynet.structures.decision_tree.fitting import fit_decision_tree
from whynet.structures.decision_tree.tree import DecisionTree, ParsePath
from whynet.structures.tree_settings import TreeSettings

__all__ = [
    "LEVELS",
    "DecisionTree",
    "Fidelity",
    "ParsePath",
    "TreeSettings",
    "fidelity",
    "fit_decision_tree",
    "reads_monotone",
]
