"""The program from its arguments to its exit code."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from nst.command.outputs import plan_outputs
from nst.command.painting import Kept, paint
from nst.command.parser import make_parser, parse
from nst.command.terminal import Interrupts, tell, tolerant_streams
from nst.command.wish import Wish, check_common, read_wish, tell_differences
from nst.config import Config
from nst.gallery import Plate, plates
from nst.job import prepare
from nst.network.memory import tune_allocator
from nst.network.vgg import Backbone, load_backbone
from nst.recipes import SOURCES


def main(arguments: Sequence[str] | None = None) -> int:
    """Paint, and return the exit code.

    0: done. 1: a run led nowhere, or its picture could not be saved; of several photos, at least
    one. 2: bad input, nothing was painted. 128 and a signal's number, as 130 for Ctrl-C: ended, the
    picture is kept.
    """
    tune_allocator()
    with tolerant_streams(), Interrupts() as interrupts:
        try:
            return _run(arguments, interrupts)
        except KeyboardInterrupt:
            return 128 + interrupts.number


def _run(arguments: Sequence[str] | None, interrupts: Interrupts) -> int:
    parser = make_parser()
    asked, given = parse(parser, arguments)
    try:
        offered = plates()
        if asked.list:
            _list(offered)
            return 0
        config = Config.from_env()
        wish = read_wish(asked, given, offered)
        outs = plan_outputs(wish, offered)
        if len(wish.photos) > 1:
            check_common(wish, offered)
        backbone = load_backbone(config=config)
    except (ValueError, OSError) as error:
        parser.error(str(error))
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
    offered: Sequence[Plate],
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


def _list(offered: Sequence[Plate]) -> None:
    """Names, titles and traditions of the plates, in columns."""
    rows = [(plate.name, plate.title, plate.tradition) for plate in offered]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)] if rows else [0, 0]
    for name, title, tradition in rows:
        print(f"{name:{widths[0]}}  {title:{widths[1]}}  {tradition}".rstrip())
