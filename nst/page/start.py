"""The start of the page, for `app.py` and `nst --page`."""

import logging
import signal
import sys

from nst.config import Config
from nst.network.memory import tune_allocator


def serve() -> int:
    """Serve the page until a signal ends it, and return the exit code.

    2, with one line on stderr, for a bad environment variable or a port in use.
    """
    # Until `launch` listens: a container's first process ignores signals without a handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("nst").setLevel(logging.INFO)
    tune_allocator()
    try:
        config = Config.from_env()
        # Gradio reads its variables when it is imported: ours have to be checked before.
        from nst.page.app import build, launch
        from nst.service.app_state import open_app_state

        blocks, page = build(open_app_state(config))
        launch(blocks, page.app_state)
    except (ValueError, OSError) as error:
        print(f"nst: {error}", file=sys.stderr)
        return 2
    return 0
