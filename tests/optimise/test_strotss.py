"""The losses of STROTSS against their formulas in NumPy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nst import RECIPES, Settings
from nst.optimise.strotss import colour_remd, cosine_remd, moment_loss, moments, self_similarity_loss, term_weights

Rows = NDArray[np.float64]


def _rows(count: int, width: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 2, (count, width)))


def _cosine_distances(a: Rows, b: Rows) -> Rows:
    return 1 - np.array([[x @ y / np.sqrt(x @ x * (y @ y)) for y in b] for x in a])


@pytest.mark.parametrize(("first", "second"), [(20, 6), (6, 20)])
def test_the_earth_movers_distance_is_the_larger_of_two_sides(first: int, second: int) -> None:
    a, b = _rows(first, 9, 0), _rows(second, 9, 1)
    distances = _cosine_distances(a.numpy(), b.numpy())
    sides = distances.min(1).mean(), distances.min(0).mean()
    assert sides[0] != pytest.approx(sides[1], rel=0.05)
    assert float(cosine_remd(a, b)) == pytest.approx(max(sides))
    assert torch.autograd.gradcheck(lambda x: cosine_remd(x, b), a.requires_grad_())


def test_colours_have_euclidean_distances_also_after_the_papers_rotation() -> None:
    a, b = _rows(20, 3, 0), _rows(15, 3, 1)
    rotation = np.array([[1, 1, 1], [-1, 1.366025, -0.366025], [-1, -0.366025, 1.366025]]) / 3**0.5  # grey, and two
    for x, y in ((a.numpy(), b.numpy()), (a.numpy() @ rotation.T, b.numpy() @ rotation.T)):
        distances = np.linalg.norm(x[:, None] - y[None], axis=2)
        assert float(colour_remd(a, b)) == pytest.approx(max(distances.min(1).mean(), distances.min(0).mean()))
    assert torch.autograd.gradcheck(lambda x: colour_remd(x, b), a.requires_grad_())


def test_moments_are_mean_and_covariance() -> None:
    a, b = _rows(20, 5, 0), _rows(30, 5, 1) + 1
    means = np.abs(a.numpy().mean(0) - b.numpy().mean(0)).mean()
    covariances = np.abs(np.cov(a.numpy().T, bias=True) - np.cov(b.numpy().T, bias=True)).mean()
    target = moments(b)
    assert float(moment_loss(a, *target)) == pytest.approx(means + covariances)
    assert torch.autograd.gradcheck(lambda x: moment_loss(x, *target), a.requires_grad_())


def test_self_similarity_compares_normalised_distances() -> None:
    a, b = _rows(12, 5, 0), _rows(12, 5, 1)
    normalised = []
    for rows in (a.numpy(), b.numpy()):
        distances = _cosine_distances(rows, rows)
        normalised.append(distances / distances.sum(0))
    expected = np.abs(normalised[0] - normalised[1]).sum() / 12
    assert float(self_similarity_loss(a, b)) == pytest.approx(expected)
    assert float(self_similarity_loss(a, 3 * a)) == pytest.approx(0, abs=1e-12)
    assert torch.autograd.gradcheck(lambda x: self_similarity_loss(x, b), a.requires_grad_())


@pytest.mark.parametrize(("size", "alpha"), [(64, 16), (128, 8), (256, 4), (512, 2), (1024, 1)])
def test_the_weights_are_those_of_the_paper(size: int, alpha: float) -> None:
    content, remd, palette, tv = term_weights(RECIPES["strotss"], size)
    total = 2 + alpha + 1 / alpha
    assert (content, remd, palette, tv) == pytest.approx((alpha / total, 1 / total, 1 / alpha / total, 0))


def test_weights_at_the_ends_of_the_strength_are_finite() -> None:
    only_style = Settings(method="strotss", strength=1, content_weight=16)
    assert term_weights(only_style, 64)[:3] == pytest.approx((0, 1 / 3, 1 / 3))
    only_content = Settings(method="strotss", strength=0, content_weight=16)
    assert term_weights(only_content, 64)[:3] == (1, 0, 0)
