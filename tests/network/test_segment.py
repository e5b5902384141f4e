import pytest
import torch

from nst.network import relu
from nst.network.relu import relu_, relu_backward
from nst.network.segment import Segment


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_gradient_of_a_relu_equals_autograd_exactly(
    dtype: torch.dtype, in_place: bool, layout: torch.memory_format, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if at_once:  # as on a GPU
        monkeypatch.setattr(relu, "operation", lambda *_: None)
        monkeypatch.setattr(relu, "at_once", lambda _: True)
    before = torch.randn(1, 5, 33, 7).to(dtype, memory_format=torch.channels_last)
    before[0, :, 0, 0] = torch.tensor([0.0, -0.0, float("inf"), 1e-38, -1e-38])
    after = before.requires_grad_().relu()
    grad = torch.randn(after.shape).to(dtype, memory_format=layout)
    (truth,) = torch.autograd.grad(after, before, grad)
    out = grad if in_place else torch.empty_like(after)
    result = relu_backward(grad, after.detach() + 0.0, out)  # torch keeps -0.0; here it is 0
    assert result is out
    assert torch.equal(result, truth)
    assert not result.signbit()[result == 0].any()


def test_a_segment_does_not_modify_its_input() -> None:
    x = torch.tensor([-1.0, 2.0]).view(1, 2, 1, 1).requires_grad_()
    out = Segment.apply(x, ["relu"])
    push = torch.ones_like(out)
    (grad,) = torch.autograd.grad(out, x, push)
    assert (x.flatten().tolist(), out.flatten().tolist()) == ([-1, 2], [0, 2])
    assert (grad.flatten().tolist(), push.flatten().tolist()) == ([0, 1], [1, 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_relu_keeps_nan_but_no_negative_zero(dtype: torch.dtype) -> None:
    result = relu_(torch.tensor([-1.0, -0.0, 0.0, 2.0, torch.nan], dtype=dtype))
    assert result[:4].tolist() == [0, 0, 0, 2]
    assert not result[:4].signbit().any()
    assert result[4].isnan()
