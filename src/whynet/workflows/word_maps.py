"""Where in a picture each word of its sentence comes from: gradient times activation at a layer of maps.

The grounding of a word (`models.grounding`) ends at r(x). Here the gradient of its log-probability goes on through the
network to the maps A of a layer, and at each position

    G_t[i, j] = sum_c A_c[i, j] * d log P(w_t | w_<t, r(x)) / d A_c[i, j]        in nats

It is positive where the position speaks for the word. Like the grounding it is exact to first order alone: where the
explainer looked, not what would happen without it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whynet.attribution.last_convolution import last_convolutional_layer
from whynet.attribution.passage import listening
from whynet.base.errors import SubjectError
from whynet.base.tokens import PADDING
from whynet.base.types import Images, Picture
from whynet.data.function_words import is_content_word
from whynet.models.grounding import word_log_probabilities
from whynet.models.subject import evaluating, logits_of
from whynet.workflows.explainer import Explainer, Sentence


def word_maps(
    explainer: Explainer, picture: Picture, sentence: Sentence, *, layer: str | None = None
) -> Float[Tensor, "words rows columns"]:
    """A map for each word of a sentence that the explainer wrote of a picture.

    Args:
        explainer: It writes sentences.
        picture: That the sentence is about.
        sentence: As `Explainer.sentences` gave it.
        layer: At whose output the maps lie; None: the network's last convolutional layer.

    Returns:
        Signed, in nats, on the CPU; zeros for words such as "a" and "with".

    Raises:
        SubjectError: The layer does not exist, has no maps, or the network has no convolution.
    """
    subject = explainer.subject
    images = subject.preprocess([picture]).to(subject.device)
    found = last_convolutional_layer(subject, images) if layer is None else layer
    with evaluating(subject.network), torch.enable_grad():
        maps, readings = _readings(explainer, images, found)
        ids = explainer.ids([sentence])
        log_p = word_log_probabilities(explainer.interpnet, readings.to(explainer.device), ids)[0]
        told = torch.zeros(len(sentence.words), *maps.shape[2:])
        places = [place for place, word in enumerate(ids[0].tolist()) if word != PADDING]
        for place, word in zip(places, sentence.words, strict=True):
            if is_content_word(word.text):
                (slope,) = torch.autograd.grad(log_p[place], maps, retain_graph=True, allow_unused=True)
                if slope is not None:
                    told[place] = (slope * maps).sum(1)[0].detach().float().cpu()
    return told


def _readings(explainer: Explainer, images: Images, layer: str) -> tuple[Tensor, Tensor]:
    """The maps, and what the explainer sees as a function of them."""
    introspection, subject = explainer.introspection, explainer.subject
    maps: list[Tensor] = []
    vectors: dict[str, Tensor] = {}

    def begin(output: Any) -> Tensor:
        if not isinstance(output, Tensor) or output.ndim != 4:
            raise SubjectError(f"layer {layer!r} returns no maps (channels, rows, columns); name a convolution")
        maps.append(output.detach().requires_grad_())
        return maps[-1].clone()  # the network may change its maps in place, which a leaf forbids

    def read(name: str, output: Any) -> None:
        vectors[name] = introspection.vectors(name, output, images)

    hooks: list[tuple[nn.Module, Callable[[Any], Any]]] = [(subject.layer(layer), begin)]
    hooks += [(subject.layer(name), partial(read, name)) for name in introspection.layers]
    with listening(hooks):
        output = subject.network(images)
    if len(maps) != 1:
        raise SubjectError(f"layer {layer!r} ran {len(maps)} times in the forward pass; name one that runs once")
    logits = logits_of(output)
    assert isinstance(logits, Tensor)  # the explainer has read it before
    parts = [vectors[name] for name in introspection.layers]
    if introspection.probabilities:
        parts.append(logits.softmax(1))
    return maps[0], explainer.conditioned(torch.cat([part.float() for part in parts], 1), logits)
