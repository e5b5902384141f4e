"""Paint one photo or several, a contact sheet, or a video."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nst.cli.arguments import CliRequest, check_request, expand_patterns, is_video, parse_request, print_differences
from nst.cli.contact_sheet import paint_sheet
from nst.cli.outputs import plan_outputs
from nst.cli.paint import RunOutput, describe_failure, paint
from nst.cli.resume import input_hashes, resume
from nst.cli.terminal import Interrupts, print_message
from nst.config import Config
from nst.errors import InputError
from nst.gallery import Style
from nst.job import prepare
from nst.messages import duration
from nst.network.memory import tune_allocator
from nst.network.vgg import Backbone, load_backbone
from nst.optimise.schedule import LARGE
from nst.recipes import SOURCES
from nst.service.engine import expected_seconds


def run(
    parser: argparse.ArgumentParser,
    options: argparse.Namespace,
    overrides: Mapping[str, Any],
    available: Sequence[Style],
) -> int:
    """Paint, and return the exit code (see `nst.cli.main.main`)."""
    tune_allocator()
    with Interrupts() as interrupts:
        try:
            return _run(options, overrides, available, interrupts)
        except KeyboardInterrupt:
            return 128 + interrupts.number
        except (InputError, OSError) as error:
            parser.error(str(error))
        except (MemoryError, RuntimeError, ValueError) as error:
            print_message(describe_failure(error))
            return 1


def _run(
    options: argparse.Namespace, overrides: Mapping[str, Any], available: Sequence[Style], interrupts: Interrupts
) -> int:
    config = Config.from_env()
    expand_patterns(options, available)
    if options.sheet:
        backbone = load_backbone(config=config)
        return paint_sheet(options, overrides, available, backbone, interrupts)
    if is_video(options, overrides):
        from nst.cli.video import paint_video  # imports OpenCV, which takes time

        return paint_video(options, overrides, available, config, interrupts)
    request = parse_request(options, overrides, available)
    outs = plan_outputs(request, available)
    if len(request.photos) == 1:
        backbone = load_backbone(config=config)
        return _paint_photo(request, request.photos[0], outs[0], available, backbone, interrupts)
    check_request(request, available)
    backbone = load_backbone(config=config)
    codes = []
    for photo, out in zip(request.photos, outs, strict=True):
        try:
            codes.append(_paint_photo(request, photo, out, available, backbone, interrupts))
        except InputError as error:
            print_message(f"{photo}: {error}")
            codes.append(2)
        if interrupts.number:
            return codes[-1]
    return 2 if set(codes) == {2} else int(any(codes))


def _paint_photo(
    request: CliRequest, photo: str, out: Path, available: Sequence[Style], backbone: Backbone, interrupts: Interrupts
) -> int:
    """Paint one photo and return its exit code. Raises ImageError or ValueError for bad input."""
    options = request.options
    one = request.for_photo(photo)
    if options.resume:
        resumed = resume(one, out, available)
        if resumed is None:
            return 0
        one = resumed
    try:
        job = prepare(one, available, backbone)
    except MemoryError as error:
        raise InputError(str(error)) from None
    print_differences(request, job)
    log_every = options.log_every
    if log_every is None and options.log:
        log_every = SOURCES[job.link.recipe].log_every
    if len(request.photos) > 1:
        print_message(f"{photo} -> {out}")
    if job.settings.size > LARGE:
        seconds = expected_seconds(job.work, backbone)
        print_message(f"this takes about {duration(seconds)}; Ctrl-C keeps the picture so far")
    output = RunOutput(out, input_hashes(one), options.log, log_every or 0, options.save_every, request.file_options)
    return paint(job, output, interrupts)
