"""`import nst` and the Space's entry have no side effects."""

import subprocess
import sys
from pathlib import Path

from tests.serving import ROOT

QUIET = """
import ctypes, gc, os, platform, sys, tempfile, threading
from pathlib import Path
import huggingface_hub, numpy, PIL.Image, safetensors.torch, torch  # these may start threads

def native_threads():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0

def state():
    files = {*Path(tempfile.gettempdir()).iterdir()}
    return native_threads(), threading.active_count(), torch.get_num_threads(), files, dict(os.environ)

before = state()
import nst
assert callable(nst.stylize)
assert state() == before
assert "gradio" not in sys.modules
import app
assert state() == before
from nst.network.vgg import Backbone
assert not [thing for thing in gc.get_objects() if isinstance(thing, Backbone)]

class Info(ctypes.Structure):
    _fields_ = [(f"n{k}", ctypes.c_int) for k in range(10)]

def is_mapped_separately():
    before = libc.mallinfo().n3  # number of separately mapped blocks
    assert libc.malloc(ctypes.c_size_t(1 << 28))
    return libc.mallinfo().n3 > before

if platform.libc_ver()[0] == "glibc":
    from nst.network.memory import return_freed_memory, tune_allocator
    libc = ctypes.CDLL("libc.so.6")
    libc.mallinfo.restype, libc.malloc.restype = Info, ctypes.c_void_p
    assert is_mapped_separately(), "an import has tuned the allocator"
    tune_allocator()
    assert not is_mapped_separately(), "tune_allocator has not"
    return_freed_memory()
"""


QUICK = """
import sys
import nst.cli.main
from nst import Settings
assert "torch" not in sys.modules
"""


def test_importing_has_no_side_effects_and_imports_no_gradio(tmp_path: Path) -> None:
    environment = {"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", QUIET], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_help_and_option_errors_import_no_pytorch() -> None:
    subprocess.run([sys.executable, "-c", QUICK], check=True)
