"""Write the static site."""

import argparse
from pathlib import Path

from nst.cli.terminal import print_message
from nst.config import Config
from nst.errors import InputError
from nst.page.ui.translations import languages, load_words
from nst.web.export import export


def export_web(parser: argparse.ArgumentParser, folder: str) -> int:
    """Write the site into the folder and return the exit code (see `nst.cli.main.main`)."""
    try:
        space = Config.from_env().space
        full_app = f"https://huggingface.co/spaces/{space}" if space else ""
        size = export(Path(folder), {language: load_words(language) for language in languages()}, full_app)
    except (InputError, OSError) as error:
        parser.error(str(error))
    print_message(f"{folder}: {size / 1e6:.1f} MB; to try it: python -m http.server -d {folder}")
    return 0
