"""Which network something was made for: a short hash of its weights alone.

Unlike `fingerprint`, it does not change with the code around the weights, so what was saved under one version of a
library still knows its network under the next.
"""

from hashlib import blake2b

import torch
from torch import nn


def weights_fingerprint(network: nn.Module) -> str:
    """A hex digest of the names, types, shapes and bytes of all parameters and buffers that a network saves."""
    digest = blake2b(digest_size=16)
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
