import numpy as np
import pytest
import torch

from nst.optimise.guided_filter import NOISE, guided_filter, local_mean


def test_the_filter_equals_a_regression_in_each_window() -> None:
    random = torch.Generator().manual_seed(0)
    guide, values = (torch.rand(1, n, 9, 8, generator=random, dtype=torch.float64) for n in (3, 2))
    own, wanted = guide[0].numpy().reshape(3, 72).T, values[0].numpy().reshape(2, 72).T
    rows, columns = np.divmod(np.arange(72), 8)
    lines = []  # slopes and offset in the window around each position
    for row, column in zip(rows, columns, strict=True):
        near = (abs(rows - row) <= 1) & (abs(columns - column) <= 1)
        x, y = own[near], wanted[near]
        covariance = np.cov(x.T, bias=True) + NOISE * np.eye(3)
        slopes = np.linalg.solve(covariance, (x - x.mean(0)).T @ (y - y.mean(0)) / len(x))
        lines.append(np.vstack([slopes, y.mean(0) - x.mean(0) @ slopes]))
    expected = np.empty((72, 2))
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        near = (abs(rows - row) <= 1) & (abs(columns - column) <= 1)
        expected[i] = np.append(own[i], 1) @ np.mean(np.array(lines)[near], 0)
    filtered = guided_filter(values, guide, guide, 3)
    assert np.allclose(filtered[0].numpy().reshape(2, 72).T, expected)


def test_an_edge_of_the_picture_stays_an_edge() -> None:
    guide = torch.zeros(1, 3, 32, 32)
    guide[..., 16:] = 1
    coarse = torch.nn.functional.interpolate(guide[:, :1, ::8, ::8], guide.shape[2:], mode="bilinear")
    sharp = guided_filter(coarse, guide, guide, 17)[0, 0, 16]
    assert float(sharp[16] - sharp[15]) > 0.6 > 3 * float(coarse[0, 0, 16, 16] - coarse[0, 0, 16, 15])
    larger = guided_filter(coarse, guide, torch.nn.functional.interpolate(guide, (64, 96)), 17)
    assert larger.shape == (1, 1, 64, 96)


@pytest.mark.parametrize("window", [3, 33])
def test_means_near_the_border_count_only_what_is_inside(window: int) -> None:
    assert torch.allclose(local_mean(torch.full((1, 2, 5, 7), 0.3), window), torch.full((1, 2, 5, 7), 0.3))
