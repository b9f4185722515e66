"""The filter loss: its gradients against loops from the paper and the released code's facts, and its running means."""

import math
import threading

import pytest
import torch
import torch.distributed as dist

from whynet.base.errors import DataError, SettingError
from whynet.models import filter_loss
from whynet.models.filter_categories import filter_categories
from whynet.models.filter_loss import FilterLoss
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import PartMask
from whynet.models.mutual_information import information_gradient, mutual_information
from whynet.models.part_templates import templates

ROWS, COLUMNS, FILTERS, CLASSES = 3, 4, 5, 3


def a_loss(*, categories=None, mask=None, **settings):
    mask = mask or PartMask(FILTERS, FilterSettings())
    return FilterLoss(mask, ROWS, COLUMNS, CLASSES, FilterSettings(**settings), categories=categories)


@pytest.fixture
def maps():
    return 30 * torch.rand(8, FILTERS, ROWS, COLUMNS, generator=torch.Generator().manual_seed(1)).pow(3)


LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0, 0])


def slow_gradient(maps, labels, categories, kind):
    """Each image and filter by itself, with Z and p(x) of this one batch."""
    own = templates(ROWS, COLUMNS, torch.full((FILTERS,), 4.0), "l1").double().tolist()
    heat = 4 if kind == "released" else 1  # exp(s / 0.5), s = the mean of x T / tau = 2 tr(x T)
    found = torch.zeros_like(maps)
    for f in range(FILTERS):
        images = maps[:, f].flatten(1).double().tolist()
        score = [[heat * sum(x * t for x, t in zip(image, template, strict=True)) for template in own[f]]
                 for image in images]  # fmt: skip
        z = [sum(math.exp(row[t]) for row in score) / len(images) for t in range(len(own[f]))]
        weights, chosen = [], []
        for image, row, label in zip(images, score, labels.tolist(), strict=True):
            is_own = label == int(categories[f])
            t = image.index(max(image)) if is_own else len(own[f]) - 1
            if kind == "released":
                s, log_z = row[t] / 2, math.log(z[t]) / 2
                strength = math.exp((s - log_z) / 0.5) * max(s - log_z + 0.5, 0)
            else:
                p = sum(math.exp(value) / z[other] for other, value in enumerate(row)) / len(row)
                strength = math.exp(row[t]) / z[t] * max(row[t] - math.log(z[t] * p), 0)
            weights.append(strength)
            chosen.append(own[f][t])
        mean = sum(weights) / len(weights) if kind == "released" else 1
        positive = sum(label == int(categories[f]) for label in labels.tolist()) / len(images)
        for b, label in enumerate(labels.tolist()):
            share = positive if label == int(categories[f]) else 1 - positive
            scale = -weights[b] / mean * 0.5 / share
            found[b, f] = scale * torch.tensor(chosen[b]).view(ROWS, COLUMNS)
    return found


@pytest.mark.parametrize("kind", ["equation4", "released"])
def test_the_gradient_is_the_equations_with_the_template_that_the_label_tells(maps, kind):
    loss = a_loss(gradient=kind)
    found = loss(maps, LABELS)
    expected = slow_gradient(maps, LABELS, loss.mask.categories, kind)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)
    assert float(found.abs().max()) > 1e-4


def test_the_exact_gradient_is_minus_that_of_the_information_and_knows_no_labels(maps):
    own = templates(ROWS, COLUMNS, torch.full((FILTERS,), 4.0), "l1")
    found = a_loss(gradient="exact")(maps, LABELS)
    torch.testing.assert_close(found, -information_gradient(maps, own))
    assert torch.equal(found, a_loss(gradient="exact")(maps, LABELS.flip(0)))


@pytest.mark.parametrize("kind", ["equation4", "released", "exact"])
def test_filters_of_one_beta_share_templates_and_learn_as_with_their_own(maps, kind):
    mixed = a_loss(gradient=kind)
    mixed.mask.beta[-1] = 2.0
    found, expected = (loss(maps, LABELS) for loss in (mixed, a_loss(gradient=kind)))
    torch.testing.assert_close(found[:, :-1], expected[:, :-1])
    assert not torch.allclose(found[:, -1], expected[:, -1])


