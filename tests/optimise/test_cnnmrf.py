"""The Markov random field's loss against its formula in NumPy."""

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from nst.optimise.cnnmrf import mrf_loss, patch_positions, patch_target, patches


def _features(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0, 1, (1, 4, height, width)))


@pytest.mark.parametrize(("height", "width"), [(7, 8), (3, 4), (10, 5)])
def test_patches_cover_every_position(height: int, width: int) -> None:
    features = _features(height, width, 0)
    positions = patch_positions(height, width)
    assert positions.unique().tolist() == list(range(height * width))
    windows = sliding_window_view(features[0].numpy(), (3, 3), axis=(1, 2))
    rows, columns = ([*range(0, length - 2, 2)] + [length - 3] * (length % 2 == 0) for length in (height, width))
    expected = [windows[:, row, column].reshape(4, 9).T.ravel() for row in rows for column in columns]
    assert np.allclose(patches(features), expected)


def test_a_layer_smaller_than_a_patch_repeats_its_edge() -> None:
    assert patch_positions(1, 2).tolist() == [[0, 1, 1] * 3]


def test_the_loss_is_the_squared_distance_to_the_most_correlated_patches() -> None:
    own, style = _features(6, 7, 0), _features(8, 5, 1)
    pool, sources = patches(style), patches(own).numpy()
    squares, numbers = np.zeros(6 * 7), np.zeros(6 * 7)
    for source, places in zip(sources, patch_positions(6, 7).numpy(), strict=True):
        correlations = [source @ t / np.linalg.norm(source) / np.linalg.norm(t) for t in pool.numpy()]
        distance = (source - pool.numpy()[int(np.argmax(correlations))]) ** 2
        squares[places] += distance.reshape(9, 4).sum(1)
        numbers[places] += 1
    target = patch_target(own, pool)
    assert float(mrf_loss(own, *target)) == pytest.approx(0.5 * (squares / numbers).sum())
    assert torch.autograd.gradcheck(lambda x: mrf_loss(x, *target), own.clone().requires_grad_())


def test_a_picture_of_the_styles_own_patches_has_no_loss() -> None:
    style = _features(7, 9, 0)
    assert float(mrf_loss(style, *patch_target(style, patches(style)))) == pytest.approx(0, abs=1e-9)
