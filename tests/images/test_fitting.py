import numpy as np
import pytest
import torch
from PIL import Image

from nst.images import ImageError, fit
from nst.images.tensors import to_image, to_tensor


def test_fit_keeps_the_shape_and_refuses_a_ribbon() -> None:
    image = Image.new("RGB", (300, 150))
    assert fit(image, 512).size == (512, 256)
    assert fit(image, 100).size == (100, 50)
    with pytest.raises(ImageError, match="too narrow"):
        fit(Image.new("RGB", (3000, 60)), 512)


def test_tensors_and_back() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    tensor = to_tensor(Image.fromarray(pixels))
    assert (tensor.shape, tensor.dtype) == ((1, 3, 20, 30), torch.float32)
    assert np.array_equal(np.asarray(to_image(tensor)), pixels)
    assert np.asarray(to_image(tensor * 0 + 2)).min() == 255
