"""`import nst` has no side effects (the allocator: tests/network/test_memory.py)."""

import subprocess
import sys

QUIET = """
import os, sys, threading
import huggingface_hub, numpy, PIL.Image, safetensors.torch, torch  # these may start threads

def native_threads():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0

def state():
    return native_threads(), threading.active_count(), torch.get_num_threads()

before = state(), dict(os.environ)
import nst
assert callable(nst.stylize)
assert (state(), dict(os.environ)) == before
assert "gradio" not in sys.modules
"""


QUICK = """
import sys
import nst.cli.main
from nst import Settings
assert "torch" not in sys.modules
"""


def test_importing_has_no_side_effects_and_imports_no_gradio() -> None:
    subprocess.run([sys.executable, "-c", QUIET], check=True)


def test_help_and_option_errors_import_no_pytorch() -> None:
    subprocess.run([sys.executable, "-c", QUICK], check=True)
