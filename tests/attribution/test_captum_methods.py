"""Captum's methods through the adapter: the same as Captum called directly, and the network as it was."""

import builtins
import copy
import importlib

import pytest
import torch
from torch import nn

from whynet.attribution.captum_methods import CAPTUM_METHODS
from whynet.attribution.methods import heat_map, method_named
from whynet.base.errors import MissingDependencyError, SettingError, SubjectError


@pytest.fixture
def attr():
    pytest.importorskip("captum")
    return importlib.import_module("captum.attr")


@pytest.fixture
def network():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(16, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3),
    )  # fmt: skip
    net[1].running_mean.normal_(0, 0.3)
    net[1].running_var.uniform_(0.5, 2)
    net[3].eval()  # the modes are mixed
    return net


@pytest.fixture
def images():
    return torch.randn(2, 3, 10, 12, generator=torch.Generator().manual_seed(1))


def state_of(network):
    """All that a visitor could leave behind: weights, modes, gradients, hooks and attributes."""
    modules = [
        (name, module.training, sorted(vars(module)), [len(v) for k, v in sorted(vars(module).items()) if "hooks" in k])
        for name, module in network.named_modules()
    ]
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    return modules, tensors, [parameter.grad for parameter in network.parameters()]


def patches(rows, columns):
    """Numbers the patches of 2 x 2, as an eighth of 10 and of 12 is rounded up."""
    return torch.tensor([[row // 2 * 8 + column // 2 for column in range(columns)] for row in range(rows)])[None, None]


DIRECTLY = {
    "captum.saliency": ("Saliency", {}),
    "captum.input_x_gradient": ("InputXGradient", {}),
    "captum.deconvolution": ("Deconvolution", {}),
    "captum.guided_backprop": ("GuidedBackprop", {}),
    "captum.integrated_gradients": ("IntegratedGradients", {}),
    "captum.deep_lift": ("DeepLift", {}),
    "captum.occlusion": ("Occlusion", {"sliding_window_shapes": (3, 2, 2), "strides": (3, 1, 1)}),
    "captum.feature_ablation": ("FeatureAblation", {"feature_mask": patches(10, 12).expand(1, 3, 10, 12)}),
}


@pytest.mark.filterwarnings("ignore:Setting")
@pytest.mark.parametrize("name", DIRECTLY)
def test_gives_what_captum_gives(attr, network, images, name):
    cls, options = DIRECTLY[name]
    direct = getattr(attr, cls)(copy.deepcopy(network).eval()).attribute(
        images.clone().requires_grad_(), target=torch.tensor([2, 0]), **options
    )
    ours = method_named(name)(network, images, torch.tensor([2, 0]))
    torch.testing.assert_close(ours, direct.detach(), atol=1e-5, rtol=1e-4)
    assert ours.abs().sum() > 0


@pytest.mark.parametrize("name", CAPTUM_METHODS)
def test_leaves_the_network_and_the_generators_as_they_were(attr, network, images, name):
    before, generator = state_of(network), torch.random.get_rng_state()
    original = images.clone()
    method_named(name)(network, images, 1)
    after = state_of(network)
    assert before[0] == after[0]
    assert all(torch.equal(after[1][key], tensor) for key, tensor in before[1].items())
    assert after[2] == [None] * len(after[2])
    assert torch.equal(generator, torch.random.get_rng_state())
    assert torch.equal(original, images)
    assert not images.requires_grad


def test_the_network_is_as_it_was_after_an_error_too(attr, images):
    relu = nn.ReLU()
    reused = nn.Sequential(nn.Conv2d(3, 4, 3), relu, nn.Conv2d(4, 4, 3), relu, nn.Flatten(), nn.LazyLinear(3))
    reused(images)
    before = state_of(reused)[0]
    with pytest.raises(SubjectError, match="captum.deep_lift cannot explain this network: .*; take another method"):
        method_named("captum.deep_lift")(reused, images, 1)
    assert before == state_of(reused)[0]


@pytest.mark.parametrize("name", ["captum.gradient_shap", "captum.shapley_value_sampling"])
def test_random_ones_depend_on_the_seed_alone(attr, network, images, name):
    method = method_named(name)
    first = method(network, images, 1)
    torch.rand(3)
    assert torch.equal(first, method(network, images, 1))
    assert not torch.equal(first, method(network, images, 1, seed=1))


def test_a_function_of_the_logits_is_explained(attr, network, images):
    found = method_named("captum.integrated_gradients")(network, images, lambda logits: logits[:, 2] - logits[:, 0])
    one, other = (method_named("captum.integrated_gradients")(network, images, target) for target in (2, 0))
    torch.testing.assert_close(found, one - other, atol=1e-5, rtol=1e-4)


def test_works_where_gradients_are_off(attr, network, images):
    expected = method_named("captum.integrated_gradients")(network, images, 1)
    with torch.inference_mode():
        found = method_named("captum.integrated_gradients")(network, images, 1)
    torch.testing.assert_close(expected, found.clone())


def test_options_go_to_captum(attr, network, images):
    black = torch.full_like(images, -2.0)
    direct = attr.IntegratedGradients(copy.deepcopy(network).eval()).attribute(images, baselines=black, target=1)
    ours = method_named("captum.integrated_gradients")(network, images, 1, baselines=black)
    torch.testing.assert_close(ours, direct.float(), atol=1e-5, rtol=1e-4)


def test_heat_maps_drop_the_channels_and_the_sign(attr, network, images):
    found = method_named("captum.integrated_gradients")(network, images, 1)
    assert torch.equal(heat_map("captum.integrated_gradients", network, images, 1), found.abs().amax(1))
    summed = heat_map("captum.integrated_gradients", network, images, 1, signed=True)
    assert torch.equal(summed, found.sum(1))
    logits = network.eval()(torch.cat([images, torch.zeros_like(images)]))[:, 1]
    torch.testing.assert_close(summed.sum((1, 2)), logits[:2] - logits[2:], atol=2e-2, rtol=2e-2)  # completeness


@pytest.mark.parametrize("place", [{"layer": "0"}, {"source": "5", "units": [1]}, {"units": [1]}])
def test_says_what_it_cannot_answer(network, images, place):
    with pytest.raises(SettingError, match="captum.occlusion explains a class at the input alone; leave out layer"):
        method_named("captum.occlusion")(network, images, None if "units" in place else 1, **place)


def test_a_target_that_fits_nothing_is_told(attr, network, images):
    with pytest.raises(SettingError, match="classes from 0 to 2 were expected, not 3"):
        method_named("captum.saliency")(network, images, 3)
    with pytest.raises(SettingError, match="returns one number an image, not one in all"):
        method_named("captum.saliency")(network, images, lambda logits: logits.sum())
    with pytest.raises(SettingError, match="is unknown; the methods are saliency, .*captum.occlusion"):
        method_named("captum.oclusion")


def test_says_how_to_install_it(network, images, monkeypatch):
    import_module = importlib.import_module
    absent = dict.fromkeys(("captum", "captum.attr"))
    monkeypatch.setattr(
        importlib,
        "import_module",
        lambda name: builtins.__import__("no_such_module") if name in absent else import_module(name),
    )
    with pytest.raises(MissingDependencyError, match=r'captum.saliency needs Captum.*pip install "whynet\[captum\]"'):
        method_named("captum.saliency")(network, images, 1)
