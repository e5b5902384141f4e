"""`import nst` changes nothing in the process (for the allocator: tests/network/test_memory.py)."""

import subprocess
import sys

QUIET = """
import os, sys, threading
import huggingface_hub, numpy, PIL.Image, safetensors.torch, torch  # these start what they start

def native_threads():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0

def state():
    return native_threads(), threading.active_count(), torch.get_num_threads()

before = state(), dict(os.environ)
import nst
assert (state(), dict(os.environ)) == before
assert "gradio" not in sys.modules
"""


def test_importing_changes_nothing_and_brings_no_page() -> None:
    subprocess.run([sys.executable, "-c", QUIET], check=True)