@pytest.mark.parametrize("kind", ["equation4", "exact"])
def test_descending_it_raises_the_mutual_information(kind):
    """With the paper's printed sign it would fall. Maps peak in images of their category and are low elsewhere."""
    generator = torch.Generator().manual_seed(3)
    maps = torch.rand(12, FILTERS, ROWS, COLUMNS, generator=generator)
    labels = torch.arange(12) % CLASSES
    for f in range(FILTERS):
        for b in range(12):
            if labels[b] == f % CLASSES:
                maps[b, f].view(-1)[(5 * b + f) % (ROWS * COLUMNS)] += 20
    own = templates(ROWS, COLUMNS, torch.full((FILTERS,), 4.0), "l1")
    gradient = a_loss(gradient=kind, assignment="arg-max")(maps, labels)
    before = mutual_information(maps, own)
    for sign in (1, -1):
        after = mutual_information(maps - sign * gradient / gradient.norm(), own)
        assert float((sign * (after - before)).sum()) > 0


def test_means_run_over_batches_and_the_first_is_taken_as_it_is(maps):
    loss = a_loss(gradient="equation4", momentum=0.75)
    own = templates(ROWS, COLUMNS, torch.full((FILTERS,), 4.0), "l1")
    z = [torch.einsum("bfp,ftp->bft", some.flatten(2), own).exp().mean(0) for some in (maps, 2 * maps)]
    loss(maps, LABELS)
    torch.testing.assert_close(loss.log_z, z[0].log())
    loss(2 * maps, LABELS)
    torch.testing.assert_close(loss.log_z, (0.75 * z[0] + 0.25 * z[1]).log())
    assert int(loss.seen) == 2


def test_strengths_are_means_over_the_last_hundred_images_of_each_class(maps):
    loss = a_loss(momentum=0.0)
    sums, weights = torch.zeros(FILTERS, CLASSES), torch.zeros(CLASSES)
    for scale in (1, 2, 5):
        for c in range(CLASSES):
            own = (scale * maps)[c == LABELS]
            sums[:, c] = 0.99 ** len(own) * sums[:, c] + own.sum((0, 2, 3))
            weights[c] = 0.99 ** len(own) * weights[c] + len(own)
        loss(scale * maps, LABELS)
    torch.testing.assert_close(loss.strengths, sums / weights)


@pytest.mark.parametrize("assignment", ["balanced", "arg-max"])
def test_filters_keep_their_categories_where_nothing_changes_but_the_pictures_drawn(assignment):
    random = torch.Generator().manual_seed(0)
    filters, classes = 40, 10
    true = torch.rand(filters, classes, generator=random)
    loss = FilterLoss(PartMask(filters, FilterSettings()), 3, 3, classes, FilterSettings(assignment=assignment))
    kept = []
    for batch in range(200):
        labels = torch.randint(classes, (16,), generator=random)
        noise = 2 * torch.rand(16, filters, 1, 1, generator=random)  # a picture may fire twice its mean, or nothing
        before = loss.mask.categories.clone()
        loss((true[:, labels].T[:, :, None, None] * noise).expand(-1, -1, 3, 3).contiguous(), labels)
        if batch > 100 and batch % filter_loss.ASSIGN_EVERY == 0:
            kept.append(float((before == loss.mask.categories).float().mean()))
    assert min(kept) > 0.85
    expected = filter_categories(true, assignment)
    assert float((loss.mask.categories == expected).float().mean()) > 0.6


def test_a_class_that_no_batch_had_does_not_drag_and_is_taken_as_it_comes(maps):
    loss = a_loss(momentum=0.75)
    few = LABELS < 2
    loss(maps[few], LABELS[few])
    assert not loss.strengths[:, 2].any()
    loss(maps, LABELS)
    torch.testing.assert_close(loss.strengths[:, 2], maps[LABELS == 2].sum((2, 3)).mean(0))


def test_filters_are_assigned_by_their_strengths_among_the_candidates(maps):
    maps[LABELS == 1] *= 9
    loss = a_loss(assignment="arg-max")
    loss(maps, LABELS)
    assert loss.mask.categories.tolist() == [1] * FILTERS
    loss = a_loss(assignment="balanced")
    loss(maps, LABELS)
    assert sorted(loss.mask.categories.bincount(minlength=CLASSES).tolist()) == [1, 2, 2]
    loss = a_loss(categories=(2,))
    loss(maps, LABELS)
    assert loss.mask.categories.tolist() == [2] * FILTERS


