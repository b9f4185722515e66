"""The gradient of what is explained, under the backward rules of a method: saliency, deconvnet, guided backprop."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from whynet.attribution.backward_rules import Rule
from whynet.attribution.passage import network_of, run
from whynet.attribution.rectifiers import RectifierMode
from whynet.attribution.signal import Model, Target, Units, check_question, read_back


def gradients(
    model: Model,
    images: Tensor,
    target: Target,
    *,
    layer: str | None,
    source: str | None,
    units: Units,
    rules: Mapping[Callable[..., Any], Rule],
) -> Tensor:
    """The signal at the layer; with units, one for each of them along axis 1.

    Args:
        model: Any classifier; it is run in evaluation mode and left as it was.
        images: Preprocessed.
        target: A class, one class an image, or a function of the logits; None where units are given.
        layer: The module at whose output the signal is read, which must run once; None reads it at the input.
        source: The module whose units are explained, the first time it runs; None explains the logits.
        units: Of the source (of the logits, where it is None): a channel, which stands for its strongest position in
            each image, or (channel, row, column).
        rules: The backward rules of the method.

    Raises:
        SettingError: The images, the target or the units cannot be used.
        SubjectError: A layer does not exist, did not run, or leads nowhere.
    """
    check_question(target, source, units)
    network = network_of(model)
    mode = RectifierMode(rules, network)
    passage = run(network, images, mode, layer=layer, source=source)
    if rules and source is None and not mode.num_rectifiers:
        warnings.warn("no rectifier was recognised in the network, so this is the plain gradient", stacklevel=3)
    return read_back(passage, target, units, lambda found: found)
