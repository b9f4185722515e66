import pytest
import torch
from torch import nn

from whynet.base.errors import SettingError
from whynet.models.built_in_networks import (
    BUILT_IN_NETWORKS,
    NETWORKS_WITH_WIDTH,
    build_built_in,
    name_of_built_in,
    network_class,
)
from whynet.models.introspection import Introspection
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject


def built(name, *, width=0.1):
    torch.manual_seed(0)
    return build_built_in(name, 4, **({"width": width} if name in NETWORKS_WITH_WIDTH else {})).eval()


def test_the_names():
    assert list(BUILT_IN_NETWORKS) == [
        "convnet", "small_convnet", "alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "vgg_m", "vgg_s", "resnet18",
    ]  # fmt: skip
    assert tuple(BUILT_IN_NETWORKS)[1:] == NETWORKS_WITH_WIDTH


@pytest.mark.parametrize("name", BUILT_IN_NETWORKS)
def test_pictures_that_are_not_square_have_logits_and_a_top_map(name):
    network = built(name)
    assert type(network) is network_class(name)
    assert name_of_built_in(network) == name
    subject = Subject(network, class_names=("a", "b", "c", "d"), preprocess=Preprocessing(height=64, width=48))
    recording = Introspection(subject, [network.top_layer]).record(torch.randn(3, 3, 64, 48))
    (top,) = recording.activations.values()
    assert recording.logits.shape == (3, 4)
    assert top.ndim == 4
    assert top.shape[2] >= top.shape[3] > 1
    assert top.min() == 0 < top.max()


@pytest.mark.parametrize("name", BUILT_IN_NETWORKS)
def test_the_upper_layers_have_maps_no_larger_one_than_the_other_up_to_the_top(name):
    network = built(name)
    subject = Subject(network, class_names=("a", "b", "c", "d"), preprocess=Preprocessing(height=64, width=48))
    maps = Introspection(subject, network.upper_layers).record(torch.randn(2, 3, 64, 48)).activations
    assert network.upper_layers[-1] == network.top_layer
    rows = [own.shape[2] for own in maps.values()]
    assert rows == sorted(rows, reverse=True)
    assert all(own.ndim == 4 and own.min() == 0 for own in maps.values())


@pytest.mark.parametrize("name", BUILT_IN_NETWORKS)
def test_gradients_reach_the_first_layer(name):
    network = built(name).train()
    network(torch.randn(4, 3, 64, 48)).logsumexp(1).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert next(network.parameters()).grad.abs().max() > 0


@pytest.mark.parametrize("width", [0.05, 0.25])
@pytest.mark.parametrize("name", NETWORKS_WITH_WIDTH)
def test_the_initial_weights_let_a_signal_through(name, width):
    network = built(name, width=width)
    with torch.no_grad():
        logits = network(torch.randn(8, 3, 64, 64))
    assert 1e-3 < logits.std() < 1e3
    assert logits.std(0).mean() > 1e-3  # not the same logits for all pictures


def test_a_network_that_is_not_built_in_has_no_name():
    class AlexNet(nn.Module):
        pass

    assert name_of_built_in(nn.Linear(2, 2)) is None
    assert name_of_built_in(AlexNet()) is None


def test_a_usual_size_can_be_exported():
    for name in ("alexnet", "vgg_s"):
        network, images = built(name, width=0.01), torch.randn(2, 3, 96, 80)
        exported = torch.export.export(network, (images,)).module()
        torch.testing.assert_close(exported(images), network(images))


def test_an_unknown_name():
    with pytest.raises(
        SettingError,
        match="network 'vgg12' is unknown; choose one of convnet, small_convnet, alexnet, vgg11, .*resnet18",
    ):
        build_built_in("vgg12", 3)
