"""Elementary functions on vectors of four floats, in the instructions of `Machine`.

Sources: W. J. Cody and W. Waite, Software manual for the elementary functions (1980): reduction of
the argument with a constant in two parts. J.-M. Muller, Elementary functions (3rd edition, 2016):
minimax polynomials (chapter 3), their evaluation in parallel (Estrin's scheme, section 5.4).
"""

from __future__ import annotations

from typing import Callable

from .constants import Constants
from .machine import Machine

Function = Callable[[Machine, Constants, int, "list[int]"], None]

# ln 2 in two parts: a multiple of the first by an integer up to 2**13 is exact.
_LN2_HIGH, _LN2_LOW = 0.6931471805592082, 7.371002565167799e-13
_LOG2_E = 1.4426950408889634

# The sum of this and a number has the nearest integer in its last bits.
_MAGIC = 1.5 * 2.0**52

# e**r = 1 + r + r**2 (_EXP[0] + _EXP[1] r + ...) for |r| <= ln 2 / 2, within 2**-57.8: a minimax
# polynomial by Remez's algorithm, in which one coefficient after another was rounded and the rest
# fitted again.
_EXP = (
    0.5000000000000011, 0.16666666666666438, 0.04166666666652578, 0.008333333333473355,
    0.0013888888944867594, 0.00019841269562361188, 2.4801491742067576e-05,
    2.755752799475762e-06, 2.7630753824403965e-07, 2.502106392276264e-08,
)  # fmt: skip


def exp(m: Machine, constants: Constants, a: int, free: list[int]) -> None:
    """a = e**a

    With n the integer nearest to a / ln 2 and r = a - n ln 2, e**a = 2**n e**r. The factor 2**n is
    applied as 2**(n // 2) and 2**(n - n // 2): the product before the last is exact, so a result
    below the smallest normal number is rounded once, and one too large becomes inf. Arguments are
    limited to where the result is 0 or inf in any case.
    """
    at = constants.at
    k, n, *rest = free
    m.vload(k, at(-746.0))
    m.vmax(a, k, a)
    m.vload(k, at(710.0))
    m.vmin(a, k, a)
    m.vload(k, at(_MAGIC + 2046))  # so k's last bits are n + 2046, the exponents of both factors
    m.fma(k, a, at(_LOG2_E))
    m.vsub(n, k, at(_MAGIC + 2046))
    m.fnma(a, n, at(_LN2_HIGH))
    m.fnma(a, n, at(_LN2_LOW))
    _exp_less_1(m, constants, a, [n, *rest])
    m.vshift_right(n, k, 1)
    m.vsub_int(k, k, n)
    m.vshift_left(n, n, 52)
    m.vshift_left(k, k, 52)
    m.fma(n, n, a)
    m.vmul(a, n, k)


def _exp_less_1(m: Machine, constants: Constants, r: int, free: list[int]) -> None:
    """r = e**r - 1, for |r| <= ln 2 / 2: r + r**2 q(r), where q is _EXP by Estrin's scheme."""
    at, c = constants.at, _EXP
    r2, r4, t, u, v = free[:5]
    m.vmul(r2, r, r)
    m.vload(u, at(c[4]))
    m.fma(u, r, at(c[5]))
    m.vload(v, at(c[6]))
    m.fma(v, r, at(c[7]))
    m.vload(t, at(c[8]))
    m.fma(t, r, at(c[9]))
    m.vmul(r4, r2, r2)
    m.fma(u, r2, v)
    m.vload(v, at(c[0]))
    m.fma(v, r, at(c[1]))
    m.fma(u, r4, t)
    m.vload(t, at(c[2]))
    m.fma(t, r, at(c[3]))
    m.fma(v, r2, t)
    m.fma(v, r4, u)
    m.fma(r, r2, v)


FUNCTIONS: dict[str, Function] = {"exp": exp}
