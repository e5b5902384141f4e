import numpy as np
import pytest
import torch
from torch import Tensor

from nst.optimise import matching
from nst.optimise.matching import directions, match, matching_loss, position_weight, total_weight


def test_matching_equals_brute_force() -> None:
    generator = torch.Generator().manual_seed(0)
    picture, style = (torch.rand(1, 4, h, w, generator=generator) for h, w in ((3, 5), (4, 2)))
    target = match(directions(picture), directions(style))
    loss = float(matching_loss(picture, target))

    def unit(features: Tensor) -> np.ndarray:
        rows = features[0].numpy().astype(np.float64).reshape(4, -1).T
        rows = rows - rows.mean(0)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    distance = 1 - unit(picture) @ unit(style).T
    expected = distance.min(1).mean() + distance.min(0).mean()
    assert loss == pytest.approx(expected, rel=1e-5)
    assert float(matching_loss(style, match(directions(style), directions(style)))) < 1e-5


def test_matching_does_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    picture, style = (torch.randn(50, 6, generator=generator), torch.randn(20, 6, generator=generator))
    whole = match(picture, style)
    features = picture.T.reshape(1, 6, 5, 10).requires_grad_()
    loss = matching_loss(features, whole)
    (gradient,) = torch.autograd.grad(loss, features)
    monkeypatch.setattr(matching, "BLOCK", 7)
    assert torch.allclose(match(picture, style), whole)
    in_blocks = matching_loss(features, whole)
    assert torch.allclose(in_blocks, loss)
    assert torch.allclose(torch.autograd.grad(in_blocks, features)[0], gradient, atol=1e-7)


def test_a_style_position_pulls_at_most_so_hard(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [position_weight(count, 2048) for count in (1000, 16384, 262144)] == [1 / 2048, 1 / 2048, 8 / 262144]
    assert total_weight(16384, 2048) == 2
    assert total_weight(262144, 2048) == 1 + 2048 * 8 / 262144
    picture, style = torch.eye(6)[[0, 1] * 10], torch.eye(6)[[2]]
    monkeypatch.setattr(matching, "MAX_PULL", 4.0)
    target = match(picture, style)
    assert sorted(target[:, 2].tolist()) == pytest.approx([0.05] * 19 + [0.05 + 4 / 20])
    features = torch.ones(1, 6, 4, 5)
    assert float(matching_loss(features, target * 0, weight=total_weight(20, 1))) == pytest.approx(1.2)
