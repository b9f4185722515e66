"""Grounded words: which entries of r(x), and so which layers and units, a written word came from.

Gradient times input of each word's log-probability, teacher-forced over the sentence that was written (Shrikumar et
al., "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences", 2016,
arXiv:1605.01713; and "Learning Important Features Through Propagating Activation Differences", ICML 2017,
arXiv:1704.02685):

    g_t,i = r_i * d log P(w_t | w_<t, r(x)) / d r_i
    layer = sum of g_t,i over the layer's entries i          (signed, in nats)
    share = sum of |g_t,i| over the layer's entries / sum of |g_t,i| over all entries

r(x) is taken as the subject gives it, before InterpNET's standardisation, which is an affine map inside the graph; an
entry that was constant there has no slope and gets 0. The reference is r(x) = 0: nothing fired.

This is a first-order figure. It is exact where log P is linear in r(x), which it is not: it says where the decoder
looked, not what would happen without it. The causal check of `workflows.grounding` is what tests it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from whynet.base.errors import SettingError
from whynet.base.tokens import PADDING, START
from whynet.base.types import Reading, TokenIds
from whynet.models.interpnet import InterpNET
from whynet.models.introspection import Segments
from whynet.models.subject import evaluating


@dataclass(frozen=True, kw_only=True, eq=False)
class GroundedIds:
    """Where the words of some sentences came from; all is 0 at the padding.

    Args:
        log_probabilities: Of each word given the words before it, in nats.
        contributions: g of each entry of r(x), in nats.
        layers: The sum of g over each segment, in nats; positive where it spoke for the word.
        shares: Each segment's share of the sum of |g|, in [0, 1]; all 0 for a word that hangs on no entry.
    """

    log_probabilities: Float[Tensor, "batch time"]
    contributions: Float[Tensor, "batch time reading"]
    layers: Float[Tensor, "batch time segments"]
    shares: Float[Tensor, "batch time segments"]


def ground_words(interpnet: InterpNET, readings: Reading, ids: TokenIds, segments: Segments) -> GroundedIds:
    """Trace each word back to r(x): one forward pass, and one backward pass for each place in the sentence.

    No gradient is left behind in the parameters, and the mode is restored.

    Args:
        interpnet: The decoder that wrote the sentences.
        readings: r(x) of each image, on the decoder's device.
        ids: The sentences as `InterpNET.write` returns them: without START, padded with PADDING.
        segments: What r(x) consists of.

    Raises:
        SettingError: The segments do not add up to the length of r(x).
    """
    sizes = [size for _, size in segments]
    if sum(sizes) != readings.shape[1]:
        raise SettingError(
            f"segments of {readings.shape[1]} entries in all were expected, one for each of r(x), not of "
            f"{' + '.join(map(str, sizes))} = {sum(sizes)}; name the layers that were read"
        )
    leaf = readings.detach().requires_grad_()
    with _without_cudnn(interpnet), torch.enable_grad():
        log_p = _log_probabilities(interpnet, leaf, ids)  # (B, T)
        last = ids.shape[1] - 1
        slopes = [torch.autograd.grad(log_p[:, t].sum(), leaf, retain_graph=t < last)[0] for t in range(last + 1)]
    contributions = torch.stack(slopes, 1) * readings.detach()[:, None]  # (B, T, R)
    parts = contributions.tensor_split(torch.tensor(sizes).cumsum(0)[:-1], 2)
    layers = torch.stack([part.sum(2) for part in parts], 2)  # (B, T, S)
    weights = torch.stack([part.abs().sum(2) for part in parts], 2)
    total = weights.sum(2, keepdim=True)
    return GroundedIds(
        log_probabilities=log_p.detach(),
        contributions=contributions,
        layers=layers,
        shares=weights / torch.where(total > 0, total, 1),
    )


def word_log_probabilities(interpnet: InterpNET, readings: Reading, ids: TokenIds) -> Float[Tensor, "batch time"]:
    """The log-probability of each word of given sentences, given the words before it, in nats; 0 at the padding.

    Gradients flow to r(x).

    Args:
        interpnet: The decoder; its mode is restored.
        readings: r(x) of each image, on the decoder's device.
        ids: A sentence for each, as `InterpNET.write` returns them.
    """
    with _without_cudnn(interpnet):
        return _log_probabilities(interpnet, readings, ids)


def strongest_units(
    contributions: Float[Tensor, " reading"], segments: Segments, count: int
) -> list[tuple[str, int, float]]:
    """The entries of r(x) that one word hangs on most.

    Args:
        contributions: g of one word.
        segments: What r(x) consists of.
        count: Most units to return, at least 1.

    Returns:
        Layer, index within the layer and g in nats, the largest |g| first; entries with g = 0 are left out.
    """
    names = [(name, unit) for name, size in segments for unit in range(size)]
    chosen: Int[Tensor, " chosen"] = contributions.abs().topk(min(count, len(contributions))).indices
    return [(*names[index], float(contributions[index])) for index in chosen.tolist() if contributions[index] != 0]


def _log_probabilities(interpnet: InterpNET, readings: Tensor, ids: TokenIds) -> Tensor:
    # Not `forward`, which stops the gradient at r(x).
    scores = interpnet.decoder(interpnet.scaled(readings), F.pad(ids[:, :-1], (1, 0), value=START))  # (B, T, V)
    log_p: Tensor = scores.log_softmax(2).gather(2, ids[..., None])[..., 0]
    return log_p.masked_fill(ids == PADDING, 0)


@contextmanager
def _without_cudnn(interpnet: InterpNET) -> Iterator[None]:
    """Evaluation mode, without cuDNN, whose LSTMs have a gradient in training mode alone."""
    with evaluating(interpnet), torch.backends.cudnn.flags(enabled=False):
        yield
