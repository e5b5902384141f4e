"""The start of the page, for `app.py` and `nst --page`."""

import gc
import logging
import signal
import sys

from nst.config import Config
from nst.process import collector_paused


def serve() -> int:
    """Serve the page until a signal ends it, and return the exit code.

    2, with one line on stderr, for a bad environment variable or a port in use.
    """
    # Until `launch` listens: a container's first process ignores signals without a handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("nst").setLevel(logging.INFO)
    try:
        config = Config.from_env()
        with collector_paused():
            from nst.network.memory import tune_allocator

            tune_allocator()
            # Gradio reads its variables when it is imported: ours have to be checked before.
            from nst.page.app import build, launch
            from nst.service.app_state import open_app_state

            blocks, page = build(open_app_state(config))
        gc.freeze()  # a collection stops the server; now it skips the modules and the page
        launch(blocks, page.app_state)
    except (ValueError, OSError) as error:
        print(f"nst: {error}", file=sys.stderr)
        return 2
    return 0
