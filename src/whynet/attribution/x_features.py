"""Heat maps of x-features: from an explanation module through its encoder, down the network that it explains.

Qi & Li 2017, arXiv:1709.05360, section 2.4: the contrastive marginal winning probability (`excitation_backprop`) of
each x-feature. The encoder's last layer is the top; its hidden layers are rectified, so nothing below it is negative
if Z is not. Where Z is signed, a probability goes in proportion to the positive contributions, as everywhere.
"""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from whynet.attribution.excitation_backprop import excitation_backprop
from whynet.attribution.passage import Reached, listening
from whynet.base.errors import SubjectError
from whynet.base.types import Images
from whynet.models.introspection import Introspection
from whynet.models.subject import Subject


class ReadOut(nn.Module):
    """A network up to one layer, and what is read off it there.

    Args:
        subject: The network.
        layer: Z, by its dotted name.
        encoder: What is done with Z, one vector an image; None returns Z itself.
    """

    def __init__(self, subject: Subject, layer: str, encoder: nn.Module | None) -> None:
        super().__init__()
        self.network = subject.network
        self.encoder = encoder
        self._introspection = Introspection(subject, (layer,), probabilities=False)
        self._z = subject.layer(layer)

    def forward(self, images: Images) -> Float[Tensor, "batch features"]:
        """The x-features, or Z, of a batch."""
        caught: list[Any] = []

        def at_z(output: Any) -> None:
            caught.append(output)
            raise Reached

        with listening([(self._z, at_z)]):
            self.network(images)
        (layer,) = self._introspection.layers
        if not caught:
            raise SubjectError(f"layer {layer!r} did not run in the forward pass; name one that does")
        vectors: Tensor = self._introspection.vectors(layer, caught[0], images)
        return vectors if self.encoder is None else self.encoder(vectors)


def x_feature_maps(
    subject: Subject,
    images: Images,
    *,
    layer: str,
    map_layer: str,
    encoder: nn.Module | None,
    units: Sequence[int],
    contrastive: bool = True,
) -> Float[Tensor, "batch units rows columns"]:
    """One map for each of several x-features, from one forward pass.

    Args:
        subject: The network.
        images: Preprocessed.
        layer: Z, that the module reads.
        map_layer: At whose output the maps lie; it runs before Z.
        encoder: Of an `ExplanationModule`; None explains the entries of Z themselves.
        units: Which x-features, or entries of Z.
        contrastive: Whether the dual unit's probability is subtracted (c-MWP), as in the paper.

    Returns:
        At least 0; a map that no evidence reached is 0.

    Raises:
        SubjectError: A layer does not exist or did not run, or an operation on the way has no rule.
        SettingError: The images or the units cannot be used.
    """
    network = ReadOut(subject, layer, encoder)
    return excitation_backprop(
        network, images, layer=f"network.{map_layer}", units=list(units), contrastive=contrastive
    )
