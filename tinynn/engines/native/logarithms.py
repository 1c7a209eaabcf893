"""The natural logarithms of a and 1 + a for vectors, in the instructions of `Machine`."""

from __future__ import annotations

from struct import pack, unpack

from .constants import Constants
from .exponentials import LN2_HIGH, LN2_LOW
from .machine import Machine

# log((1 + s) / (1 - s)) = 2 s + s z (LOG[0] + LOG[1] z + ...) with z = s**2, for
# 1 / sqrt(2) <= (1 + s) / (1 - s) <= sqrt(2), within 2**-59.4: minimax.
LOG = (
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
    at, c = constants.at, LOG
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
    m.vmul(z2, k, at(LN2_LOW))
    m.fnma(z2, s, v)
    m.vadd(f, f, z2)
    m.fma(f, k, at(LN2_HIGH))


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
