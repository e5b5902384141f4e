"""Named settings: our own, and the systems of the literature that we came from.

A recipe is nothing but settings and where they come from. Its source's own choices are kept where
they are known: start, layers, reductions, weights, optimiser, number of steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nst.settings import Settings

_FIVE_CONVS, _FIVE_RELUS = (
    tuple((f"{kind}{block}_1", 0.2) for block in range(1, 6)) for kind in ("conv", "relu")
)
_SCRATCH_LAYERS = tuple(
    (layer, 1.0) for layer in ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "relu5_1")
)

DEFAULT = "atelier"

RECIPES = {
    DEFAULT: Settings(),
    "gatys": Settings(
        init="noise",
        scales=1,
        steps=500,
        coherence=0,
        smoothness=0,
        content_layers=(("conv4_2", 1.0),),
        content_loss="half",
        content_weight=1e-3,
        style_layers=_FIVE_CONVS,
        style_loss="gatys",
        pooling="average",
    ),
    "deep-art-gallery": Settings(
        init="noise",
        scales=1,
        optimizer="adam",
        steps=1000,
        coherence=0,
        smoothness=0,
        content_layers=(("conv4_2", 1.0),),
        content_loss="quarter",
        content_weight=10,
        style_layers=_FIVE_CONVS,
        style_loss="gatys",
        style_weight=40,
    ),
    "painting-with-gans": Settings(
        init="photo",
        scales=1,
        steps=4000,
        coherence=0,
        smoothness=0.25,
        content_layers=(("relu5_3", 1.0),),
        content_loss="half",
        content_weight=1e-11,
        style_layers=_FIVE_RELUS,
        style_loss="gatys",
        style_weight=1e-8,  # small, so that the total variation has a say
    ),
    # Its network sees pixels of 0..1 as they are, ours of 0..255 as Oxford trained it: features are
    # 255 times as large, so that the weights of its source are divided by that number to the second
    # power (content) and to the fourth (style).
    "from-scratch": Settings(
        init="photo",
        scales=1,
        optimizer="adam",
        learning_rate=0.001,
        steps=10_000,
        coherence=0,
        smoothness=0,
        content_layers=_SCRATCH_LAYERS,
        content_loss="mean",
        content_weight=0.9 / 255**2,
        style_layers=_SCRATCH_LAYERS,
        style_loss="mean",
        style_weight=0.1 / 255**4,
    ),
    "texture": Settings(init="noise", content_layers=(), smoothness=0),
    "reconstruct": Settings(
        init="noise",
        scales=1,
        steps=200,
        coherence=0,
        smoothness=0,
        content_layers=(("conv4_2", 1.0),),
        content_loss="half",
        style_layers=(),
    ),
}
"""The settings of each recipe; `dataclasses.replace` changes some of them."""


PRESETS: dict[str, dict[str, Any]] = {
    "gentle": {"strength": 0.25, "detail": 0.3, "style_scale": 1.0},
    "balanced": {"strength": 0.5, "detail": 0.0, "style_scale": 1.0},
    "bold": {"strength": 0.65, "detail": 0.25, "style_scale": 1.0},
    "wild": {"strength": 0.9, "detail": 0.0, "style_scale": 1.5},
}
"""How far the style may go: a few knobs at once, on top of a recipe."""


def combine(
    recipe: str = DEFAULT,
    own: Mapping[str, Any] | None = None,
    preset: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings for what somebody asked for; ValueError says what is wrong with it.

    A recipe's settings, changed by a plate's `own` best ones, then by a preset, then by what was
    `given` by name. A plate's own were found with our recipe, and count with it alone.
    """
    if recipe not in RECIPES:
        raise ValueError(f"recipe is {recipe!r}; choose one of {', '.join(RECIPES)}")
    own = own if own and recipe == DEFAULT else {}
    return change(replace(RECIPES[recipe], **own), preset, given or {})


def change(settings: Settings, preset: str | None, given: Mapping[str, Any]) -> Settings:
    """Settings with a preset laid over them, and over both what was given by name."""
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; choose one of {', '.join(PRESETS)}")
    if unknown := set(given) - set(vars(settings)):
        named = ", ".join(map(repr, sorted(unknown)))
        raise ValueError(f"there is no setting {named}; there are {', '.join(vars(settings))}")
    few = PRESETS[preset] if preset is not None else {}
    return replace(settings, **few | dict(given))


