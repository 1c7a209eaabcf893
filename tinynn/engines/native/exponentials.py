"""e**a, e**a - 1 and the hyperbolic tangent of vectors, in the instructions of `Machine`.

A minimax polynomial is one by Remez's algorithm, in which one coefficient after another was rounded
and the rest fitted again; the error stated is that of the rounded coefficients.
"""

from __future__ import annotations

from .constants import Constants
from .machine import Machine

# ln 2 in two parts: a multiple of the first by an integer up to 2**13 is exact.
LN2_HIGH, LN2_LOW = 0.6931471805592082, 7.371002565167799e-13
LOG2_E = 1.4426950408889634

# The sum of this and a number has the nearest integer in its last bits.
MAGIC = 1.5 * 2.0**52

# e**r = 1 + r + r**2 (EXP[0] + EXP[1] r + ...) for |r| <= ln 2 / 2, within 2**-57.8: minimax.
EXP = (
    0.5000000000000011, 0.16666666666666438, 0.04166666666652578, 0.008333333333473355,
    0.0013888888944867594, 0.00019841269562361188, 2.4801491742067576e-05,
    2.755752799475762e-06, 2.7630753824403965e-07, 2.502106392276264e-08,
)  # fmt: skip

# tanh(h) = h + h z (TANH[0] + TANH[1] z + ...) with z = h**2, for |h| <= 3/8 ln 2, within
# 2**-56.8 of it: minimax.
TANH = (
    -0.33333333333332416, 0.1333333333298651, -0.05396825352457723, 0.021869461591831563,
    -0.008862358452895496, 0.003576368907686705, -0.001307483951488018,
)  # fmt: skip


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
    m.vload(k, at(MAGIC + 2046))  # so k's last bits are n + 2046, the exponents of both factors
    m.fma(k, a, at(LOG2_E))
    m.vsub(n, k, at(MAGIC + 2046))
    m.fnma(a, n, at(LN2_HIGH))
    m.fnma(a, n, at(LN2_LOW))
    r2, c = n, EXP
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
    powers_of_2(m, constants, n, k)
    m.fma(n, n, a)
    m.vmul(a, n, k)


def powers_of_2(m: Machine, constants: Constants, p: int, k: int) -> None:
    """p, k = 2**(n // 2), 2**(n - n // 2) for a k whose last bits are n + 2046."""
    m.vshift_left(p, k, 51)
    m.vand(p, p, constants.bits(0xFFF << 52))
    m.vshift_left(k, k, 52)
    m.vsub_int(k, k, p)


def series(
    m: Machine, constants: Constants, r: int, r2: int, u: int, v: int, sign: float = 1.0
) -> None:
    """u = EXP[0] + EXP[1] sr + EXP[2] (sr)**2 + ..., with the sign s.

    r2 becomes r**2, and v is overwritten.
    """
    at = constants.at
    c = [value * sign**k for k, value in enumerate(EXP)]
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
    m.vload(k, at(MAGIC + 2046))
    m.fma(k, r, at(LOG2_E))
    m.vsub(u, k, at(MAGIC + 2046))
    m.fnma(r, u, at(LN2_HIGH))
    m.vmove(t, r)
    m.fnma(r, u, at(LN2_LOW))
    m.vsub(t, t, r)
    m.fnma(t, u, at(LN2_LOW))
    series(m, constants, r, r2, u, v)
    m.fma(t, u, r2)
    powers_of_2(m, constants, u, k)
    m.vload(v, bits(2046 << 52))
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
    at, bits, c = constants.at, constants.bits, TANH
    k, T, z, z2, u, v = free[:6]
    halves = MAGIC / 2 + 1023  # so k's last bits are 2 (n + 1023)
    m.vor(T, a, at(-0.0))
    m.vload(k, at(-22.0))
    m.vmax(T, k, T)
    m.vload(k, at(halves + 0.5))
    m.fma(k, T, at(2.0 * LOG2_E))
    m.vand(k, k, bits(2**64 - 2))
    m.vsub(u, k, at(halves))
    m.fnma(T, u, at(LN2_HIGH / 2.0))
    m.fnma(T, u, at(LN2_LOW / 2.0))
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
