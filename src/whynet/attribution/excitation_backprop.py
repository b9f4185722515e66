"""Excitation backprop: how probable it is that each position let the unit win.

Zhang, Lin, Brandt, Shen & Sclaroff, "Top-down Neural Attention by Excitation Backprop", ECCV 2016, arXiv:1608.00507,
equations 3 to 5. The marginal winning probability (MWP) of a_j is

    P(a_j) = sum_i P(a_j | a_i) P(a_i),   P(a_j | a_i) = a_j w_ji+ / sum_j a_j w_ji+

from the unit that is explained down to the layer of the map; the map is its sum over the channels, and adds up to 1.
The contrastive map (c-MWP, section 3.3) is the MWP of the unit minus that of its dual, the same unit with negated
weights; they are subtracted one layer below the unit, the signed difference is passed on (the rule is linear), channels
are summed, and what is negative in the end becomes 0. The rules of the operations are `excitation_rules`.

Differs from the paper: activations may be signed (first layers, DenseNet); a probability is then shared in proportion
to (a_j w_ji)+, which is the paper's rule where activations are not negative and adds up to 1 all the same. Batch norm
is folded into the operation before it, so a map asked for at that operation's output is one at the batch norm's output.
"""

import warnings
from functools import partial

from jaxtyping import Float
from torch import Tensor

from whynet.attribution.conservation import Conservation
from whynet.attribution.excitation_mode import refuse_foreign, top_linear
from whynet.attribution.excitation_rules import excitation_rules
from whynet.attribution.passage import channel_axis, network_of, run
from whynet.attribution.signal import Model, Target, Units, check_question, read_back
from whynet.base.errors import SettingError

_ALONE = 1e-6


def excitation_backprop(
    model: Model,
    images: Tensor,
    target: Target = None,
    *,
    layer: str | None = None,
    source: str | None = None,
    units: Units = None,
    contrastive: bool = False,
    check: bool = False,
) -> Float[Tensor, "batch ..."]:
    """The marginal winning probability at each position of a layer; arguments and errors as `gradient.gradients`.

    Args:
        model: See there, as for the next five.
        images: Preprocessed.
        target: A function must rise with the logits it looks at; its weights are brought to a sum of 1.
        layer: Best a layer whose activations are not negative.
        source: The module whose units are explained.
        units: Of the source.
        contrastive: Whether the dual unit's probability is subtracted; what is explained must come from a linear
            operation, with nothing but rectifiers and batch norms behind it.
        check: Whether the probability is summed at each operation on its way: a leak is then an error that names the
            operation, and a warning says where probability stopped since units fire through a bias alone. Slower.

    Returns:
        (batch, rows, columns), at least 0, summed over channels, adding up to 1 (contrastive: between 0 and 1); with
        units (batch, units, rows, columns). A layer of vectors gives (batch, entries).

    Raises:
        SubjectError: Also where an operation on the way has no rule.
    """
    check_question(target, source, units)
    network = network_of(model)
    conservation = Conservation() if check else None
    rules = excitation_rules(network, many=units is not None and len(units) > 1, conservation=conservation)
    passage = run(network, images, rules, layer=layer, source=source)
    refuse_foreign(passage.output)
    if contrastive:
        top_linear(passage.output).contrastive = True
    found = read_back(passage, target, units, partial(_map, signed=contrastive, told=check), prepare=_probabilities)
    if conservation is not None:
        conservation.report(len(images) * (1 if units is None else len(units)))
    return found


def _probabilities(signal: Tensor) -> Tensor:
    if bool((signal < 0).any()):
        raise SettingError("excitation backprop explains what rises with the logits; the target falls with one of them")
    return signal / signal.flatten(1).sum(1).clamp(min=1e-12).view(-1, *[1] * (signal.ndim - 1))


def _map(found: Tensor, *, signed: bool, told: bool) -> Tensor:
    summed = found.sum(channel_axis(found.ndim)) if found.ndim > 2 else found
    if signed:
        return summed.clamp(min=0)
    if told:  # with the operation at which it stopped
        return summed
    alone = summed.flatten(1).sum(1) < _ALONE
    if bool(alone.any()):
        warnings.warn(
            f"no input contributed to what is explained in {int(alone.sum())} of {len(alone)} images (it fires through "
            "a bias alone, or not at all): their maps are 0",
            stacklevel=4,
        )
    return summed
