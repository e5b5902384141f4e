"""The Space's entry: `python app.py` serves the page at http://127.0.0.1:7860."""

import logging
import os
import signal
import sys

if os.environ.get("SPACES_ZERO_GPU"):
    import spaces  # noqa: F401  # it has to come before anything that brings torch

from nst.config import Config
from nst.network.memory import tune_allocator


def main() -> int:
    """Serve the page; 2, and one line, where the owner's settings can't be read."""
    # Until `launch` listens: a container's first process is deaf to signals that nobody handles.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("nst").setLevel(logging.INFO)
    tune_allocator()
    try:
        config = Config.from_env()
        # Gradio reads its variables as it is imported: after ours have been judged.
        from nst.page.serve import build, launch
        from nst.service.app_state import open_app_state

        blocks, page = build(open_app_state(config))
        launch(blocks, page.app_state)
    except (ValueError, OSError) as error:
        print(f"nst: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
