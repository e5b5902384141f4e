"""One photo in every plate, as one picture."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from nst.cli.outputs import check_own
from nst.cli.terminal import Ended, Interrupts, tell
from nst.cli.wish import refuse_for_one_painting
from nst.gallery import Style
from nst.images import check_writable, image_format, save_image
from nst.job import Request, prepare
from nst.network.vgg import Backbone
from nst.sheet import CELL, contact_sheet


def paint_sheet(
    asked: argparse.Namespace,
    given: Mapping[str, Any],
    offered: Sequence[Style],
    backbone: Backbone,
    interrupts: Interrupts,
) -> int:
    """The exit code, as of a photo. Ended early, the sheet holds the plates that are painted.

    Raises ImageError or ValueError for bad input.
    """
    if asked.out is None or len(asked.pictures) != 1:
        raise ValueError("a sheet is of one photo; write --sheet PHOTO -o OUT.png")
    if asked.style:
        raise ValueError("a sheet has every plate; leave out --style")
    refuse_for_one_painting(asked, "this is a sheet of many")
    image_format(asked.out)
    check_writable(asked.out)
    check_own(Path(asked.out), [*asked.pictures, *(plate.path for plate in offered)])
    [photo], knobs = asked.pictures, {"size": CELL, **given}
    painted: list[Image.Image] = []
    try:
        for plate in tqdm(offered, unit=" plates"):
            request = Request(
                photo, [plate.name], recipe=asked.recipe, preset=asked.preset, given=knobs
            )
            *_, last = prepare(request, offered, backbone).frames
            painted.append(last.image)
    except Ended:
        pass
    with interrupts.held():
        if painted:
            Path(asked.out).parent.mkdir(parents=True, exist_ok=True)
            titles = [plate.title for plate in offered[: len(painted)]]
            save_image(contact_sheet(painted, titles), asked.out)
    if interrupts.number:
        tell(f"{len(painted)} plates are painted" if painted else "nothing is written")
        return 128 + interrupts.number
    return 0
