"""Mutual information: against loops over images and templates, and its gradient against autograd and small steps."""

import math

import pytest
import torch

from whynet.models.mutual_information import information_gradient, mutual_information, scores
from whynet.models.part_templates import templates


@pytest.fixture
def own():
    return templates(3, 4, torch.tensor([4.0, 2.0]).double(), "l1")


@pytest.fixture
def maps():
    return 40 * torch.rand(6, 2, 3, 4, dtype=torch.double, generator=torch.Generator().manual_seed(0))


def slow(maps, own):
    """Equations (1) and (2) of one filter: a sum over templates and images."""
    num, alpha = len(own), (len(own) - 1) / len(own)
    prior = [alpha / (num - 1)] * (num - 1) + [1 - alpha]
    weight = [[math.exp(sum(x * t for x, t in zip(image, template, strict=True))) for image in maps]
              for template in own]  # fmt: skip
    given = [[value / sum(row) for value in row] for row in weight]
    found = 0.0
    for template in range(num):
        for image in range(len(maps)):
            p_image = sum(prior[other] * given[other][image] for other in range(num))
            ratio = given[template][image] / p_image
            found += prior[template] * given[template][image] * math.log(ratio)
    return found


def test_it_is_the_papers_sum(maps, own):
    expected = [slow(maps[:, f].flatten(1).tolist(), own[f].tolist()) for f in range(2)]
    assert mutual_information(maps, own).tolist() == pytest.approx(expected, rel=1e-9)
    assert min(expected) > 0


def test_the_gradient_is_autograds(maps, own):
    maps.requires_grad_()
    (expected,) = torch.autograd.grad(mutual_information(maps, own).sum(), maps)
    torch.testing.assert_close(information_gradient(maps.detach(), own), expected)
    assert float(expected.abs().max()) > 1e-4


def test_a_step_along_it_raises_the_information_and_one_against_it_lowers_it(maps, own):
    before, gradient = mutual_information(maps, own), information_gradient(maps, own)
    for sign in (1, -1):
        after = mutual_information(maps + sign * 5 * gradient / gradient.norm(), own)
        assert (sign * (after - before) > 0).all()


def test_images_that_are_alike_tell_nothing(own):
    assert mutual_information(torch.ones(4, 2, 3, 4).double(), own).tolist() == pytest.approx([0, 0], abs=1e-12)
    assert mutual_information(torch.zeros(1, 2, 3, 4).double(), own).tolist() == pytest.approx([0, 0], abs=1e-12)


def test_large_activations_do_not_overflow(maps, own):
    assert mutual_information(1e6 * maps, own).isfinite().all()
    assert information_gradient(1e6 * maps, own).isfinite().all()


def test_half_precision_is_added_up_in_single(own):
    assert scores(torch.rand(2, 2, 3, 4).bfloat16(), own.float()).dtype == torch.float
