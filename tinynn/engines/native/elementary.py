"""Elementary functions on vectors of four floats, in the instructions of `Machine`.

Sources: W. J. Cody and W. Waite, Software manual for the elementary functions (1980): reduction of
the argument with a constant in two parts. J.-M. Muller, Elementary functions (3rd edition, 2016):
minimax polynomials (chapter 3), their evaluation in parallel (Estrin's scheme, section 5.4).
"""

from __future__ import annotations

from struct import pack, unpack
from typing import Callable, Sequence

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


# tanh(h) = h + h z (_TANH[0] + _TANH[1] z + ...) with z = h**2, for |h| <= 3/8 ln 2, within
# 2**-56.8 of it.
_TANH = (
    -0.33333333333332416, 0.1333333333298651, -0.05396825352457723, 0.021869461591831563,
    -0.008862358452895496, 0.003576368907686705, -0.001307483951488018,
)  # fmt: skip

# log((1 + s) / (1 - s)) = 2 s + s z (_LOG[0] + _LOG[1] z + ...) with z = s**2, for
# 1 / sqrt(2) <= (1 + s) / (1 - s) <= sqrt(2), within 2**-59.4.
_LOG = (
    0.6666666666666734, 0.39999999999416513, 0.2857142874207626, 0.2222219859869438,
    0.1818356323460434, 0.15314074019774057, 0.1479575000902309,
)  # fmt: skip

_INFINITY = float("inf")
_LARGEST = float.fromhex("0x1.fffffffffffffp1023")
_SMALLEST_NORMAL = 2.0**-1022
_EXPONENT_OF_1 = 1023 << 52


def _bits(value: float) -> int:
    """Return a float's bits as an integer."""
    return int(unpack("<Q", pack("<d", value))[0])


def exp(m: Machine, constants: Constants, a: int, free: list[int]) -> None:
    """a = e**a

    With n the integer nearest to a / ln 2 and r = a - n ln 2, e**a = 2**n e**r. The factor 2**n is
    applied as 2**(n // 2) and 2**(n - n // 2): the product before the last is exact, so a result
    below the smallest normal number is rounded once, and one too large becomes inf. Arguments are
    limited to where the result is 0 or inf in any case.
    """
    at = constants.at
    k, n, r4, t, u, v = free[:6]
    m.vload(k, at(-746.0))
    m.vmax(a, k, a)
    m.vload(k, at(710.0))
    m.vmin(a, k, a)
    m.vload(k, at(_MAGIC + 2046))  # so k's last bits are n + 2046, the exponents of both factors
    m.fma(k, a, at(_LOG2_E))
    m.vsub(n, k, at(_MAGIC + 2046))
    m.fnma(a, n, at(_LN2_HIGH))
    m.fnma(a, n, at(_LN2_LOW))
    r2, c = n, _EXP
    m.vmul(r2, a, a)
    m.vload(u, at(c[4]))
    m.fma(u, a, at(c[5]))
    m.vload(v, at(c[6]))
    m.fma(v, a, at(c[7]))
    m.vload(t, at(c[8]))
    m.fma(t, a, at(c[9]))
    m.vmul(r4, r2, r2)
    m.fma(u, r2, v)
    m.vload(v, at(c[0]))
    m.fma(v, a, at(c[1]))
    m.fma(u, r4, t)
    m.vload(t, at(c[2]))
    m.fma(t, a, at(c[3]))
    m.fma(v, r2, t)
    m.fma(v, r4, u)
    m.fma(a, r2, v)
    m.vshift_left(n, k, 51)
    m.vand(n, n, constants.bits(0xFFF << 52))
    m.vshift_left(k, k, 52)
    m.vsub_int(k, k, n)
    m.fma(n, n, a)
    m.vmul(a, n, k)


def _series(
    m: Machine, constants: Constants, c: Sequence[float], r: int, r2: int, u: int, v: int
) -> None:
    """u = c[0] + c[1] r + ... + c[9] r**9; r2 becomes r**2, and v is overwritten."""
    at = constants.at
    m.vmul(r2, r, r)
    m.vload(u, at(c[8]))
    m.fma(u, r, at(c[9]))
    for k in (6, 4, 2, 0):
        m.vload(v, at(c[k]))
        m.fma(v, r, at(c[k + 1]))
        m.fma(v, r2, u)
        u, v = v, u


