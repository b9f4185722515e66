"""Many explanation modules as one computation: a real classifier has 200 classes, and each logit has its own module.

The weights of K modules of the same sizes lie one behind the other, K first; `torch.func` runs one module's code on all
of them. What one module computes does not depend on the others.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from whynet.base.errors import SettingError
from whynet.models.srae import ExplanationModule


class ModuleStack(nn.Module):
    """K explanation modules of the same sizes.

    Args:
        modules: Copied; they stay as they are.

    Raises:
        SettingError: There is none, or their sizes differ.
    """

    def __init__(self, modules: Sequence[ExplanationModule]) -> None:
        super().__init__()
        sizes = {(module.input_size, module.num_features, module.hidden, module.mirrored) for module in modules}
        if len(sizes) != 1:
            raise SettingError(f"modules of one size were expected, not of {len(sizes)} sizes; stack each size alone")
        self._one = [modules[0]]  # in a list, so that its own weights are none of this network's
        stacked, _ = stack_module_state(list(modules))
        self.names = list(stacked)
        self.weights = nn.ParameterList([nn.Parameter(stacked[name].detach().clone()) for name in self.names])

    def __len__(self) -> int:
        return len(self.weights[0])

    def encode(self, activations: Float[Tensor, "batch entries"]) -> Float[Tensor, "modules batch features"]:
        """The x-features of all modules.

        The first layer reads the same in all of them, so it is one matrix product and not one a module; its sizes are
        the largest, and with them most of the arithmetic.
        """
        weight, bias = self._weight("encoder.0.weight"), self._weight("encoder.0.bias")  # (K, H, S), (K, H)
        first = torch.addmm(bias.flatten(), activations, weight.flatten(0, 1).T)
        return self._run("encoder", first.view(-1, *bias.shape).transpose(0, 1), start=1)

    def predict(self, features: Float[Tensor, "modules batch features"]) -> Float[Tensor, "modules batch"]:
        """The logits that they predict."""
        return self._run("readout", features)[..., 0]

    def decoder_basis(self, features: Float[Tensor, "modules batch features"]) -> Float[Tensor, "modules batch basis"]:
        """What the decoder's last layer is linear in, and a 1 for its bias."""
        layers = len(list(self._one[0].decoder))
        basis = self._run("decoder", features, stop=layers - 1)
        return torch.cat([basis, basis.new_ones(*basis.shape[:2], 1)], 2)

    def decoder_weights(self) -> Float[Tensor, "modules basis entries"]:
        """The decoder's last layer: what each entry of the basis adds to each entry of Z."""
        last = len(list(self._one[0].decoder)) - 1
        weight, bias = (self._weight(f"decoder.{last}.{kind}") for kind in ("weight", "bias"))
        return torch.cat([weight.transpose(1, 2), bias[:, None]], 1)

    def squared_weights(self) -> Float[Tensor, " modules"]:
        """The sum of each module's squared weights, its biases left out."""
        squares = [
            weight.square().flatten(1).sum(1)
            for name, weight in zip(self.names, self.weights, strict=True)
            if name.endswith("weight")
        ]
        return torch.stack(squares).sum(0)

    @torch.no_grad()
    def unstacked(self) -> list[ExplanationModule]:
        """The modules, each with its own copy of the weights, on the CPU."""
        one = self._one[0]
        found = []
        for place in range(len(self)):
            module = ExplanationModule(
                one.input_size, num_features=one.num_features, hidden=one.hidden, mirrored=one.mirrored
            )
            module.load_state_dict(
                {name: weight[place].cpu() for name, weight in zip(self.names, self.weights, strict=True)}
            )
            found.append(module)
        return found

    def _weight(self, name: str) -> Tensor:
        weight: Tensor = self.weights[self.names.index(name)]
        return weight

    def _run(self, part: str, inputs: Tensor, *, start: int = 0, stop: int | None = None) -> Tensor:
        """One part of all modules, or some of its layers, each module on inputs of its own."""
        network = getattr(self._one[0], part)
        if isinstance(network, nn.Sequential):
            whole = list(network.named_children())[start:stop]
            network = nn.Sequential(OrderedDict(whole))
        own = {
            name.removeprefix(f"{part}."): weight
            for name, weight in zip(self.names, self.weights, strict=True)
            if name.startswith(f"{part}.")
        }
        weights = {name: own[name] for name, _ in network.named_parameters()}
        if not weights:
            return inputs
        run = vmap(lambda w, x: functional_call(network, w, (x,)))
        found: Tensor = run(weights, inputs)
        return found
