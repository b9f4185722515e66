"""Templates, position by position from the paper's equation, and on maps that are not square."""

import math

import pytest
import torch

from whynet.models.part_templates import shapes, tau, templates


def slow(row, column, peak_row, peak_column, rows, columns, beta, norm):
    """T_mu / tau of one position; with rows = columns = n the paper's 1 - beta ||[i, j] - mu||_1 / n."""
    across, along = (row - peak_row) / rows, (column - peak_column) / columns
    distance = abs(across) + abs(along) if norm == "l1" else math.hypot(across, along)
    return max(1 - beta * distance, -1)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize(("rows", "columns"), [(6, 6), (3, 5), (1, 4), (1, 1)])
def test_every_template_is_its_equation(rows, columns, norm):
    betas = torch.tensor([4.0, 1.5, 0.0])
    found = templates(rows, columns, betas, norm)
    assert found.shape == (3, rows * columns + 1, rows * columns)
    for f, beta in enumerate(betas.tolist()):
        for peak in range(rows * columns):
            for place in range(rows * columns):
                at = (place // columns, place % columns, peak // columns, peak % columns)
                expected = 0.5 / (rows * columns) * slow(*at, rows, columns, beta, norm)
                assert float(found[f, peak, place]) == pytest.approx(expected, abs=1e-6)
        assert found[f, -1].tolist() == pytest.approx([-0.5 / (rows * columns)] * (rows * columns))
    assert tau(rows, columns) == 0.5 / (rows * columns)


def test_peaks_of_a_batch_have_a_shape_each_and_a_beta_of_their_filter():
    peaks = torch.tensor([[0, 5], [7, 7], [11, 2]])
    betas = torch.tensor([4.0, 2.0])
    found = shapes(peaks, 3, 4, betas, "l1")
    assert found.shape == (3, 2, 3, 4)
    for b in range(3):
        for f in range(2):
            torch.testing.assert_close(found[b, f], shapes(peaks[b, f], 3, 4, float(betas[f]), "l1"))
    assert found.flatten(2).argmax(2).tolist() == peaks.tolist()
    assert float(found.max()) == 1


def test_half_precision_stays_half_precision():
    assert shapes(torch.tensor([3]), 2, 3, torch.tensor([4.0], dtype=torch.bfloat16), "l1").dtype == torch.bfloat16
