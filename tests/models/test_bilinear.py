import pytest
import torch

from whynet.base.errors import SettingError
from whynet.models.bilinear import CompactBilinearPooling

WAYS = ("_sketch_by_gram", "_sketch_by_fourier")


def random_maps(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def sketch_in_loops(pooling, image):
    """Algorithm 2 with a circular convolution in the place of the Fourier transforms."""
    channels, rows, columns = image.shape
    total = [0.0] * pooling.outputs
    for row in range(rows):
        for column in range(columns):
            counts = [[0.0] * pooling.outputs for _ in range(2)]
            for k in range(2):
                for i in range(channels):
                    bin_ = int(pooling.hashes[k, i])
                    counts[k][bin_] += float(pooling.signs[k, i]) * float(image[i, row, column])
            for a in range(pooling.outputs):
                for b in range(pooling.outputs):
                    total[(a + b) % pooling.outputs] += counts[0][a] * counts[1][b]
    return total


def feature_in_loops(pooling, image):
    root = [abs(value) ** 0.5 * (1 if value > 0 else -1) for value in sketch_in_loops(pooling, image)]
    length = sum(value**2 for value in root) ** 0.5
    return [value / length for value in root]


def outer_products(image):
    """sum_p x_p x_p^T, position by position."""
    total = torch.zeros(len(image), len(image), dtype=image.dtype)
    for row in range(image.shape[1]):
        for column in range(image.shape[2]):
            total += torch.outer(image[:, row, column], image[:, row, column])
    return total


@pytest.mark.parametrize(("channels", "outputs"), [(5, 13), (7, 4), (1, 1), (6, 8)])
def test_both_ways_and_the_feature_are_those_of_the_paper(channels, outputs):
    pooling = CompactBilinearPooling(channels, outputs, seed=3)
    maps = random_maps(2, channels, 2, 3, dtype=torch.float64)
    wanted = torch.tensor([sketch_in_loops(pooling, image) for image in maps], dtype=torch.float64)
    for way in WAYS:
        torch.testing.assert_close(getattr(pooling, way)(maps.flatten(2)), wanted)
    torch.testing.assert_close(pooling.sketch(maps), wanted)
    feature = torch.tensor([feature_in_loops(pooling, image) for image in maps], dtype=torch.float64)
    torch.testing.assert_close(pooling(maps), feature, atol=2e-5, rtol=0)


@pytest.mark.parametrize("channels", [4, 40])
def test_both_ways_agree_in_values_and_gradients(channels):
    pooling = CompactBilinearPooling(channels, 64)
    found = []
    for way in WAYS:
        vectors = random_maps(3, channels, 9).requires_grad_()
        sketch = getattr(pooling, way)(vectors)
        (sketch * random_maps(3, 64, seed=1)).sum().backward()
        found.append((sketch.detach(), vectors.grad))
    assert found[0][1].abs().max() > 1
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5 * float(one.abs().max()), rtol=1e-5)


def test_the_way_with_fewer_numbers_is_taken(monkeypatch):
    taken = []
    for way in WAYS:
        monkeypatch.setattr(
            CompactBilinearPooling, way, lambda self, x, way=way: taken.append(way) or x.new_zeros(len(x), self.outputs)
        )
    for channels, outputs, side in [(8, 32, 1), (9, 32, 1), (256, 8192, 4), (512, 8192, 1)]:
        CompactBilinearPooling(channels, outputs).sketch(torch.zeros(1, channels, side, side))
    assert taken == [WAYS[0], WAYS[1], WAYS[0], WAYS[1]]


def test_gradient_is_that_of_the_feature():
    pooling = CompactBilinearPooling(4, 16)
    maps = random_maps(2, 4, 2, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(pooling, (maps,))


def estimates(outputs, one, other, seeds):
    found = []
    for seed in range(seeds):
        pooling = CompactBilinearPooling(one.shape[0], outputs, seed=seed)
        first, second = pooling.sketch(torch.stack([one, other]))
        found.append(first @ second)
    return torch.stack(found)


def test_products_of_sketches_are_those_of_outer_products_on_average():
    one, other = random_maps(2, 12, 2, 2, dtype=torch.float64)
    other = one + 0.5 * other
    wanted = (outer_products(one) * outer_products(other)).sum()
    spread = []
    for outputs in (16, 64, 256):
        found = estimates(outputs, one, other, seeds=400)
        spread.append(float(found.std()))
        assert abs(found.mean() - wanted) < 4 * found.std() / 400**0.5
    assert spread[0] > 1.5 * spread[1] > 2.25 * spread[2]  # the deviation falls with the root of the outputs, by 2


def test_one_sketch_at_the_size_of_the_paper():
    one, other = random_maps(2, 512, 2, 2, dtype=torch.float64).relu()
    wanted = (outer_products(one) * outer_products(other)).sum()
    (found,) = estimates(8192, one, other, seeds=1)
    assert abs(found / wanted - 1) < 0.1
    feature = CompactBilinearPooling(512)(one[None].float())
    assert feature.shape == (1, 8192)
    torch.testing.assert_close(feature.norm(dim=1), torch.ones(1))


def test_positions_have_no_order_and_scale_is_lost():
    pooling = CompactBilinearPooling(6, 32)
    maps = random_maps(2, 6, 3, 3)
    torch.testing.assert_close(pooling(maps), pooling(maps.flip(2).transpose(2, 3)), atol=1e-4, rtol=0)
    torch.testing.assert_close(pooling(maps), pooling(3 * maps), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("channels", "outputs"), [(3, 64), (20, 16)])
def test_zero_maps_and_unused_bins_have_finite_gradients(channels, outputs):
    pooling = CompactBilinearPooling(channels, outputs)
    maps = random_maps(2, channels, 2, 2).relu()
    maps[0] = 0
    maps.requires_grad_()
    feature = pooling(maps)
    assert torch.equal(feature[0], torch.zeros(outputs))
    (feature * random_maps(2, outputs, seed=1)).sum().backward()
    assert maps.grad.isfinite().all()
    assert maps.grad[1].abs().sum() > 0


def test_hashes_follow_the_seed_and_travel_with_the_state():
    pooling = CompactBilinearPooling(8, 32, seed=1)
    same, other = CompactBilinearPooling(8, 32, seed=1), CompactBilinearPooling(8, 32, seed=2)
    maps = random_maps(2, 8, 2, 2)
    assert torch.equal(pooling(maps), same(maps))
    assert not torch.allclose(pooling(maps), other(maps))
    other.load_state_dict(pooling.state_dict())
    assert torch.equal(pooling(maps), other(maps))
    assert list(pooling.parameters()) == []


def test_half_precision_and_autocast_change_nothing_but_the_input():
    pooling = CompactBilinearPooling(8, 32)
    maps = random_maps(2, 8, 2, 2).bfloat16()
    assert torch.equal(pooling(maps), pooling(maps.float()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(pooling(maps), pooling(maps.float()))
    assert torch.equal(pooling.bfloat16()(maps), pooling(maps.float()))


def test_errors():
    with pytest.raises(SettingError, match="channels of at least 1, not 0"):
        CompactBilinearPooling(0)
    with pytest.raises(SettingError, match="outputs of at least 1, not -1"):
        CompactBilinearPooling(3, -1)
    with pytest.raises(SettingError, match="maps of 3 channels were expected, not 4; make the pooling with channels=4"):
        CompactBilinearPooling(3)(torch.zeros(1, 4, 2, 2))
