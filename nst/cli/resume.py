"""Continues a painting that was interrupted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nst.cli.terminal import print_message
from nst.errors import InputError
from nst.gallery import Style
from nst.images import fitted_size, open_checked, upright_size
from nst.job import Request, resolve_request
from nst.optimise.schedule import schedule
from nst.sharing import file_hash, from_file

INPUTS = "nst-inputs"
"""Key of the text chunk with the `input_hashes`. Only an unfinished PNG of the command line has it."""


def input_hashes(request: Request) -> str:
    """The `file_hash`es of the photo and of the mask, which --resume compares."""
    return ",".join(file_hash(file) for file in (request.photo, request.mask) if isinstance(file, str | Path))


def resume(request: Request, out: Path, available: Sequence[Style]) -> Request | None:
    """The request for the steps that the painting in `out` lacks. None if it lacks none.

    Without that file it is the whole request. Raises ValueError if the file is no painting of nst, or one of another
    request.
    """
    if out.suffix.lower() != ".png":
        raise InputError(f"only a PNG can be resumed; end {str(out)!r} in .png")
    if request.start:
        raise InputError("--resume continues the painting in the output file; leave --start out")
    if not out.exists():
        print_message(f"there is no {str(out)!r} yet; this begins it")
        return request
    with open_checked(out, "the painting to continue") as picture:
        picture.load()  # raises the right error for a broken file
        hashes = picture.info.get(INPUTS)
    metadata = from_file(out)
    if metadata is None:
        raise InputError(f"{str(out)!r} does not remember how it was painted; leave --resume out to paint anew")
    provenance, _ = metadata
    recipe, settings, styles = resolve_request(request, available)
    now = (recipe, settings, tuple(style.name for style in styles), tuple(file_hash(style.path) for style in styles))
    link = provenance.link
    inputs = {name for name in ("mask", "keep_alpha") if getattr(request, name)}
    if (
        now != (link.recipe, link.settings, link.styles, provenance.style_hashes)
        or {*provenance.extra_inputs} != inputs
    ):
        raise InputError(
            f"{str(out)!r} was painted with other settings, styles or masks; leave --resume out to paint anew"
        )
    if provenance.step == provenance.steps:
        print_message(f"{str(out)!r} is finished")
        return None
    if hashes is not None and hashes != input_hashes(request):  # None: the page has written the file
        raise InputError(f"{str(out)!r} is of another photo or mask; leave --resume out to paint anew")
    photo = fitted_size(upright_size(request.photo), settings.size)
    steps = sum(count for _, count in schedule(settings, min(photo) / max(photo)))
    if steps != provenance.steps:
        raise InputError(f"{str(out)!r} was begun by another version of nst; leave --resume out to paint anew")
    print_message(f"step {provenance.step} of {steps} was the last; this continues")
    return replace(request, start=out, run=replace(request.run, first_step=provenance.step))
