import torch

from whynet.models.srae import ExplanationModule
from whynet.workflows.concepts.x_features import XFeatures


def test_the_encoder_goes_to_the_network_as_a_copy():
    module = ExplanationModule(4, num_features=2, hidden=(3,))
    mine = XFeatures.of_module(module, 0)
    assert mine.encoder_on(torch.device("cpu")) is module.encoder
    moved = mine.encoder_on(torch.device("meta"))
    assert {parameter.device.type for parameter in moved.parameters()} == {"meta"}
    assert {parameter.device.type for parameter in module.parameters()} == {"cpu"}
    one_of_z = XFeatures(class_index=0, encoder=None, units=(1,), weights=torch.ones(1), bias=0.0)
    assert one_of_z.encoder_on(torch.device("meta")) is None
