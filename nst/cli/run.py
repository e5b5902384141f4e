"""From what was asked for to one painting, or one for each photo."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nst.cli.films import is_film, paint_film
from nst.cli.outputs import plan_outputs
from nst.cli.painting import Kept, broken_off, paint
from nst.cli.sheets import paint_sheet
from nst.cli.terminal import Interrupts, tell
from nst.cli.wish import Wish, check_common, read_wish, tell_differences
from nst.config import Config
from nst.gallery import Style
from nst.job import prepare
from nst.network.memory import tune_allocator
from nst.network.vgg import Backbone, load_backbone
from nst.recipes import SOURCES


def run(
    parser: argparse.ArgumentParser,
    asked: argparse.Namespace,
    given: Mapping[str, Any],
    offered: Sequence[Style],
) -> int:
    """Paint what was asked for with the settings given, and return the exit code (see `main`)."""
    tune_allocator()
    with Interrupts() as interrupts:
        try:
            return _run(parser, asked, given, offered, interrupts)
        except KeyboardInterrupt:
            return 128 + interrupts.number


def _run(
    parser: argparse.ArgumentParser,
    asked: argparse.Namespace,
    given: Mapping[str, Any],
    offered: Sequence[Style],
    interrupts: Interrupts,
) -> int:
    try:
        config = Config.from_env()
        if asked.sheet:
            return paint_sheet(asked, given, offered, load_backbone(config=config), interrupts)
        if is_film(asked, given):
            return paint_film(asked, given, offered, interrupts)
        wish = read_wish(asked, given, offered)
        outs = plan_outputs(wish, offered)
        if len(wish.photos) > 1:
            check_common(wish, offered)
        backbone = load_backbone(config=config)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    except (MemoryError, RuntimeError) as error:
        tell(broken_off(error))
        return 1
    codes = []
    for photo, out in zip(wish.photos, outs, strict=True):
        codes.append(_paint_one(parser, wish, photo, out, offered, backbone, interrupts))
        if interrupts.number:
            return codes[-1]
    return 2 if set(codes) == {2} else int(any(codes))


def _paint_one(
    parser: argparse.ArgumentParser,
    wish: Wish,
    photo: str,
    out: Path,
    offered: Sequence[Style],
    backbone: Backbone,
    interrupts: Interrupts,
) -> int:
    """The exit code for one photo; with others to come, bad input is told, and the work goes on."""
    asked, several = wish.asked, len(wish.photos) > 1
    try:
        job = prepare(wish.request(photo), offered, backbone)
    except (ValueError, MemoryError) as error:
        if not several:
            parser.error(str(error))
        tell(f"{photo}: {error}")
        return 2
    tell_differences(wish, job)
    every = asked.log_every
    if every is None and asked.log:
        every = SOURCES[job.shared.recipe].log_every
    if several:
        tell(f"{photo} -> {out}")
    return paint(job, Kept(out, asked.log, every or 0, asked.save_every), interrupts)