@dataclass(frozen=True)
class Source:
    """Where a recipe comes from: what people read, in LaTeX where it is a formula.

    `log_every` is the number of steps between two lines of the losses in the source, or what suits
    its length; `backbones` are the networks that it was written for; none: any.
    """

    title: str
    credit: str
    told: str
    formula: str
    log_every: int
    backbones: tuple[str, ...] = ("VGG-19",)


_SYMBOLS = (
    "$F, P$: features of the picture and the photo; $G, A$: Gram matrices of the picture and the "
    "style; $N$ channels, $M$ positions."
)

SOURCES = {
    "atelier": Source(
        "Atelier",
        "ours, 2026",
        "Coarse to fine from the photo in the style's palette, its calm parts from a first draft; "
        "every loss relative to its target; strokes matched to where they belong.",
        r"\alpha \frac{\sum w (F-P)^2}{\sum P^2} + \beta \Big( \sum_l w_l "
        r"\frac{\sum (G_l-A_l)^2}{\sum A_l^2} + \kappa\, D_\text{match} \Big) + \gamma\, \text{TV}",
        10,
        (),
    ),
    "gatys": Source(
        "Gatys et al.",
        "Gatys, Ecker, Bethge: A Neural Algorithm of Artistic Style, 2015; CVPR 2016",
        "The method that began it all: from noise, one scale, average pooling.",
        r"\begin{gathered} \alpha\, \tfrac12 \sum (F-P)^2 + \beta \sum_l w_l "
        r"\frac{\sum (G_l-A_l)^2}{4 N_l^2 M_l^2} \\ \alpha/\beta = 10^{-3} \end{gathered}",
        50,
    ),
    "deep-art-gallery": Source(
        "Deep art gallery",
        "the form that courses teach, after Gatys et al. 2015",
        "From noise with Adam, a thousand steps.",
        r"10\, \frac{\sum (F-P)^2}{4 N M} + 40 \sum_l w_l \frac{\sum (G_l-A_l)^2}{4 N_l^2 M_l^2}",
        200,
    ),
    "painting-with-gans": Source(
        "Painting with GANs",
        "the project of that name, after Gatys et al. 2015",
        "From the photo, content as deep as the network goes, four thousand steps of L-BFGS.",
        r"\alpha\, \tfrac12 \sum (F-P)^2 + \beta \sum_l w_l "
        r"\frac{\sum (G_l-A_l)^2}{4 N_l^2 M_l^2} + \gamma\, \text{TV}",
        50,
        ("VGG-16", "VGG-19"),
    ),
    "from-scratch": Source(
        "From scratch",
        "tutorials that write it from scratch in PyTorch, after Gatys et al. 2015",
        "From the photo with Adam in ten thousand small steps; Gram matrices not normalised.",
        r"0.9 \sum_l \operatorname{mean}(F_l-P_l)^2 + 0.1 \sum_l \operatorname{mean}(G_l-A_l)^2",
        500,
    ),
    "texture": Source(
        "Texture",
        "after Gatys, Ecker, Bethge: Texture Synthesis Using Convolutional Networks, 2015",
        "The style alone, from noise: more of the painting. The photo lends nothing but its shape.",
        r"\sum_l w_l \frac{\sum (G_l-A_l)^2}{\sum A_l^2} + \kappa\, D_\text{match}",
        10,
        (),
    ),
    "reconstruct": Source(
        "Reconstruct",
        "Mahendran, Vedaldi 2015; figure 1 of Gatys et al. 2015",
        "The photo alone, from noise: what one layer still knows of it.",
        r"\tfrac12 \sum (F-P)^2",
        20,
    ),
}
"""Where each recipe comes from."""


def describe_recipe(name: str, backbone: str) -> str:
    """A recipe in Markdown: what it does, its formula, its source, and `stand_in`."""
    source = SOURCES[name]
    parts = [source.told, f"$${source.formula}$$", _SYMBOLS, f"Source: {source.credit}."]
    return "\n\n".join([*parts, backbone_note(name, backbone)]).strip()


def backbone_note(name: str, backbone: str) -> str:
    """A sentence, if `backbone` is not what the recipe was written for, else nothing."""
    written_for = SOURCES[name].backbones
    if not written_for or backbone in written_for:
        return ""
    return f"{name} was written for {' or '.join(written_for)}; here {backbone} paints."
