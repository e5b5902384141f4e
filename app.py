"""The Space's entry: `python app.py` serves the page at http://127.0.0.1:7860."""

import os
import sys

if os.environ.get("SPACES_ZERO_GPU"):
    import spaces  # noqa: F401  # must be imported before torch

from nst.page.start import serve

if __name__ == "__main__":
    sys.exit(serve())
