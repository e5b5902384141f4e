"""The program from its arguments to its exit code; what needs no PyTorch is answered without it."""

from collections.abc import Sequence

from nst.cli.parser import make_parser, parse
from nst.cli.terminal import tolerant_streams
from nst.gallery import Style, load_styles


def main(arguments: Sequence[str] | None = None) -> int:
    """Paint, and return the exit code.

    0: done. 1: a run led nowhere, or its picture could not be saved; of several photos, at least
    one. 2: bad input, nothing was painted. 128 and a signal's number, as 130 for Ctrl-C: ended, the
    picture is kept.
    """
    with tolerant_streams():
        parser = make_parser()
        asked, given = parse(parser, arguments)
        try:
            offered = load_styles()
        except (ValueError, OSError) as error:
            parser.error(str(error))
        if asked.list:
            _list(offered)
            return 0
        from nst.cli.run import run  # PyTorch comes with it, and takes seconds

        return run(parser, asked, given, offered)


def _list(offered: Sequence[Style]) -> None:
    """Names, titles and traditions of the plates, in columns."""
    rows = [(plate.name, plate.title, plate.tradition) for plate in offered]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)] if rows else [0, 0]
    for name, title, tradition in rows:
        print(f"{name:{widths[0]}}  {title:{widths[1]}}  {tradition}".rstrip())
