"""Fitting the decision tree of a class."""

from collections.abc import Sequence

import numpy as np
import torch

from whynet.base.errors import SettingError
from whynet.base.types import ImageBatches
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.structures.decision_tree.growth import grow
from whynet.structures.decision_tree.readings import read_for_fitting
from whynet.structures.decision_tree.tree import DecisionTree
from whynet.structures.tree_settings import TreeSettings


def fit_decision_tree(
    subject: Subject,
    layer: str,
    images: ImageBatches,
    target: int,
    *,
    settings: TreeSettings | None = None,
    names: Sequence[str] | None = None,
) -> DecisionTree:
    """The modes in which a network decides for a class, as a tree.

    Args:
        subject: Any classifier; it is left as it was.
        layer: Of maps, the top convolution best; its filters are what the tree speaks of.
        images: Preprocessed, of the class; batches of them, where they are many. Those that the network puts into
            another class are left out, since there is no decision to explain.
        target: The class.
        settings: How the tree grows.
        names: Of the images; their numbers, if None.

    Raises:
        SettingError: There is no image or class, or not one name for each image.
        UnrecognisedError: The network puts none of the images into the class.
        SubjectError: The layer has no maps, the logit does not depend on it, or a value is not finite.
    """
    settings = settings or TreeSettings()
    found = read_for_fitting(subject, layer, images, target, settings.pooling)
    names = [str(row) for row in range(found.num_images)] if names is None else names
    if len(names) != found.num_images:
        raise SettingError(f"one name for each of {found.num_images} images was expected, not {len(names)}")
    readings = found.readings
    grown = grow(readings.activations.numpy(), readings.gradients.numpy(), readings.outputs.numpy(), settings)
    fits = [node.fit for node in grown.nodes]
    return DecisionTree(
        layer=layer, class_index=target, class_name=subject.class_names[target], settings=settings, scales=found.scales,
        directions=torch.from_numpy(np.stack([fit.direction for fit in fits])),
        weights=torch.from_numpy(np.stack([fit.weights for fit in fits])),
        biases=torch.tensor([fit.bias for fit in fits], dtype=torch.double),
        children=(*(node.children for node in grown.nodes), tuple(sorted(grown.top))),
        image_names=tuple(names[row] for row in found.rows), network=weights_fingerprint(subject.network),
    )  # fmt: skip
