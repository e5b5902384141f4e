"""Operations in C++, compiled for this processor when they are first needed.

Without a compiler PyTorch's operations are used.
"""

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from nst.config import cache_folder
from nst.network.processor import processor_flags

log = logging.getLogger("nst")

FLAGS = "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC"  # the OpenMP of PyTorch, which is loaded already
COMPILERS = ("g++",)  # clang++ would bring an OpenMP of its own
MAX_SECONDS = 60  # for the compiler, which takes about two


def operation(name: str, like: Tensor) -> Callable[..., None] | None:
    """The operation of `features.cpp` for tensors in the number format of `like`; None: use PyTorch's.

    It takes tensors without gaps, channels last, then int and float numbers.
    """
    functions = library("features") if like.is_cpu else None
    for suffix in (str(like.dtype).removeprefix("torch."), 8 * like.dtype.itemsize):
        function = getattr(functions, f"{name}_{suffix}", None)
        if function is not None:
            return lambda *arguments: function(*map(_in_c, arguments), torch.get_num_threads())
    return None


def _in_c(argument: Tensor | float) -> Any:
    if isinstance(argument, Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    return ctypes.c_float(argument) if isinstance(argument, float) else argument


@cache
def library(name: str) -> ctypes.CDLL | None:
    """The functions of a C++ file in this folder, compiled now or before.

    None without a compiler, or after an error, which is logged.
    """
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if sys.platform != "linux" or compiler is None or not processor_flags():
        return None
    try:
        folder = cache_folder()
        source = Path(__file__).with_name(f"{name}.cpp")
        file = folder / f"{name}-{_version(source, compiler)}.so"
        if not file.is_file():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with TemporaryDirectory(dir=folder) as temporary:
                built = Path(temporary) / file.name
                command = [compiler, *FLAGS, str(source), "-o", str(built)]
                subprocess.run(command, check=True, capture_output=True, timeout=MAX_SECONDS)
                built.replace(file)
        if not (_is_private(folder) and _is_private(file)):
            raise OSError(f"others may write {str(file)!r}")
        return ctypes.CDLL(str(file))
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        log.info("%s.cpp is not compiled: %s", name, str(error).partition("\n")[0])
        return None


def _is_private(path: Path) -> bool:
    """Whether only this user may change a file or folder: code from it runs in this process."""
    status = path.stat()
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _version(source: Path, compiler: str) -> str:
    """Source, compiler, flags and processor, as a short hash: another machine may share the folder."""
    parts = (source.read_text(), compiler, FLAGS, platform.machine(), sorted(processor_flags()))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
