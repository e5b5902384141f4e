"""The entry point of `nst` and `python -m nst`. Help and option errors do not import PyTorch."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from nst.cli.parser import make_parser, parse_arguments
from nst.cli.terminal import end_at_once, restore_signals, tolerant_streams
from nst.gallery import Style, load_styles
from nst.process import collector_paused


def program() -> NoReturn:
    """`main` as a process of its own, which ends at once: unloading PyTorch for CUDA would take half a second."""
    os._exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    0: success. 1: a run failed, or its picture could not be saved; of several photos, at least
    one. 2: bad input, nothing was painted. 128 + a signal's number, such as 130 for Ctrl-C: ended
    early, and the picture so far is saved.
    """
    end_at_once()
    try:
        with tolerant_streams():
            parser = make_parser()
            options, overrides = parse_arguments(parser, arguments)
            if not options.page:
                try:
                    styles = load_styles()
                except (ValueError, OSError) as error:
                    parser.error(str(error))
                if options.list:
                    _print_styles(styles)
                    return 0
                if options.export_web:
                    from nst.cli.web import export_web  # imports Gradio

                    return export_web(parser, options.export_web)
                with collector_paused():
                    from nst.cli.run import run  # imports PyTorch, which takes seconds

                return run(parser, options, overrides, styles)
    finally:
        restore_signals()
    from nst.page.start import serve

    sys.exit(serve())  # not `program`'s end: Gradio cleans up


def _print_styles(styles: Sequence[Style]) -> None:
    """Ids, titles and traditions, in columns."""
    rows = [(style.name, style.title, style.tradition) for style in styles]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)] if rows else [0, 0]
    for name, title, tradition in rows:
        print(f"{name:{widths[0]}}  {title:{widths[1]}}  {tradition}".rstrip())
