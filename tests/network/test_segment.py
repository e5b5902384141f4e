import pytest
import torch

from nst.network.segment import Segment, relu_backward


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("in_place", [False, True])
def test_the_relus_gradient_equals_autograds_to_the_bit(dtype: torch.dtype, in_place: bool) -> None:
    before = torch.randn(1, 5, 33, 7).to(dtype, memory_format=torch.channels_last)
    before[0, :, 0, 0] = torch.tensor([0.0, -0.0, float("inf"), 1e-38, -1e-38])
    after = before.requires_grad_().relu()
    grad = torch.randn(after.shape).to(dtype)
    (truth,) = torch.autograd.grad(after, before, grad)
    out = grad if in_place else torch.empty_like(after)
    found = relu_backward(grad, after.detach() + 0.0, out)  # -0.0, which torch lets pass, becomes 0
    assert found is out
    assert torch.equal(found, truth)
    assert not found.signbit()[found == 0].any()


def test_a_segment_leaves_what_comes_in_as_it_is() -> None:
    x = torch.tensor([-1.0, 2.0]).view(1, 2, 1, 1).requires_grad_()
    out = Segment.apply(x, ["relu"])
    push = torch.ones_like(out)
    (grad,) = torch.autograd.grad(out, x, push)
    assert (x.flatten().tolist(), out.flatten().tolist()) == ([-1, 2], [0, 2])
    assert (grad.flatten().tolist(), push.flatten().tolist()) == ([0, 1], [1, 1])
