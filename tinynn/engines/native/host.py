"""Where the code runs: memory and calls, from the operating system or from JavaScript.

In Pyodide, in a browser or under Node, the code is WebAssembly, and JavaScript is asked for what it
needs; elsewhere the operating system is, through `ctypes`. This module chooses; both sides have

Arena       memory for the numbers of a program
Lent        an array that the code reads and writes
executable  code as a function of an address
"""

from __future__ import annotations

import sys

if sys.platform == "emscripten":
    from .web_memory import LentToWeb as Lent, WebArena as Arena, instantiated as executable
else:
    from .memory import Arena, Lent, executable

__all__ = ["Arena", "Lent", "executable"]
