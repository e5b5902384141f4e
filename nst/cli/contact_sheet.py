"""A contact sheet: one photo in every style, as one picture."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from nst.cli.arguments import check_one_pass, reject_painting_options
from nst.cli.outputs import check_not_input
from nst.cli.terminal import Interrupted, Interrupts, print_message
from nst.errors import InputError
from nst.gallery import Style
from nst.images import check_writable, image_format, save_image
from nst.job import Request, prepare, resolve_request
from nst.network.vgg import Backbone
from nst.sheet import CELL, contact_sheet


def paint_sheet(
    options: argparse.Namespace,
    overrides: Mapping[str, Any],
    available: Sequence[Style],
    backbone: Backbone,
    interrupts: Interrupts,
) -> int:
    """Paint the sheet and return the exit code. After a signal it holds the styles painted so far.

    Raises ImageError or ValueError for bad input.
    """
    if options.out is None or len(options.pictures) != 1:
        raise InputError("a sheet is of one photo; write --sheet PHOTO -o OUT.png")
    if options.style:
        raise InputError("a sheet has every style; leave out --style")
    reject_painting_options(options, "this is a sheet of many")
    image_format(options.out)
    check_writable(options.out)
    check_not_input(Path(options.out), [*options.pictures, *(style.path for style in available)])
    requests = [
        Request(
            photo=options.pictures[0],
            styles=[style.name],
            recipe=options.recipe,
            preset=options.preset,
            overrides={"size": CELL, **overrides},
        )
        for style in available
    ]
    for request in requests:
        _, settings, _ = resolve_request(request, available)
        check_one_pass(overrides, settings)
    pictures: list[Image.Image] = []
    try:
        for request in tqdm(requests, unit=" styles"):
            *_, last = prepare(request, available, backbone).frames
            pictures.append(last.image)
    except Interrupted:
        pass
    with interrupts.deferred():
        if pictures:
            Path(options.out).parent.mkdir(parents=True, exist_ok=True)
            titles = [style.title for style in available[: len(pictures)]]
            save_image(contact_sheet(pictures, titles), options.out)
    if interrupts.number:
        print_message(f"{len(pictures)} styles are painted" if pictures else "nothing is written")
        return 128 + interrupts.number
    return 0
