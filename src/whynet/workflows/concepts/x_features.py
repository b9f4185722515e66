"""X-features of one class, whoever made them: what they add to the logit, and their heat maps.

Those of an explanation module are its encoder's outputs. Those that Lasso chooses are entries of Z themselves. Both are
shown and measured in the same way.
"""

from copy import deepcopy
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whynet.attribution.x_features import x_feature_maps
from whynet.models.srae import ExplanationModule
from whynet.models.subject import device_of
from whynet.workflows.concepts.readings import ExplainedLayer, Readings


@dataclass(frozen=True, kw_only=True, eq=False)
class XFeatures:
    """The x-features of one class.

    Args:
        class_index: Whose logit they explain.
        encoder: Makes them of Z; None takes entries of Z.
        units: Which of the encoder's outputs, or which entries of Z.
        weights: v, of each.
        bias: Of the prediction.
    """

    class_index: int
    encoder: nn.Module | None
    units: tuple[int, ...]
    weights: Float[Tensor, " features"]
    bias: float

    @classmethod
    def of_module(cls, module: ExplanationModule, class_index: int) -> "XFeatures":
        """All x-features of a module."""
        return cls(
            class_index=class_index,
            encoder=module.encoder,
            units=tuple(range(module.num_features)),
            weights=module.readout.weight[0].detach(),
            bias=module.bias,
        )

    @torch.no_grad()
    def values(self, activations: Float[Tensor, "batch entries"]) -> Float[Tensor, "batch features"]:
        """E_n of each picture."""
        features: Tensor = activations if self.encoder is None else self.encoder(activations)
        return features[:, list(self.units)]

    def contributions(self, activations: Float[Tensor, "batch entries"]) -> Float[Tensor, "batch features"]:
        """v_n E_n of each picture, in units of the logit."""
        return self.values(activations) * self.weights

    def predictions(self, activations: Float[Tensor, "batch entries"]) -> Float[Tensor, " batch"]:
        """The logit that they add up to, with the bias."""
        total: Tensor = self.contributions(activations).sum(1) + self.bias
        return total

    def encoder_on(self, device: torch.device) -> nn.Module | None:
        """The encoder where the network is; a copy, since that of readings stays on the CPU with them."""
        if self.encoder is None or device_of(self.encoder) == device:
            return self.encoder
        return deepcopy(self.encoder).to(device)

    def maps(
        self, explained: ExplainedLayer, readings: Readings, rows: list[int]
    ) -> Float[Tensor, "batch features rows columns"]:
        """The c-MWP of each x-feature in some pictures, on the CPU."""
        encoder = self.encoder_on(explained.subject.device)
        return torch.cat(
            [
                x_feature_maps(
                    explained.subject, images, layer=explained.layer, map_layer=explained.map_layer,
                    encoder=encoder, units=self.units,
                ).cpu()
                for images in explained.batches(readings.examples, rows)
            ]
        )  # fmt: skip
