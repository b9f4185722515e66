"""Training that begins with the weights of a network trained before, on another task of the same kind of pictures.

Zhang, Wu & Zhu 2018, arXiv:1710.00935, section 5.1, begin so with networks pretrained on ImageNet; their new
convolution and the fully connected layers begin anew. Here only the layer that gives the logits does, and only if it
has other classes.
"""

from whynet.base.errors import SubjectError
from whynet.models.interpretable_conv import InterpretableConv
from whynet.models.subject import Subject


def start_from(subject: Subject, other: Subject, name: str) -> bool:
    """Give a network the weights and statistics of another of the same architecture.

    Args:
        subject: Its network is changed in place; what it alone has keeps its values.
        other: What it has beyond the network, such as interpretable filters, is not looked at.
        name: What the other is called, for messages.

    Returns:
        Whether the last layer began with them, too: where the classes are the same, in the same order.

    Raises:
        SubjectError: A layer but the last is missing in the other, or has another shape there.
    """
    network = subject.network
    own, held = network.state_dict(), other.network.state_dict()
    for layer, module in other.network.named_modules(remove_duplicate=False):  # the state has all names of a layer
        if not isinstance(module, InterpretableConv):
            continue
        below = f"{layer}.below."
        held = {f"{layer}.{key.removeprefix(below)}" if key.startswith(below) else key: held[key] for key in held}
    layers = [key for key, module in network.named_modules() if any(True for _ in module.parameters(recurse=False))]
    last = layers[-1] if layers else ""
    is_whole = subject.class_names == other.class_names
    taken = [key for key in own if is_whole or key.rpartition(".")[0] != last]
    for key in taken:
        if key not in held or held[key].shape != own[key].shape:
            came = f"is {list(held[key].shape)} in {name}" if key in held else f"is not in {name}"
            raise SubjectError(
                f"{key} of shape {list(own[key].shape)} was expected to begin with, but {came}; name a run of the same "
                "network and width"
            )
    network.load_state_dict(own | {key: held[key] for key in taken})
    return is_whole
