"""Fine-tuning of the one-pass network for a style that it was not trained on."""

from collections.abc import Callable, Generator, Sequence

import torch
from PIL import Image
from torch import Tensor

from nst.colour import in_palette, moments, whitening
from nst.images import fit
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.one_pass_network.network import DECODER_MULTIPLE
from nst.one_pass_network.styles import TRAINED_SIZE, load_weights, paint_once
from nst.optimise.objective import Objective
from nst.optimise.optimizers import adam, cosine_decay
from nst.optimise.regions import Region
from nst.optimise.targets import fit_style
from nst.settings import Settings

STEPS, RATE = 28, 0.05
"""Steps of Adam, and its rate at the first of them. Eighty steps lower the style loss by 3 % more."""

CROP = 256  # longest side, in pixels, of the parts of the photos that are painted

PALETTE_WEIGHT = 0.05
"""Weight of `palette_loss`. Without it, paintings after a colourful style come out almost grey: the strongest colours
of a style are few, and hardly count in its Gram matrices."""

OUTLIER_WEIGHT, OUTLIER_LIMIT, OUTLIER_SHARE = 0.4, 6.0, 0.5
"""Weight of a painting's `excess`, the squared distance from which on a colour counts, and the share of the style's
own excess that a painting may have. Without this loss, lips and eyes become cyan or green in styles that have no such
colours: they are few, too."""


def fine_tune(
    cin: Tensor, style: Image.Image, style_scale: float, photos: Sequence[Image.Image], backbone: Backbone
) -> Generator[Tensor, None, None]:
    """Yield better and better CIN parameters, 1 x CIN_SIZE, for an RGB style, STEPS times.

    They start from `cin`, those that the network predicts. Each step paints the middle of one of the RGB photos, and
    lowers the optimiser's loss and `colour_loss_of` the style. The parameters are good for other photos, too. A step
    takes 0.2 seconds on two cores with AMX.
    """
    device, region = backbone.device, Region([(style, 1.0)])
    settings = Settings(size=TRAINED_SIZE, style_scale=style_scale)
    colour_loss = colour_loss_of(style, device)
    weights, examples = load_weights(device), list[tuple[Tensor, Objective]]()
    cin = cin.detach().clone().requires_grad_()
    update = adam([cin])
    for step in range(STEPS):
        if step < len(photos):
            crop = _middle(fit(photos[step], TRAINED_SIZE))
            recoloured = to_tensor(in_palette(crop, region.styles)).to(device)
            objective = Objective(recoloured, [region], TRAINED_SIZE, settings, backbone)
            examples.append((to_tensor(crop).to(device), objective))
        photo, objective = examples[step % len(photos)]
        painting = paint_once(photo, cin, weights)
        _, gradient = objective(painting)
        # The first term's gradient is that of the objective. Autograd takes one, too, but imports SymPy for it.
        total = (painting * gradient).sum() + colour_loss(painting)
        update(torch.autograd.grad(total, [cin]), RATE * cosine_decay(step, STEPS))
        yield cin.detach().clone()


def colour_loss_of(style: Image.Image, device: torch.device) -> Callable[[Tensor], Tensor]:
    """The weighted sum of `palette_loss` and `excess` of a painting, 1 x 3 x H x W in 0..1, after an RGB style."""
    own = moments([(style, 1.0)])
    mean, covariance, white = (torch.from_numpy(x).float().to(device) for x in (*own, whitening(own[1])))
    allowed = OUTLIER_SHARE * excess(255 * to_tensor(fit_style(style, CROP, 1.0)).to(device), mean, white)

    def colour_loss(painting: Tensor) -> Tensor:
        palette = palette_loss(255 * painting, mean, covariance, white)
        outliers = (excess(255 * painting, mean, white) - allowed).relu()
        return PALETTE_WEIGHT * palette + OUTLIER_WEIGHT * outliers

    return colour_loss


def palette_loss(painting: Tensor, mean: Tensor, covariance: Tensor, white: Tensor) -> Tensor:
    """The squared distance of a painting's colours, 1 x 3 x H x W, from a mean, 3, and a covariance, 3 x 3.

    It is relative to the style's variation: `white` is the `whitening` of its covariance.
    """
    rows = painting[0].flatten(1)
    offset = white @ (rows.mean(1) - mean)
    spread = white @ (torch.cov(rows) - covariance) @ white
    return offset.square().sum() + spread.square().sum()


def excess(picture: Tensor, mean: Tensor, white: Tensor) -> Tensor:
    """The mean excess of squared distances of a picture's colours, 1 x 3 x H x W, above OUTLIER_LIMIT.

    The distance is Mahalanobis's from the style's mean, 3: in standard deviations of the style, with `white` as in
    `palette_loss`.
    """
    offsets = white @ (picture[0].flatten(1) - mean[:, None])
    return (offsets.square().sum(0) - OUTLIER_LIMIT).relu().mean()


def _middle(photo: Image.Image) -> Image.Image:
    """The middle of a photo, CROP pixels wide and high or as large as it is, in multiples of DECODER_MULTIPLE."""
    width, height = (min(CROP, side // DECODER_MULTIPLE * DECODER_MULTIPLE) for side in photo.size)
    left, top = (photo.width - width) // 2, (photo.height - height) // 2
    return photo.crop((left, top, left + width, top + height))