def test_beta_follows_the_spread_of_the_activations():
    """All at one position: as narrow as it gets. At the two ends: wider, by the deviation in cells."""
    for places, target in (([5], 6.0), ([0, 11], 2 * 3 / math.sqrt(1 + 1.5**2))):
        maps = torch.zeros(4, FILTERS, ROWS, COLUMNS)
        for place in places:
            maps[:, :, place // COLUMNS, place % COLUMNS] = 1.0
        loss = a_loss(learned_beta=True, momentum=0.5, categories=(0,))
        loss(maps, torch.zeros(4, dtype=torch.long))
        assert loss.mask.beta.tolist() == pytest.approx([4 + 0.5 * (target - 4)] * FILTERS)
        loss(maps, torch.ones(4, dtype=torch.long))
        assert loss.mask.beta.tolist() == pytest.approx([4 + 0.5 * (target - 4)] * FILTERS), "no image of its category"


@pytest.mark.parametrize("kind", ["equation4", "released", "exact"])
def test_odd_batches_have_a_finite_gradient(maps, kind):
    for odd, labels in (
        (torch.zeros_like(maps), LABELS),
        (1e6 * maps, LABELS),
        (maps, torch.zeros_like(LABELS)),
        (maps[:1], LABELS[:1]),
        (maps.bfloat16(), LABELS),
    ):
        loss = a_loss(gradient=kind)
        found = loss(odd, labels)
        assert found.isfinite().all()
        assert found.shape == odd.shape
        assert found.dtype == odd.dtype
        assert loss(odd, labels).isfinite().all()
    one = FilterLoss(PartMask(FILTERS, FilterSettings()), ROWS, COLUMNS, 1, FilterSettings(gradient=kind))
    assert one(maps, torch.zeros_like(LABELS)).isfinite().all(), "one class only"


def test_what_does_not_fit_is_refused(maps):
    loss = a_loss()
    with pytest.raises(DataError, match=r"maps of shape \(8, 5, 3, 4\) were expected.*not \(8, 5, 4, 3\)"):
        loss(maps.transpose(2, 3), LABELS)
    for wrong, told in ((3, "0 to 3"), (-1, "-1 to 2")):
        with pytest.raises(DataError, match=f"labels from 0 to 2 were expected, not {told}"):
            loss(maps, torch.cat([LABELS[:-1], torch.tensor([wrong])]))
    for categories in ((), (3,), (-1, 0)):
        with pytest.raises(SettingError, match="categories out of 0 to 2 were expected"):
            a_loss(categories=categories)


def test_the_masks_categories_are_saved_with_the_network_and_not_with_the_loss(maps):
    loss = a_loss()
    loss(maps, LABELS)
    assert set(loss.state_dict()) == {"log_z", "class_sums", "class_images", "seen"}
    assert "categories" in loss.mask.state_dict()


class TwoDevices:
    """`torch.distributed` of two threads, each of which is a device."""

    ReduceOp = dist.ReduceOp

    def __init__(self):
        self.barrier, self.given = threading.Barrier(2), {}

    def is_available(self):
        return True

    def is_initialized(self):
        return True

    def all_reduce(self, values, op=dist.ReduceOp.SUM):
        self.given[threading.get_ident()] = values.clone()
        self.barrier.wait(600)
        one, other = self.given.values()
        values.copy_(torch.maximum(one, other) if op == dist.ReduceOp.MAX else one + other)
        self.barrier.wait(600)


def test_the_means_of_two_devices_are_those_of_one_with_both_batches(maps, monkeypatch):
    whole = a_loss(learned_beta=True)
    for scale in (1, 2):
        whole(scale * maps, LABELS)
    monkeypatch.setattr(filter_loss, "dist", TwoDevices())
    losses = [a_loss(learned_beta=True), a_loss(learned_beta=True)]

    def learn(loss, rows):
        for scale in (1, 2):
            loss(scale * maps[rows], LABELS[rows])

    halves = zip(losses, (slice(0, 3), slice(3, 8)), strict=True)
    threads = [threading.Thread(target=learn, args=pair) for pair in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for loss in losses:
        torch.testing.assert_close(loss.log_z, whole.log_z)
        torch.testing.assert_close(loss.strengths, whole.strengths)
        torch.testing.assert_close(loss.mask.beta, whole.mask.beta)
        assert torch.equal(loss.mask.categories, whole.mask.categories)
