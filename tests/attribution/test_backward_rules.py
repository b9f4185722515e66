"""Every method on every way of writing a network, against a slow replica."""

import pytest
import torch

from whynet.attribution.deconvnet import deconvnet
from whynet.attribution.excitation_backprop import excitation_backprop
from whynet.attribution.guided_backprop import guided_backprop
from whynet.attribution.saliency import saliency

NUM_IMAGES = 3


def images_of(case):
    return torch.randn(NUM_IMAGES, *case.shape, generator=torch.Generator().manual_seed(5))


def wanted(case, replica, image, method, target, place, **options):
    signal = torch.zeros(case.network(image[None]).shape[1])
    signal[target] = 1
    return replica(case.steps, image, signal, method, **options)[place].detach()


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=2e-4, atol=2e-6)


def test_gradient_methods(case, replica):
    images, targets = images_of(case), torch.tensor([0, 2, 1])
    for method, name in ((guided_backprop, "guided"), (deconvnet, "deconvnet")):
        expected = torch.stack(
            [wanted(case, replica, x, name, t, "image") for x, t in zip(images, targets, strict=True)]
        )
        assert expected.abs().sum() > 0
        close(method(case.network, images, targets), expected)
    expected = torch.stack(
        [wanted(case, replica, x, "gradient", t, "image") for x, t in zip(images, targets, strict=True)]
    )
    close(saliency(case.network, images, targets), expected.abs().amax(1))


@pytest.mark.filterwarnings("ignore:no input contributed")
@pytest.mark.parametrize("contrastive", [False, True])
def test_excitation_backprop(case, replica, contrastive):
    images, targets = images_of(case), torch.tensor([0, 2, 1])
    options = {"top": case.top} if contrastive else {}
    for layer, step in {None: "image", **case.layers}.items():
        if step == case.top:
            continue
        expected = torch.stack(
            [wanted(case, replica, x, "excitation", t, step, **options) for x, t in zip(images, targets, strict=True)]
        ).sum(1)
        found = excitation_backprop(case.network, images, targets, layer=layer, contrastive=contrastive)
        assert contrastive or expected.sum() > 0
        close(found, expected.clamp(min=0) if contrastive else expected)


@pytest.mark.filterwarnings("ignore:no input contributed")
def test_units_of_a_layer(case, replica):
    images = images_of(case)
    layer, step = next(iter(case.layers.items()))
    upto = case.steps[: [own.name for own in case.steps].index(step) + 1]
    units = [1, (0, 1, 1)]
    found = {
        "excitation": excitation_backprop(case.network, images, source=layer, units=units),
        "guided": guided_backprop(case.network, images, source=layer, units=units),
    }
    for method, maps in found.items():
        for number, unit in enumerate(units):
            for image, own in zip(images, maps[:, number], strict=True):
                output = image
                values = {"image": image}
                for each in upto:
                    output = values[each.name] = each.function(*(values[name] for name in each.inputs))
                signal = torch.zeros_like(output)
                if unit == 1:
                    signal[1].view(-1)[output[1].argmax()] = 1
                else:
                    signal[unit] = 1
                expected = replica(upto, image, signal, method)["image"].detach()
                close(own, expected.sum(0) if method == "excitation" else expected)
