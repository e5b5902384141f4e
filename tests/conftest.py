"""Real parts at small sizes: the bundled network, a plate, a photo drawn here."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from nst.backbone import Backbone, load_backbone
from nst.gallery import plates
from nst.weights import bundled


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return load_backbone(bundled())


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A landscape with a house, 120 x 96."""
    down = np.linspace(0, 1, 96)[:, None, None]
    sky = np.array([110, 160, 220]) * (1 - down) + np.array([240, 220, 190]) * down
    image = Image.fromarray(np.broadcast_to(sky, (96, 120, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, 70), (60, 55), (120, 74), (120, 96), (0, 96)], fill=(80, 120, 60))
    draw.rectangle((40, 40, 75, 72), fill=(180, 80, 60))
    draw.polygon([(35, 42), (57, 22), (80, 42)], fill=(90, 50, 40))
    return image


@pytest.fixture(scope="session")
def style() -> Image.Image:
    return Image.open(plates()[0].path)
