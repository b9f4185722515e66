"""Weights are told apart by every bit, by their names and types, and by nothing else."""

import copy

import torch

from whynet.models.convnet import ConvNet
from whynet.models.weights_fingerprint import weights_fingerprint


def test_equal_weights_have_one_fingerprint_in_any_mode() -> None:
    network = ConvNet(3, widths=(4, 5))
    other = copy.deepcopy(network).train()
    assert weights_fingerprint(network.eval()) == weights_fingerprint(other)


def test_one_changed_bit_a_buffer_and_a_type_change_it() -> None:
    network = ConvNet(3, widths=(4, 5))
    found = {weights_fingerprint(network)}
    with torch.no_grad():
        network.output.bias[0] = torch.nextafter(network.output.bias[0], torch.tensor(9.0))
    found.add(weights_fingerprint(network))
    network.blocks[0][1].running_mean += 1
    found.add(weights_fingerprint(network))
    found.add(weights_fingerprint(network.to(torch.bfloat16)))
    assert len(found) == 4