def expm1(m: Machine, constants: Constants, a: int, free: list[int]) -> None:
    """a = e**a - 1

    As in `exp`, e**a = 2**n e**r; with e**r = 1 + r + w the result is (2**n - 1) + 2**n r + 2**n w.
    For n = 0 it is r + w. The rounding error of r, a difference, is added to w. All is divided by
    2**(n - n // 2), which is applied last. The result has the sign of a, even for -0.0.
    """
    at, bits = constants.at, constants.bits
    k, r, r2, u, v, t = free[:6]
    m.vload(k, at(-60.0))
    m.vmax(r, k, a)
    m.vload(k, at(710.0))
    m.vmin(r, k, r)
    m.vload(k, at(_MAGIC + 2046))
    m.fma(k, r, at(_LOG2_E))
    m.vsub(u, k, at(_MAGIC + 2046))
    m.fnma(r, u, at(_LN2_HIGH))
    m.vmove(t, r)
    m.fnma(r, u, at(_LN2_LOW))
    m.vsub(t, t, r)
    m.fnma(t, u, at(_LN2_LOW))
    _series(m, constants, _EXP, r, r2, u, v)
    m.fma(t, u, r2)
    m.vshift_left(u, k, 51)
    m.vand(u, u, bits(0xFFF << 52))
    m.vshift_left(k, k, 52)
    m.vsub_int(k, k, u)
    m.vload(v, bits(2 * _EXPONENT_OF_1))
    m.vsub_int(v, v, k)  # 1 / k
    m.vsub(v, u, v)
    m.fma(v, u, r)
    m.fma(v, u, t)
    m.vmul(v, v, k)
    m.vand(a, a, at(-0.0))
    m.vor(a, a, v)


def tanh(m: Machine, constants: Constants, a: int, free: list[int]) -> None:
    """a = tanh(a)

    With x = -|a| = h + n ln 2 / 2, s = 2**n and T = tanh(h),

        |tanh(a)| = (1 - e**2x) / (1 + e**2x) = (p - q T) / (q - p T),  p = 1 - s, q = 1 + s.

    The integer n is chosen so that -3/8 <= h / ln 2 <= 1/8. So for |a| < 0.26 the quotient is T.
    (k is found in halves for that, and its last bit is cut off.) From there on three roundings add
    up to more than two units in the last place, so the quotient y is corrected by a part of its
    residual, (p - q T) - y (q - p T) = (p - y q) - T (q - y p): that would have to be divided by
    q - p T, which is between 0.7 and 1.7, so a constant does.
    """
    at, bits, c = constants.at, constants.bits, _TANH
    k, T, z, z2, u, v = free[:6]
    halves = _MAGIC / 2 + 1023  # so k's last bits are 2 (n + 1023)
    m.vor(T, a, at(-0.0))
    m.vload(k, at(-22.0))
    m.vmax(T, k, T)
    m.vload(k, at(halves + 0.5))
    m.fma(k, T, at(2.0 * _LOG2_E))
    m.vand(k, k, bits(2**64 - 2))
    m.vsub(u, k, at(halves))
    m.fnma(T, u, at(_LN2_HIGH / 2.0))
    m.fnma(T, u, at(_LN2_LOW / 2.0))
    m.vmul(z, T, T)
    m.vload(u, at(c[4]))
    m.fma(u, z, at(c[5]))
    m.vload(v, at(c[2]))
    m.fma(v, z, at(c[3]))
    m.vmul(z2, z, z)
    m.fma(u, z2, at(c[6]))
    m.fma(v, z2, u)
    m.vload(u, at(c[0]))
    m.fma(u, z, at(c[1]))
    m.fma(u, z2, v)
    m.vmul(z, T, z)
    m.fma(T, z, u)
    y, p, q = k, v, u
    m.vshift_left(k, k, 51)
    m.vload(q, at(1.0))
    m.vsub(p, q, k)
    m.vadd(q, q, k)
    m.vmove(y, p)
    m.fnma(y, q, T)
    m.vmove(z, q)
    m.fnma(z, p, T)
    m.vdiv(y, y, z)
    m.vmove(z, p)
    m.fnma(z, y, q)
    m.fnma(q, y, p)
    m.fnma(z, T, q)
    m.fma(y, z, at(0.65))
    m.vand(a, a, at(-0.0))
    m.vor(a, a, y)


