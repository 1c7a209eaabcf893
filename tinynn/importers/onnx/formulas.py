"""Formulas of a row, in a normal form that is the same for most ways to write them.

A `Form` is a sum of products: 0.5 x + 0.5 x erf(0.7071 x), whichever of x, 0.5 and 1 + erf(…) were
multiplied first. Factors are x and functions of forms. What is known of functions is used: erf and
tanh are odd, |x| = 2 relu(x) − x, min(x, 0) = x − relu(x), 1 / (1 + exp(−x)) = sigmoid(x), and
the mean of a row is linear. Two forms are compared with a tolerance, since constants in files are
rounded to float32.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Iterator, Sequence, Tuple, Union

Number = Union[float, Tuple[float, ...]]  # one for all columns, or one for each
# A factor: a function's name and its arguments; x is ("x",). Then its power.
Factor = Tuple[Tuple[Any, ...], float]
Product = Tuple[Factor, ...]

TERMS_LIMIT = 24
DEPTH_LIMIT = 12
CLOSE = 1e-6


class FormulaError(Exception):
    """A formula is longer than any that is known. It never leaves this package."""


class Form:
    """A sum of products with their coefficients; () is the product of nothing, 1."""

    __slots__ = ("_hash", "depth", "terms")

    def __init__(self, terms: dict[Product, Number]) -> None:
        self.terms = {key: c for key, c in terms.items() if c != 0.0}
        if len(self.terms) > TERMS_LIMIT:
            raise FormulaError
        inner = [arg.depth for key in self.terms for atom, _ in key for arg in atom[1:]]
        self.depth = 1 + max(inner, default=0)
        if self.depth > DEPTH_LIMIT:
            raise FormulaError
        self._hash = hash(frozenset(self.terms.items()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Form) and self._hash == other._hash and self.terms == other.terms

    def __add__(self, other: Form | float) -> Form:
        terms = dict(self.terms)
        for key, c in _form(other).terms.items():
            terms[key] = _both(_plus, terms.get(key, 0.0), c)
        return Form(terms)

    def __neg__(self) -> Form:
        return self * -1.0

    def __sub__(self, other: Form | float) -> Form:
        return self + _form(other) * -1.0

    def __mul__(self, other: Form | float) -> Form:
        terms: dict[Product, Number] = {}
        for key, c in self.terms.items():
            for more, d in _form(other).terms.items():
                joined = _joined(key, more)
                terms[joined] = _both(_plus, terms.get(joined, 0.0), _both(_times, c, d))
        return Form(terms)

    __radd__ = __add__
    __rmul__ = __mul__

    def power(self, exponent: float) -> Form:
        """Return the form raised to a power."""
        if exponent in (1.0, 2.0, 3.0):
            found = self
            for _ in range(int(exponent) - 1):
                found = found * self
            return found
        inner = _after_one(self)
        if exponent == -1.0 and inner is not None:
            return sigmoid(-inner)  # 1 / (1 + exp(u))
        if len(self.terms) == 1:
            ((key, c),) = self.terms.items()
            whole = exponent == int(exponent) and (c != 0.0)
            rooted = all(p in (-1.0, 0.5, -0.5) or p == 1.0 for _, p in key) and _is_positive(c)
            if (whole or rooted) and not (isinstance(c, tuple) and 0.0 in c):
                scale = _both(lambda a, _: float(a**exponent), c, 0.0)
                return Form({tuple((atom, p * exponent) for atom, p in key): scale})
        return Form({((("sum", self), exponent),): 1.0})

    def size(self) -> tuple[int, int]:
        """Return the depth, and the number of products that are not of a number alone."""
        return self.depth, len(self.terms) - (() in self.terms)

    def numbers(self) -> Iterator[float]:
        """Yield all coefficients that are one for all columns, those of inner forms, too."""
        for key, c in self.terms.items():
            if isinstance(c, float):
                yield c
            for atom, _ in key:
                for argument in atom[1:]:
                    yield from argument.numbers()

    def leading(self) -> Number:
        """Return the coefficient of the first product in an order that signs do not change."""
        key = min(self.terms, key=_order, default=())
        return self.terms.get(key, 0.0)


def constant(values: Sequence[float]) -> Form:
    """Return the form of one number for all columns, or of one for each.

    Raises FormulaError for a number that is not finite.
    """
    if not all(map(math.isfinite, values)):
        raise FormulaError
    if len(values) == 1:
        return Form({(): float(values[0])})
    return Form({(): tuple(map(float, values))})


X = Form({((("x",), 1.0),): 1.0})


def apply(name: str, *arguments: Form) -> Form:
    """Return the function with this name, as one factor."""
    return Form({(((name, *arguments), 1.0),): 1.0})


def odd(name: str) -> Callable[[Form], Form]:
    """Return a function for which f(−u) = −f(u)."""
    return lambda u: -apply(name, -u) if _is_negative(u) else apply(name, u)


erf, tanh = odd("Erf"), odd("Tanh")


def sigmoid(u: Form) -> Form:
    """σ(−u) = 1 − σ(u)."""
    return 1.0 + -apply("Sigmoid", -u) if _is_negative(u) else apply("Sigmoid", u)


def softplus(u: Form) -> Form:
    """log(1 + exp(−u)) = log(1 + exp(u)) − u, so that softplus(−|v|) = softplus(v) − relu(v)."""
    for key, c in u.terms.items():
        if isinstance(c, float) and c < 0.0 and len(key) == 1 and key[0][0][0] == "ReLU":
            part, v = Form({key: -0.5 * c}), key[0][0][1] * (-0.5 * c)
            if u == v - part * 2.0:
                return softplus(v) - part
    return apply("Softplus", -u) + u if _is_negative(u) else apply("Softplus", u)


def exp(u: Form) -> Form:
    """e to the power u."""
    return apply("Exp", u)


def log(u: Form) -> Form:
    """The natural logarithm: log(1 + exp(v)) = softplus(v), log(sigmoid(v)) = −softplus(−v).

    That of a product of positive factors is the sum of theirs, each times its power.
    """
    inner = _after_one(u)
    if inner is not None:
        return softplus(inner)
    ((key, c),) = u.terms.items() if len(u.terms) == 1 else [((), 0.0)]
    if c != 1.0 or not all(_is_positive_factor(atom) for atom, _ in key):
        return apply("Log", u)
    found = Form({})
    for atom, power in key:
        if atom[0] == "Exp":
            each: Form = atom[1]
        elif atom[0] == "Sigmoid":
            each = -softplus(-atom[1])
        else:
            each = apply("Log", Form({((atom, 1.0),): 1.0}))
        found = found + each * power
    return found


def relu(u: Form) -> Form:
    """max(u, 0): c > 0 can be taken out, relu(−u) = relu(u) − u, and relu(u) is not negative."""
    if set(u.terms) <= {()}:
        c = u.terms.get((), 0.0)
        return constant([max(0.0, x) for x in (c if isinstance(c, tuple) else (c,))])
    if _is_negative(u):
        return relu(-u) + u
    c = u.leading()
    if isinstance(c, float) and c not in (0.0, 1.0):
        return relu(u * (1.0 / c)) * c
    for key, c in u.terms.items():
        if isinstance(c, float) and c < 0.0 and len(key) == 1 and key[0][0][0] == "ReLU":
            part = Form({key: -c})  # of v − relu(v − d), which is min(v, d)
            d = (u + part) - key[0][0][1] * -c
            if set(d.terms) <= {()} and key[0][1] == 1.0 and _is_positive(d.terms.get((), 1.0)):
                return relu(u + part) - part
    low = u.terms.get((), 0.0)
    rest = [key for key in u.terms if key]
    if isinstance(low, float) and len(rest) == 1 and len(rest[0]) == 1 and u.terms[rest[0]] == 1.0:
        ((atom, power),) = rest[0]
        if atom[0] == "ReLU" and power == 1.0:
            return u if low >= 0.0 else relu(atom[1] + low)
    return apply("ReLU", u)


def absolute(u: Form) -> Form:
    """|u| = 2 relu(u) − u."""
    return relu(u) * 2.0 - u


def largest(a: Form, b: Form) -> Form:
    """max(a, b) = relu(a − b) + b."""
    return relu(a - b) + b


def smallest(a: Form, b: Form) -> Form:
    """min(a, b) = a − relu(a − b)."""
    return a - relu(a - b)


def clip(u: Form, low: float, high: float) -> Form:
    """min(max(u, low), high) = low + relu(u − low) − relu(u − high)."""
    return low + relu(u - low) - relu(u - high)


def where(condition: Form, then: Form, other: Form) -> Form:
    """`then` where the condition is above 0, else `other`.

    If their difference is k times the condition, it is the larger of them, or the smaller if k < 0.
    v where v > 20, else softplus(v), is softplus(v) within 2.1e-9; PyTorch writes that.
    """
    soft = other - then  # k (softplus(v) − v)
    for key, k in other.terms.items():
        if isinstance(k, float) and len(key) == 1 and key[0][0][0] == "Softplus":
            v = key[0][0][1]
            far = v - condition
            c = far.terms.get((), 0.0)
            beyond = set(far.terms) == {()} and isinstance(c, float) and c >= 20.0
            if beyond and close(soft, Form({key: k}) - v * k):
                return other
    difference = then - other
    if set(condition.terms) <= {()} or set(difference.terms) <= {()}:
        return apply("Where", condition, then, other)
    match = scaled(difference, condition)
    if match is not None and isinstance(match[0], float) and match[1] == 0.0:
        return largest(then, other) if match[0] > 0.0 else smallest(then, other)
    if _is_negative(condition):
        return apply("Where", -condition, other, then)
    return apply("Where", condition, then, other)


def mean(u: Form) -> Form:
    """The mean along the row, which is the same in each column."""
    return _along("Mean", u)


def total(u: Form) -> Form:
    """The sum along the row, which is the same in each column."""
    return _along("Total", u)


def _along(name: str, u: Form) -> Form:
    """Take out the factors that are equal along the row."""
    found = Form({})
    for key, c in u.terms.items():
        inside: Product = tuple(factor for factor in key if not _is_even(factor[0]))
        outside: Product = tuple(factor for factor in key if _is_even(factor[0]))
        if isinstance(c, tuple):
            found = found + apply(name, Form({inside: c})) * Form({outside: 1.0})
        elif not inside and name == "Mean":
            found = found + Form({outside: c})
        else:
            found = found + apply(name, Form({inside: 1.0})) * Form({outside: c})
    return found


def largest_of_row(u: Form) -> Form:
    """The largest along the row, which is the same in each column."""
    return apply("Largest", u)


def _is_even(atom: tuple[Any, ...]) -> bool:
    """Return whether a factor is the same in each column."""
    if atom[0] in ("Mean", "Total", "Largest"):
        return True
    return len(atom) > 1 and all(
        not isinstance(c, tuple) and all(_is_even(inner) for inner, _ in key)
        for form in atom[1:]
        for key, c in form.terms.items()
    )


def close(a: Form, b: Form) -> bool:
    """Return whether two forms are equal but for rounding."""
    return scaled(a, b) == (1.0, 0.0)


def scaled(form: Form, template: Form) -> tuple[Number, Number] | None:
    """Return g and t so that form = g · template + t but for rounding, or None.

    g is exactly 1 and t exactly 0 where they are but for rounding.
    """
    left = dict(form.terms)
    gain: Number | None = None
    own = left.pop((), 0.0)
    for key, c in template.terms.items():
        if not key:
            continue
        match = key if key in left else next((k for k in left if _close_products(k, key)), None)
        if match is None or isinstance(c, tuple):
            return None
        ratio = _both(lambda a, b: a / b, left.pop(match), c)
        if gain is None:
            gain = ratio
        elif not _close_numbers(gain, ratio):
            return None
    if left or gain is None:
        return None
    if _close_numbers(gain, 1.0):
        gain = 1.0
    base = template.terms.get((), 0.0)
    # What is subtracted may cancel, so that only its own size says what rounding is.
    offset = _both(lambda a, b: a - b, own, _both(_times, gain, base))
    size = _both(lambda a, b: abs(a) + abs(b), own, _both(_times, gain, base))
    pairs = zip(_listed(offset), _listed(size))
    if all(abs(x) <= CLOSE * s < math.inf for x, s in pairs):
        offset = 0.0
    return gain, offset


def _close_products(a: Product, b: Product) -> bool:
    if len(a) != len(b):
        return False
    left = list(b)
    for atom, power in a:
        for i, (other, exponent) in enumerate(left):
            same = power == exponent and len(atom) == len(other) and atom[0] == other[0]
            if same and all(close(u, v) for u, v in zip(atom[1:], other[1:])):
                del left[i]
                break
        else:
            return False
    return True


def _close_numbers(a: Number, b: Number) -> bool:
    xs, ys = _listed(a), _listed(b)
    n = max(len(xs), len(ys))
    pairs = zip(xs * (n // len(xs)), ys * (n // len(ys)))
    return all(abs(x - y) <= CLOSE * max(abs(x), abs(y)) < math.inf for x, y in pairs)


def _listed(c: Number) -> list[float]:
    return list(c) if isinstance(c, tuple) else [c]


def _both(f: Callable[[float, float], float], a: Number, b: Number) -> Number:
    if isinstance(a, float) and isinstance(b, float):
        return f(a, b)
    xs, ys = _listed(a), _listed(b)
    if len(xs) != len(ys) and 1 not in (len(xs), len(ys)):
        raise FormulaError
    n = max(len(xs), len(ys))
    return tuple(f(x, y) for x, y in zip(xs * (n // len(xs)), ys * (n // len(ys))))


def _plus(a: float, b: float) -> float:
    return a + b


def _times(a: float, b: float) -> float:
    return a * b


def _form(value: Form | float) -> Form:
    return value if isinstance(value, Form) else Form({(): value})


def _joined(a: Product, b: Product) -> Product:
    powers = dict(a)
    for atom, p in b:
        powers[atom] = powers.get(atom, 0.0) + p
    return tuple(sorted(((atom, p) for atom, p in powers.items() if p), key=_factor_order))


def _factor_order(factor: Factor) -> tuple[str, float, int]:
    return factor[0][0], factor[1], hash(factor[0])


def _order(key: Product) -> tuple[int, str]:
    return -len(key), "".join(f"{atom[0]}{p}" for atom, p in key)


def _is_negative(u: Form) -> bool:
    c = u.leading()
    return isinstance(c, float) and c < 0.0


def _is_positive(c: Number) -> bool:
    return all(x > 0.0 and math.isfinite(x) for x in _listed(c))


def _is_positive_factor(atom: tuple[Any, ...]) -> bool:
    """Return whether a factor of one argument cannot be negative or 0."""
    if atom[0] not in ("Total", "Mean", "Largest"):
        return atom[0] in ("Exp", "Sigmoid", "Softplus")
    return all(
        not isinstance(c, tuple) and c > 0.0 and all(_is_positive_factor(inner) for inner, _ in key)
        for key, c in atom[1].terms.items()
    )


def _after_one(u: Form) -> Form | None:
    """Return v if a form is 1 + exp(v), or None."""
    if len(u.terms) != 2 or u.terms.get(()) != 1.0:
        return None
    (key,) = (key for key in u.terms if key)
    if u.terms[key] == 1.0 and len(key) == 1 and key[0][0][0] == "Exp" and key[0][1] == 1.0:
        inner: Form = key[0][0][1]
        return inner
    return None
