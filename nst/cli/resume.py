"""Continues a painting that was interrupted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nst.cli.terminal import print_message
from nst.errors import InputError
from nst.gallery import Style
from nst.images import upright_size
from nst.job import Request, resolve_request
from nst.optimise.schedule import schedule
from nst.sharing import file_hash, from_file


def resume(request: Request, out: Path, available: Sequence[Style]) -> Request | None:
    """The request for the steps that the painting in `out` lacks; all of them without that file; None if it is done.

    Raises ValueError if the file is no painting of nst, or one of another request.
    """
    if not out.exists():
        print_message(f"there is no {str(out)!r} yet; this begins it")
        return request
    metadata = from_file(out)
    if metadata is None:
        raise InputError(f"{str(out)!r} does not remember how it was painted; leave --resume out to paint anew")
    provenance, _ = metadata
    recipe, settings, styles = resolve_request(request, available)
    now = (recipe, settings, tuple(style.name for style in styles), tuple(file_hash(style.path) for style in styles))
    link = provenance.link
    if now != (link.recipe, link.settings, link.styles, provenance.style_hashes):
        raise InputError(f"{str(out)!r} was painted with other settings or styles; leave --resume out to paint anew")
    if provenance.step == provenance.steps:
        print_message(f"{str(out)!r} is finished")
        return None
    photo = upright_size(request.photo)
    steps = sum(count for _, count in schedule(settings, min(photo) / max(photo)))
    if steps != provenance.steps:
        raise InputError(f"{str(out)!r} was begun by another version of nst; leave --resume out to paint anew")
    print_message(f"step {provenance.step} of {steps} was the last; this continues")
    return replace(request, start=out, run=replace(request.run, first_step=provenance.step))
