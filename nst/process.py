"""The process that imported `nst`. `nst` imports this at once, before a program can fork."""

import os

IMPORTED_IN = os.getpid()
