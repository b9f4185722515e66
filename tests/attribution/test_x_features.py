"""Heat maps of x-features: against loops over every connection, and against a network that ends with the encoder."""

import pytest
import torch
from torch import Tensor, nn

from whynet.attribution.excitation_backprop import excitation_backprop
from whynet.attribution.x_features import ReadOut, x_feature_maps
from whynet.base.errors import SubjectError
from whynet.models.introspection import Introspection
from whynet.models.srae import ExplanationModule
from whynet.models.subject import Subject

SIDE = 3


def _subject(*parts: nn.Module) -> Subject:
    network = nn.Sequential(*parts)
    return Subject(network, class_names=("a", "b"), preprocess=lambda pictures: torch.empty(0), name="net")


@pytest.fixture
def small() -> tuple[Subject, ExplanationModule, Tensor]:
    """Maps at "1", Z at "4"."""
    torch.manual_seed(0)
    subject = _subject(
        nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * SIDE * SIDE, 6), nn.ReLU(), nn.Linear(6, 2)
    )
    return subject, ExplanationModule(6, num_features=3, hidden=(12, 10)), torch.rand(2, 3, SIDE, SIDE)


def _passed_down(probability: list[float], inputs: list[float], weight: list[list[float]]) -> list[float]:
    """P(a_j) = sum_i P(a_i) a_j w_ji+ / sum_j a_j w_ji+, connection by connection."""
    found = [0.0] * len(inputs)
    for own, row in zip(probability, weight, strict=True):
        shares = [a * max(w, 0.0) for a, w in zip(inputs, row, strict=True)]
        total = sum(shares)
        for j, share in enumerate(shares):
            found[j] += own * share / total if total > 0 else 0.0
    return found


def _slow_map(subject: Subject, module: ExplanationModule, image: Tensor, unit: int) -> Tensor:
    layers = [subject.network[3], *(layer for layer in module.encoder if isinstance(layer, nn.Linear))]
    weights = [layer.weight.tolist() for layer in layers]
    maps = subject.network[1](subject.network[0](image[None]))[0]
    inputs, values = [], maps.flatten().tolist()
    for layer, rows in zip(layers, weights, strict=True):
        inputs.append(values)
        bias = layer.bias.tolist()
        values = [
            max(sum(w * a for w, a in zip(row, values, strict=True)) + b, 0.0)
            for row, b in zip(rows, bias, strict=True)
        ]
    top = weights[-1][unit]
    mine = _passed_down([1.0], inputs[-1], [top])
    dual = _passed_down([1.0], inputs[-1], [[-w for w in top]])
    signal = [a - b for a, b in zip(mine, dual, strict=True)]
    for rows, below in zip(reversed(weights[:-1]), reversed(inputs[:-1]), strict=True):
        signal = _passed_down(signal, below, rows)
    summed = torch.tensor(signal).view(maps.shape).sum(0)
    return summed.clamp(min=0)


def test_a_map_is_the_contrastive_probability_of_each_connection(
    small: tuple[Subject, ExplanationModule, Tensor],
) -> None:
    subject, module, images = small
    found = x_feature_maps(subject, images, layer="4", map_layer="1", encoder=module.encoder, units=[2, 0])
    assert found.shape == (2, 2, SIDE, SIDE)
    for row, image in enumerate(images):
        for place, unit in enumerate((2, 0)):
            with torch.no_grad():
                slow = _slow_map(subject, module, image, unit)
            torch.testing.assert_close(found[row, place], slow, atol=1e-5, rtol=1e-4)


def test_without_contrast_a_map_adds_up_to_1_and_is_that_of_a_network_that_ends_so(
    small: tuple[Subject, ExplanationModule, Tensor],
) -> None:
    subject, module, images = small
    for name, bias in module.named_parameters():
        if name.endswith("bias"):  # what fires through a bias alone passes nothing on
            bias.data.zero_()
    found = x_feature_maps(
        subject, images, layer="4", map_layer="1", encoder=module.encoder, units=[0, 1, 2], contrastive=False
    )
    torch.testing.assert_close(found.sum((2, 3)), torch.ones(2, 3))
    joined = nn.Sequential(*list(subject.network)[:5], *module.encoder)
    torch.testing.assert_close(found, excitation_backprop(joined, images, units=[0, 1, 2], layer="1"))


def test_entries_of_z_have_maps_of_their_own(small: tuple[Subject, ExplanationModule, Tensor]) -> None:
    subject, _, images = small
    found = x_feature_maps(subject, images, layer="4", map_layer="1", encoder=None, units=[1, 5])
    direct = excitation_backprop(subject, images, source="4", units=[1, 5], layer="1", contrastive=True)
    torch.testing.assert_close(found, direct)


def test_a_layer_of_maps_is_read_as_introspection_reads_it() -> None:
    torch.manual_seed(1)
    subject = _subject(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(inplace=True), nn.Flatten(),
        nn.Linear(6 * 36, 2),
    )  # fmt: skip
    module, images = ExplanationModule(6, num_features=2, hidden=(5,)), torch.rand(3, 3, 8, 8)
    readings, _ = Introspection(subject, ("3",), probabilities=False).read(images)
    torch.testing.assert_close(ReadOut(subject, "3", module.encoder)(images), module.encoder(readings))
    maps = x_feature_maps(subject, images, layer="3", map_layer="1", encoder=module.encoder, units=[0, 1])
    assert maps.shape == (3, 2, 8, 8)
    assert (maps >= 0).all()
    assert maps.sum() > 0


def test_a_signed_z_is_allowed_and_keeps_its_probability(small: tuple[Subject, ExplanationModule, Tensor]) -> None:
    subject, module, images = small
    maps = x_feature_maps(
        subject, images, layer="3", map_layer="1", encoder=module.encoder, units=[0, 1, 2], contrastive=False
    )
    assert (maps >= 0).all()
    assert (maps.sum((2, 3)) <= 1 + 1e-5).all()


def test_the_network_is_left_as_it_was(small: tuple[Subject, ExplanationModule, Tensor]) -> None:
    subject, module, images = small
    subject.network.train()
    x_feature_maps(subject, images, layer="4", map_layer="1", encoder=module.encoder, units=[0])
    assert all(own.training for own in subject.network.modules())
    assert not any(own._forward_hooks for own in subject.network.modules())
    assert all(weight.grad is None for weight in [*subject.network.parameters(), *module.parameters()])


def test_layers_that_do_not_exist_are_told(small: tuple[Subject, ExplanationModule, Tensor]) -> None:
    subject, module, images = small
    with pytest.raises(SubjectError, match="net has no layer 'hidden'"):
        x_feature_maps(subject, images, layer="hidden", map_layer="1", encoder=module.encoder, units=[0])
    with pytest.raises(SubjectError, match=r"no layer 'network\.maps'"):
        x_feature_maps(subject, images, layer="4", map_layer="maps", encoder=module.encoder, units=[0])
