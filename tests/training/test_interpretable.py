"""Learning with filter losses: what is added to the gradient, and that nothing stays behind."""

import pytest
import torch
import torch.nn.functional as F

from whynet.base.errors import SubjectError
from whynet.models.convnet import ConvNet
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import InterpretableConv, interpretable_layers, make_interpretable
from whynet.training.interpretable import FilterLearning, without_scale

LAYER = "blocks.1.2"
LABELS = torch.tensor([0, 1, 2, 1])


@pytest.fixture
def network():
    torch.manual_seed(0)
    base = ConvNet(3, widths=(8, 12), hidden=(), dropout=0.0)
    return make_interpretable(base, LAYER, images=torch.rand(1, 3, 32, 48)).eval()


@pytest.fixture
def images():
    return torch.rand(4, 3, 32, 48, generator=torch.Generator().manual_seed(2))


def learning_of(network, images, **settings):
    return FilterLearning(network, images[:1], 3, FilterSettings(**settings))


def gradients_at(network, images, mask, learning=None, epoch=1):
    """Of the task's loss, with what is pushed in, at the maps that a mask gets."""
    caught = []

    def kept(_module, inputs):
        inputs[0].retain_grad()
        caught.append(inputs[0])

    handle = mask.register_forward_pre_hook(kept)
    try:
        if learning is None:
            F.cross_entropy(network(images), LABELS).backward()
        else:
            with learning.learning(LABELS, epoch):
                F.cross_entropy(network(images), LABELS).backward()
    finally:
        handle.remove()
    return caught[0].grad, caught[0].detach()


@pytest.mark.parametrize(("epoch", "decay", "ratio"), [(1, True, 0.5), (4, True, 0.125), (4, False, 0.5)])
def test_the_filter_losss_gradient_is_added_at_a_share_of_the_tasks_norm(network, images, epoch, decay, ratio):
    (layer,) = interpretable_layers(network).values()
    task, maps = gradients_at(network, images, layer.mask)
    learning = learning_of(network, images, strength=0.5, decay=decay)
    both, _ = gradients_at(network, images, layer.mask, learning, epoch)
    extra = both - task
    assert float(extra.norm()) == pytest.approx(ratio * float(task.norm()), rel=1e-4)
    again = learning_of(network, images, strength=0.5, decay=decay).losses[1](maps, LABELS)
    again = without_scale(again, maps)
    torch.testing.assert_close(extra / extra.norm(), again / again.norm(), atol=1e-5, rtol=1e-4)


def test_what_scales_a_filters_maps_is_left_out_and_all_else_stays():
    random = torch.Generator().manual_seed(3)
    maps, gradient = (torch.rand(4, 5, 3, 2, generator=random) for _ in range(2))
    maps[:, 2] = 0  # a silent filter has no scale
    found = without_scale(gradient, maps)
    for f in range(5):
        x, g = maps[:, f].flatten(), gradient[:, f].flatten()
        expected = g - x * (g @ x) / (x @ x) if f != 2 else g
        torch.testing.assert_close(found[:, f].flatten(), expected)
        assert float(found[:, f].flatten() @ x) == pytest.approx(0, abs=1e-5)
    assert not without_scale(3 * maps, maps).abs().gt(1e-5).any()
    half = without_scale(gradient.bfloat16(), maps.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), found, atol=0.03, rtol=0.03)


def test_both_masks_learn(network, images):
    learning = learning_of(network, images)
    with learning.learning(LABELS, 1):
        F.cross_entropy(network(images), LABELS).backward()
    (layer,) = interpretable_layers(network).values()
    for mask, loss in zip(layer.masks, learning.losses, strict=True):
        assert loss.mask is mask
        assert int(loss.seen) == 1
        assert (mask.categories >= 0).all()
    assert {name.split(".")[1] for name in learning.state_dict()} == {"0", "1"}


def test_nothing_stays_behind_not_even_after_an_error(network, images):
    before = network(images)
    learning = learning_of(network, images, strength=3.0)
    with pytest.raises(KeyboardInterrupt), learning.learning(LABELS, 1):
        raise KeyboardInterrupt
    (layer,) = interpretable_layers(network).values()
    assert [mask.push for mask in layer.masks] == [None, None]
    torch.testing.assert_close(network(images), before)
    assert set(network.state_dict()) == set(make_interpretable(
        ConvNet(3, widths=(8, 12), hidden=()), LAYER, images=images
    ).state_dict())  # fmt: skip


def test_no_strength_is_the_ordinary_gradient(network, images):
    (layer,) = interpretable_layers(network).values()
    task, _ = gradients_at(network, images, layer.mask)
    both, _ = gradients_at(network, images, layer.mask, learning_of(network, images, strength=0.0))
    torch.testing.assert_close(both, task)


def test_a_network_without_interpretable_layers_is_refused(images):
    with pytest.raises(SubjectError, match=r"no interpretable layer; make one with whynet\.make_interpretable"):
        learning_of(ConvNet(3, widths=(8,), hidden=()), images)


def test_an_interpretable_layer_that_does_not_run_is_refused(network, images):
    network.spare = InterpretableConv(torch.nn.Conv2d(3, 4, 3), 4, FilterSettings())
    with pytest.raises(SubjectError, match=r"4 masks .* were expected to run in the forward pass, but 2 did; make"):
        learning_of(network, images)


def test_layers_that_run_in_another_order_than_they_are_named_keep_their_sizes(images):
    class Backwards(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.last = InterpretableConv(torch.nn.Conv2d(6, 5, 3, stride=2), 5, FilterSettings())
            self.first = InterpretableConv(torch.nn.Conv2d(3, 6, 3, stride=2), 6, FilterSettings())

        def forward(self, images):
            return self.last(self.first(images)).mean((2, 3))

    learning = learning_of(Backwards(), images)
    assert [loss.shape for loss in learning.losses] == [(7, 11), (7, 11), (15, 23), (15, 23)]


@pytest.mark.parametrize("converts_before", [True, False])
def test_beta_is_learned_in_half_precision_as_in_single(images, converts_before):
    def learned(precision):
        torch.manual_seed(0)
        network = ConvNet(3, widths=(8, 12), hidden=(), dropout=0.0)
        if converts_before:
            network = network.to(precision)
        network = make_interpretable(network, LAYER, images=images[:1]).to(precision).eval()
        own, small = interpretable_layers(network)[LAYER], images.to(precision)
        learning = learning_of(network, small, learned_beta=True, momentum=0.999)
        for _ in range(10):
            with learning.learning(LABELS, 1):
                network(small)
        return torch.stack([mask.beta for mask in own.masks])

    single, half = learned(torch.float32), learned(torch.bfloat16)
    assert half.dtype == torch.float32
    assert (single - 4).abs().max() > 2e-3
    torch.testing.assert_close(half - 4, single - 4, atol=2e-3, rtol=0.1)
