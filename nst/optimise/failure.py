"""Whether a run has led anywhere: a picture that is no better than its start is no painting."""

import math

from nst.optimise.objective import Losses, balance
from nst.settings import Settings

WORSE = 1.25
"""Times the loss of its start that a picture may end with. Where there is little to gain, as at a
strength of 0.05, the first steps go too far, and a short run leaves them there."""


def failure_reason(
    first: Losses, last: Losses, moved: bool, styled: bool, settings: Settings
) -> str:
    """What went wrong, in a sentence, or nothing.

    `first` and `last` are the losses of the last scale, and `moved` tells whether the picture is
    another than the one it began with, `styled` whether there is a style.
    """
    if not all(math.isfinite(value) for value in (*first.values(), *last.values())):
        return "the loss is no finite number: weights this large overflow; choose smaller ones"
    if not _should_move(styled, settings):
        return ""
    if not moved:
        return "the picture ended no better than it began; choose weights that are nearer to 1"
    most = first["total"] * (1 if settings.init == "noise" else WORSE)
    if last["total"] > most:
        return (
            f"the picture ended worse than it began, with a loss of {last['total']:.4g} after "
            f"{first['total']:.4g}; choose smaller weights or a lower learning rate"
        )
    return ""


def _should_move(styled: bool, settings: Settings) -> bool:
    """Whether something pulls at the picture where it begins.

    The photo is its own best picture where no style counts, as at strength 0.
    """
    content, style, _ = balance(settings)
    drawn = styled and style > 0 and (settings.style_layers or settings.coherence > 0)
    return bool(drawn or (not settings.from_photo and content > 0 and settings.content_layers))
