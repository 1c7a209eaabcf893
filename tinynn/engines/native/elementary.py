"""The elementary functions of vectors, in the instructions of `Machine`: straight lines of code.

`FUNCTIONS[name](machine, constants, a, free)` writes code that replaces vector register a by its
function. It overwrites the first `SCRATCH_NEEDED[name]` of the registers `free`, and vector
register SCRATCH through operands in memory. All arguments are served: where there is no value the
result is NaN, beyond the largest float it is inf, and a zero has the sign that it should.

The largest errors found at 500,000 arguments each, in units in the last place; instructions; and
nanoseconds a number, in a loop over 1024 of them, on an Intel Xeon (Sapphire Rapids), beside NumPy
2.4, which uses AVX-512 there, and Python's `math`:

            error   instructions   native   NumPy   math
    exp      1.00             32     1.08    1.02     34
    tanh     1.38             38     1.35    2.06     40
    log      0.86             37     1.50    1.34     72
    expm1    1.29             40     1.25    1.62     36
    log1p    1.47             48     1.95    1.75     36
    erfc     1.65          111     4.2              39

On a machine whose `fma` rounds twice, as WebAssembly, they are less than 2 units off, too.

Sources: W. J. Cody and W. Waite, Software manual for the elementary functions (1980), for the
reduction of arguments with a constant in two parts; J.-M. Muller, Elementary functions (3rd
edition, 2016), for minimax polynomials (chapter 3) and Estrin's scheme (section 5.4); fdlibm (Sun
Microsystems, 1993), for log.
"""

from __future__ import annotations

from typing import Callable

from .constants import Constants
from .error_function import erfc
from .exponentials import exp, expm1, tanh
from .logarithms import log, log1p
from .machine import Machine

FUNCTIONS: dict[str, Callable[[Machine, Constants, int, list[int]], None]] = {
    "erfc": erfc,
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "tanh": tanh,
}
SCRATCH_NEEDED = {"erfc": 9, "exp": 6, "expm1": 6, "log": 6, "log1p": 7, "tanh": 6}
