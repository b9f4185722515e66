"""Which layers a graph has, and whose pictures can be followed."""

import pytest
from torch import nn

from whynet.base.errors import SettingError, SubjectError
from whynet.models.built_in_networks import BUILT_IN_NETWORKS, build_built_in
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.graph.maps import graph_layers, preprocessing_of


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "vgg_m", "resnet18", "convnet", "small_convnet"])
def test_our_networks_name_their_upper_layers(name):
    width = {"width": 0.05} if BUILT_IN_NETWORKS[name].has_width else {}
    network = build_built_in(name, 2, **width)
    subject = Subject(network, class_names=("a", "b"), preprocess=Preprocessing(height=64, width=64))
    layers = graph_layers(subject, None)
    assert layers[-1] == network.top_layer
    assert len(layers) in (3, 4)
    names = list(subject.layer_names)
    assert [names.index(layer) for layer in layers] == sorted(names.index(layer) for layer in layers)
    assert graph_layers(subject, " a, b ,") == ("a", "b")


def test_another_network_needs_layers_and_a_preprocessing_of_ours():
    subject = Subject(nn.Flatten(), class_names=("a", "b"), preprocess=lambda pictures: None, name="mine")
    with pytest.raises(SubjectError, match="--layers is needed for mine"):
        graph_layers(subject, None)
    with pytest.raises(SettingError, match="whynet Preprocessing"):
        preprocessing_of(subject)
