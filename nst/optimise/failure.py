"""Detects runs that failed: their picture is no better than the one they started from."""

import math

from nst.optimise.objective import Losses, balance
from nst.settings import Settings

MAX_GROWTH = 1.25
"""Upper bound of the final loss, relative to the first. Where there is little to gain, as at a strength of 0.05, the
first steps overshoot, and a short run ends before it recovers."""


def failure_reason(first: Losses, last: Losses, moved: bool, styled: bool, settings: Settings) -> str:
    """Why the run failed, in a sentence; "" if it did not.

    `first` and `last` are the first and the last losses of the last scale. `moved` says whether
    that scale changed the picture, `styled` whether the run has a style.
    """
    if not all(math.isfinite(value) for value in (*first.values(), *last.values())):
        return "the loss is no finite number: weights this large overflow; choose smaller ones"
    if not _should_move(styled, settings):
        return ""
    if not moved:
        return "the picture ended no better than it began; choose weights that are nearer to 1"
    limit = first["total"] * (1 if settings.init == "noise" else MAX_GROWTH)
    if last["total"] > limit:
        return (
            f"the picture ended worse than it began, with a loss of {last['total']:.4g} after "
            f"{first['total']:.4g}; choose smaller weights or a lower learning rate"
        )
    return ""


def _should_move(styled: bool, settings: Settings) -> bool:
    """Whether the loss has a gradient at the start.

    Without a style, or at strength 0, the photo already is the optimum.
    """
    content, style, _ = balance(settings)
    by_style = styled and style > 0 and (settings.style_layers or settings.coherence > 0)
    by_content = not settings.from_photo and content > 0 and settings.content_layers
    return bool(by_style or by_content)
