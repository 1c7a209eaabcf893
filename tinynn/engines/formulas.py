"""The formulas of the activations, as compiled engines write them into their texts.

They say what `activations.py` says, in forms that take the fewest operations. They do not guard
against overflow, which shows as OverflowError: then `lists` does the work over.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import NamedTuple

from ..lesson.activations import SELU_ALPHA, SELU_SCALE


class Formula(NamedTuple):
    """y = f(z) as text, and its slope dy/dz as a factor; {c} stands for the layer's number.

    `kept` is a second value {p} that both use. Without `slope`, the slope is 1 where y is not 0,
    else 0. `careful` is a form of `value` (or of `kept`, if there is one) that cannot overflow.
    `then` is what makes y from y = z, where that is faster.
    """

    value: str
    slope: str
    in_words: str
    slope_in_words: str
    kept: str = ""
    careful: str = ""
    then: str = ""

    @property
    def takes_sums(self) -> bool:
        """Whether the sum that makes z can be written in z's place: z is needed only once."""
        once = self.value.count("{z}") == 1 and "{z}" not in self.slope + self.kept
        return once or bool(self.then)


_SIGMOID = "1.0 / (1.0 + exp(-{z}))"
_CAREFUL_SIGMOID = f"{_SIGMOID} if {{z}} >= 0.0 else exp({{z}}) / (1.0 + exp({{z}}))"
_SELU_LOW = SELU_SCALE * SELU_ALPHA

FORMULAS: dict[str, Formula] = {
    "Sigmoid": Formula(
        _SIGMOID, "{y} * (1.0 - {y})", "a = 1 / (1 + e^-z)", "a (1 - a)",
        careful=_CAREFUL_SIGMOID,
    ),
    "Tanh": Formula("tanh({z})", "(1.0 - {y} * {y})", "a = tanh z", "1 - a^2"),
    "ReLU": Formula(
        "0.0 if {z} <= 0.0 else {z}", "", "a = z if z > 0, else 0", "1 if a > 0, else 0",
        then="if {y} <= 0.0: {y} = 0.0",
    ),
    "LeakyReLU": Formula(
        "{z} if {z} > 0.0 else {c} * {z}", "(1.0 if {z} > 0.0 else {c})",
        "a = z if z > 0, else c z", "1 if z > 0, else c",
    ),
    "ELU": Formula(
        "{z} if {z} > 0.0 else {c} * expm1({z})", "(1.0 if {z} > 0.0 else {y} + {c})",
        "a = z if z > 0, else alpha (e^z - 1)", "1 if z > 0, else a + alpha",
    ),
    "SELU": Formula(
        f"{SELU_SCALE!r} * {{z}} if {{z}} > 0.0 else {_SELU_LOW!r} * expm1({{z}})",
        f"({SELU_SCALE!r} if {{z}} > 0.0 else {{y}} + {_SELU_LOW!r})",
        "a = lambda z if z > 0, else lambda alpha (e^z - 1)",
        "lambda if z > 0, else a + lambda alpha",
    ),
    "GELU": Formula(
        "{z} * {p}", f"({{p}} + {{z}} * exp(-0.5 * {{z}} * {{z}}) / {sqrt(2.0 * pi)!r})",
        "a = z p, p = normal distribution function of z", "p + z p'",
        kept=f"0.5 * erfc(-{{z}} / {sqrt(2.0)!r})",
    ),
    "Softplus": Formula(
        "{z} + log1p(exp(-{z})) if {z} > 0.0 else log1p(exp({z}))", "-expm1(-{y})",
        "a = ln (1 + e^z)", "1 - e^-a",
    ),
    "SiLU": Formula(
        "{z} * {p}", "({p} + {y} * (1.0 - {p}))",
        "a = z p, p = 1 / (1 + e^-z)", "p + a (1 - p)",
        kept=_SIGMOID, careful=_CAREFUL_SIGMOID,
    ),
}  # fmt: skip
