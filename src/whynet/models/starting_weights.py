"""Training that begins with the weights of a network trained before, on another task of the same kind of pictures.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, section 5.1, begin so with networks pretrained on ImageNet; their new
convolution and the fully connected layers begin anew. Here only the layer that gives the logits does, and only if it
has other classes.
"""

from torch import nn

from whynet.base.errors import SubjectError
from whynet.models.interpretable_conv import interpretable_layers


def start_from(network: nn.Module, other: nn.Module, name: str) -> bool:
    """Give a network the weights and statistics of another of the same architecture.

    Args:
        network: Changed in place; what it alone has keeps its values.
        other: What it has beyond the network, such as interpretable filters, is not looked at.
        name: What the other is called, for messages.

    Returns:
        Whether the last layer began with them, too.

    Raises:
        SubjectError: A layer but the last is missing in the other, or has another shape there.
    """
    own, held = network.state_dict(), other.state_dict()
    for layer in interpretable_layers(other):
        held = {key.replace(f"{layer}.below.", f"{layer}.", 1): value for key, value in held.items()}
    layers = [key for key, module in network.named_modules() if any(True for _ in module.parameters(recurse=False))]
    last = layers[-1] if layers else ""
    wrong = [key for key, value in own.items() if key not in held or held[key].shape != value.shape]
    if strange := [key for key in wrong if key.rpartition(".")[0] != last]:
        key, shape = strange[0], list(own[strange[0]].shape)
        came = f"is {list(held[key].shape)} in {name}" if key in held else f"is not in {name}"
        raise SubjectError(
            f"{key} of shape {shape} was expected to begin with, but {came}; name a run of the same network and width"
        )
    network.load_state_dict({key: own[key] if key in wrong else held[key] for key in own})
    return not wrong
