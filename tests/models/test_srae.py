"""Explanation modules: what they compute, that their sign and scale mean nothing, and how many are one computation."""

import pytest
import torch

from whynet.base.errors import SettingError
from whynet.models.saved_network import load_network, save_network
from whynet.models.srae import ExplanationModule
from whynet.models.srae_stack import ModuleStack


def _module(seed: int = 0, *, mirrored: bool = False) -> ExplanationModule:
    torch.manual_seed(seed)
    return ExplanationModule(12, num_features=3, hidden=(8, 6), mirrored=mirrored)


def _slow_features(module: ExplanationModule, z: torch.Tensor) -> torch.Tensor:
    """The encoder, unit by unit."""
    layers = [layer for layer in module.encoder if isinstance(layer, torch.nn.Linear)]
    values = z.tolist()
    for depth, layer in enumerate(layers):
        sums = [
            sum(weight * value for weight, value in zip(row, values, strict=True)) + bias
            for row, bias in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
        ]
        values = [max(total, 0.0) for total in sums] if depth < len(layers) - 1 else sums
    return torch.tensor(values)


def test_what_the_x_features_add_and_the_bias_are_the_prediction() -> None:
    module, z = _module(), torch.rand(5, 12)
    features = torch.stack([_slow_features(module, row) for row in z])
    torch.testing.assert_close(module.encoder(z), features)
    added = module.contributions(z)
    torch.testing.assert_close(added, features * module.readout.weight[0])
    torch.testing.assert_close(added.sum(1) + module.bias, module(z), atol=1e-4, rtol=0)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_sign_of_an_x_feature_means_nothing_and_is_chosen_for_the_class(mirrored: bool) -> None:
    module, z = _module(1, mirrored=mirrored), torch.rand(5, 12)
    prediction, decoded = module(z), module.decoder(module.encoder(z))
    assert (module.readout.weight < 0).any(), "the seed was chosen so"
    module.signed_for()
    assert (module.readout.weight >= 0).all()
    torch.testing.assert_close(module(z), prediction)
    torch.testing.assert_close(module.decoder(module.encoder(z)), decoded)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_module_of_scaled_values_becomes_one_of_plain_values(mirrored: bool) -> None:
    module, z = _module(2, mirrored=mirrored), torch.rand(5, 12)
    prediction, decoded = module(z / 4), module.decoder(module.encoder(z / 4))
    module.scaled(activations=4.0, mean=7.0, deviation=3.0)
    torch.testing.assert_close(module(z), prediction * 3 + 7)
    torch.testing.assert_close(module.decoder(module.encoder(z)), decoded * 4)


def test_it_is_saved_and_read_back_without_a_pickle(tmp_path) -> None:
    module, z = _module(3, mirrored=True), torch.rand(5, 12)
    save_network(module, tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    torch.testing.assert_close(load_network(ExplanationModule, tmp_path)(z), module(z))


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_stack_computes_what_each_of_its_modules_does(mirrored: bool) -> None:
    modules, z = [_module(seed, mirrored=mirrored) for seed in range(4)], torch.rand(5, 12)
    stack = ModuleStack(modules)
    features = stack.encode(z)
    decoded = stack.decoder_basis(features) @ stack.decoder_weights()
    for place, module in enumerate(modules):
        torch.testing.assert_close(features[place], module.encoder(z))
        torch.testing.assert_close(stack.predict(features)[place], module(z))
        torch.testing.assert_close(decoded[place], module.decoder(module.encoder(z)))
        weights = [weight for name, weight in module.named_parameters() if name.endswith("weight")]
        torch.testing.assert_close(stack.squared_weights()[place], sum(weight.square().sum() for weight in weights))
        torch.testing.assert_close(stack.unstacked()[place](z), module(z))


def test_modules_of_several_sizes_make_no_stack() -> None:
    with pytest.raises(SettingError, match="modules of one size were expected, not of 2 sizes"):
        ModuleStack([_module(), ExplanationModule(12, num_features=2, hidden=(8, 6))])


def test_more_x_features_than_entries_and_empty_layers_are_refused() -> None:
    with pytest.raises(SettingError, match="13 x-features of a layer of 12 entries explain nothing"):
        ExplanationModule(12, num_features=13)
    with pytest.raises(SettingError, match="sizes of at least 1 were expected"):
        ExplanationModule(12, hidden=(8, 0))
