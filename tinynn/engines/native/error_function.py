"""The complementary error function of vectors, in the instructions of `Machine`.

Sources: M. M. Shepherd and J. G. Laframboise, Chebyshev approximation of (1 + 2x) exp(x**2) erfc(x)
in 0 <= x < inf (1981), for one polynomial in (x - K) / (x + K) on the whole half line; T. J.
Dekker, A floating-point technique for extending the available precision (1971), for the errors of
sums.
"""

from __future__ import annotations

import math

from .constants import Constants
from .exponentials import LN2_HIGH, LN2_LOW, LOG2_E, MAGIC, powers_of_2, series
from .machine import Machine

# (x + 2) e**(x**2) erfc(x) = ERFC[0] + (ERFC[1] + ERFC_LOW) q + ERFC[2] q**2 + ... with
# q = (x - 2) / (x + 2) for 0 <= x <= 28, within 2**-55.3 of it: minimax.
ERFC = (
    1.021582705242023, -0.6871606844138106, 0.27947209255605265, -0.03644223150686739,
    -0.02151066188935712, 0.006479185067253318, 0.0030906120560865403, -0.0008372960531888511,
    -0.0006630734663777125, 3.437133745445799e-05, 0.0001444704525252522, 3.414953714637689e-05,
    -2.169471907985195e-05, -1.612357805666701e-05, -1.1309407749120198e-06,
    3.6509795989733126e-06, 2.0157816220656775e-06, -1.0456335950878808e-08,
    -5.964328046870671e-07, -3.111070013905376e-07, 2.785672444092044e-08, 1.0313597548716083e-07,
    3.311138221240159e-08, -9.982529192765827e-09, -7.835665654030168e-09, -1.1872822524819885e-09,
)  # fmt: skip
ERFC_LOW = -5.222888244536129e-17
_LIMIT = 28.0  # beyond it the result is 0


def erfc(m: Machine, constants: Constants, a: int, free: list[int]) -> None:
    """a = erfc(a) = 1 - erf(a)

    For x = |a|, erfc(x) = e**(-x**2) G(x), where G = P(q) / (x + 2); erfc(-x) = 2 - erfc(x). To
    round little more than once, all factors are sums of two numbers:

    - x**2 = z**2 + (x - z) (x + z), where z is x without its last 27 bits, so that z**2 is exact;
    - e**(-x**2) = 2**n (1 - t) with R = x**2 + n ln 2 and t = 1 - e**-R;
    - P and the rest of its sum, Q in P = c + q Q, each with its rounding error;
    - 1 / (x + 2) is rounded to i, and P i is G(1 / i - 2), of the argument x + (x + 2) e with
      e = 1 - i (x + 2). So G(x) is P i less (x + 2) e times the derivative of G, which is
      2 x G - 2 / sqrt(pi), where x G is P - 2 G.
    """
    at, bits = constants.at, constants.bits
    k, t, n, D, q, x, u, v, w = free[:9]

    m.vand(x, a, bits(2**63 - 1))
    m.vload(u, at(_LIMIT))
    m.vmin(x, u, x)
    m.vand(t, x, bits(2**64 - 2**27))
    m.vsub(u, x, t)
    m.vadd(v, x, t)
    m.vmul(u, u, v)
    m.vmul(t, t, t)
    m.vload(k, at(MAGIC + 2046))
    m.fnma(k, t, at(LOG2_E))
    m.vsub(n, k, at(MAGIC + 2046))
    m.fma(t, n, at(LN2_HIGH))
    m.fma(u, n, at(LN2_LOW))
    m.vadd(t, t, u)
    series(m, constants, t, n, u, v, sign=-1.0)
    m.fnma(t, n, u)

    i, e = n, u
    m.vadd(D, x, at(2.0))
    m.vload(e, at(1.0))
    m.vdiv(i, e, D)
    m.vmove(q, e)
    m.fnma(q, i, at(4.0))
    m.fnma_exact(e, i, D)
    m.vsub(v, D, at(2.0))
    m.vsub(v, x, v)
    m.fnma(e, i, v)
    m.vmul(D, D, e)

    # c[2] + c[3] q + ... in two chains, in q**4, so that they overlap.
    c, q4 = ERFC, x
    m.vmul(q4, q, q)
    m.vmul(q4, q4, q4)
    for first in (24, 22):
        m.vload(u, at(c[first]))
        m.fma(u, q, at(c[first + 1]))
        for j in range(first - 4, 1, -4):
            m.vload(v, at(c[j]))
            m.fma(v, q, at(c[j + 1]))
            m.fma(v, q4, u)
            u, v = v, u
        u, w = w, u
    m.vmul(v, q, q)
    m.fma(w, u, v)
    u, w = w, u
    Q, Q_low, P, P_over = x, v, w, u  # Q + Q_low, P - P_over
    m.vload(Q_low, at(c[1]))
    m.vmove(Q, Q_low)
    m.fma(Q, q, u)
    m.vsub(Q_low, Q_low, Q)
    m.fma(Q_low, q, u)
    m.vadd(Q_low, Q_low, at(ERFC_LOW))
    m.vload(P_over, at(c[0]))
    m.vmove(P, P_over)
    m.fma(P, q, Q)
    m.vsub(P_over, P, P_over)
    m.fnma_exact(P_over, q, Q)
    m.fnma(P_over, q, Q_low)

    G, less, slope = x, q, v  # the value is G - less
    m.vmul(G, P, i)
    m.vmove(less, G)
    m.fnma_exact(less, P, i)
    m.fma(less, P_over, i)
    m.vload(slope, at(-2.0 / math.sqrt(math.pi)))
    m.fma(slope, P, at(2.0))
    m.fnma(slope, G, at(4.0))
    m.fma(less, D, slope)

    m.fnma(less, less, t)
    m.fma(less, G, t)
    m.vsub(G, G, less)
    powers_of_2(m, constants, u, k)
    m.vmul(G, G, u)
    m.vmul(G, G, k)
    m.vload(u, at(2.0))
    m.vsub(u, u, G)
    m.vless(v, a, at(0.0))
    m.vselect(a, v, u, G)