def log(m: Machine, constants: Constants, a: int, free: list[int]) -> None:
    """a = the natural logarithm of a: -inf for 0, NaN below 0

    A number below the smallest normal one is first multiplied by 2**54.
    """
    at = constants.at
    k, t, u = free[0], free[1], free[2]
    m.vless(t, a, at(_SMALLEST_NORMAL))
    m.vmul(u, a, at(2.0**54))
    m.vselect(u, t, u, a)
    m.vand(t, t, at(54.0))
    _reduce(m, constants, u, k)
    m.vsub(k, k, t)
    _mark_special(m, constants, a, k, t, free[3])
    m.vsub(a, u, at(1.0))
    m.vadd(u, u, at(1.0))
    _log_of_sum(m, constants, a, u, k, [t, *free[3:]])


def _reduce(m: Machine, constants: Constants, u: int, k: int) -> None:
    """u, k = m, n with u = 2**n m and 1 / sqrt(2) <= m < sqrt(2), for a normal u > 0."""
    bits = constants.bits
    lowest = _bits(0.5**0.5)
    m.vsub_int(u, u, bits(lowest - _EXPONENT_OF_1 + 2**64))
    m.vshift_right(k, u, 52)
    m.vand(u, u, bits(2**52 - 1))
    m.vadd_int(u, u, bits(lowest))
    m.vor(k, k, constants.at(2.0**52))
    m.vsub(k, k, constants.at(2.0**52 + 1023))


def _mark_special(m: Machine, constants: Constants, a: int, k: int, t: int, u: int) -> None:
    """k = the logarithm of a where that is not finite, else k; t and u are overwritten."""
    at = constants.at
    m.vless(t, a, at(_INFINITY))
    m.vselect(k, t, k, a)
    m.vless(t, a, at(0.0))
    m.vor(t, t, at(-_INFINITY))  # all bits set: NaN
    m.vat_most(u, a, at(0.0))
    m.vselect(k, u, t, k)


def _log_of_sum(m: Machine, constants: Constants, f: int, d: int, k: int, free: list[int]) -> None:
    """f = k ln 2 + log(1 + f), for d = 2 + f, 1 / sqrt(2) <= 1 + f <= sqrt(2)

    With s = f / (2 + f), log(1 + f) = log((1 + s) / (1 - s)) = 2 s + s R = f - s (f - R).
    """
    at, c = constants.at, _LOG
    s = d
    z, z2, u, v = free[:4]
    m.vdiv(s, f, d)
    m.vmul(z, s, s)
    m.vmul(z2, z, z)
    m.vload(u, at(c[4]))
    m.fma(u, z, at(c[5]))
    m.vload(v, at(c[2]))
    m.fma(v, z, at(c[3]))
    m.fma(u, z2, at(c[6]))
    m.fma(v, z2, u)
    m.vload(u, at(c[0]))
    m.fma(u, z, at(c[1]))
    m.fma(u, z2, v)
    m.vmove(v, f)
    m.fnma(v, z, u)
    m.vmul(z2, k, at(_LN2_LOW))
    m.fnma(z2, s, v)
    m.vadd(f, f, z2)
    m.fma(f, k, at(_LN2_HIGH))


def log1p(m: Machine, constants: Constants, a: int, free: list[int]) -> None:
    """a = log(1 + a): -inf for -1, NaN below -1

    With u = 1 + a rounded, and c its error, 1 + a = 2**n (m + c / 2**n), and f is m - 1 + c / 2**n.
    For n = 0 that is exactly a. The result has the sign of a, even for -0.0.
    """
    at, bits = constants.at, constants.bits
    f, k, t, u, v = free[:5]
    m.vload(t, at(1.0))
    m.vmax(v, t, a)
    m.vmin(t, t, a)
    m.vadd(u, v, t)
    m.vsub(v, u, v)
    m.vsub(t, t, v)
    m.vless(v, u, at(_INFINITY))
    m.vand(t, t, v)  # the error is NaN for inf
    m.vmove(f, u)
    _reduce(m, constants, u, k)
    m.vsub_int(v, u, f)  # the bits of m less those of 1 + a: less n in the exponent
    m.vadd_int(v, v, bits(1024 << 52))  # 2 / 2**n
    m.vmin(v, v, at(_LARGEST))  # inf for u = 0, where the error is 0
    m.vmul(t, t, v)
    _mark_special(m, constants, f, k, v, free[5])
    m.vsub(f, u, at(1.0))
    m.fma(f, t, at(0.5))
    m.vadd(u, f, at(2.0))
    _log_of_sum(m, constants, f, u, k, [t, v, *free[5:]])
    m.vand(a, a, at(-0.0))
    m.vor(a, a, f)


FUNCTIONS: dict[str, Function] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "tanh": tanh,
}
SCRATCH_NEEDED = {"exp": 6, "expm1": 6, "log": 6, "log1p": 7, "tanh": 6}
