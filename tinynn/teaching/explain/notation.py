"""How equations are written on the board: a tree of names and numbers, as text, HTML or ASCII.

The trees are those of formulas/expressions.py, and ("sum", a, b, ...) for sums of many terms.
"""

from __future__ import annotations

import math
from html import escape
from typing import Any, Callable, Mapping

from ...formulas.expressions import Tree

# How tightly a form binds. A fraction, such as ∂E/∂w1 or 2·10⁻⁷, is a product that reads as one.
CHOICE, SUM, PRODUCT, FRACTION, POWER, ATOM = range(6)

_FUNCTIONS: dict[str, Callable[..., float]] = {
    "exp": math.exp, "expm1": math.expm1, "log": math.log, "log1p": math.log1p,
    "tanh": math.tanh, "erfc": math.erfc, "sqrt": math.sqrt, "abs": abs,
    "max": lambda *values: max(values),
}  # fmt: skip
_CONSTANTS = {math.sqrt(2.0): "√2", math.sqrt(2.0 * math.pi): "√(2π)"}
_SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "="}
_SUPERSCRIPTS = str.maketrans("0123456789-()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁽⁾")
_PLAIN = {
    "·": "*", "−": "-", "∂": "d", "√": "sqrt", "≤": "<=", "≥": ">=", "≠": "!=", "⁺": "'",
    "γ": "gamma", "β": "beta", "ε": "eps", "π": "pi", "′": "'", "→": "->", "…": "...", "×": "x",
    "½": "1/2", "Σ": "sum ", "—": "-",
}  # fmt: skip


def value_of(tree: Tree, values: Mapping[str, float]) -> float:
    """Return what a tree gives with these values of its names.

    Raises OverflowError or ValueError where a function has no finite value.
    """
    kind = tree[0]
    if kind == "number":
        return float(tree[1])
    if kind == "name":
        return values[tree[1]]
    if kind == "if":
        return value_of(chosen(tree, values), values)
    if kind == "compare":
        return float(_holds(tree, values))
    if kind == "call":
        return _FUNCTIONS[tree[1]](*[value_of(part, values) for part in tree[2:]])
    parts = [value_of(part, values) for part in tree[1:]]
    if kind == "sum":
        return sum(parts)
    if kind == "negative":
        return -parts[0]
    a, b = parts
    if kind == "**":
        return float(a**b)
    return a + b if kind == "+" else a - b if kind == "-" else a * b if kind == "*" else a / b


def chosen(tree: Tree, values: Mapping[str, float]) -> Tree:
    """Return the branch of an ("if", test, value, otherwise) that these values choose."""
    return tree[2] if value_of(tree[1], values) else tree[3]  # type: ignore[no-any-return]


def _holds(tree: Tree, values: Mapping[str, float]) -> bool:
    numbers = [value_of(part, values) for part in tree[1::2]]
    compare = {
        "<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__,
        "==": float.__eq__,
    }  # fmt: skip
    return all(compare[sign](a, b) for a, sign, b in zip(numbers, tree[2::2], numbers[1:]))


def shown(x: float, digits: int) -> str:
    """Return a number with up to `digits` decimals; very small and very large ones as a power.

    >>> shown(0.75136507, 9), shown(-2.0, 9), shown(0.00000123, 6)
    ('0.75136507', '−2', '1.23·10⁻⁶')
    """
    if x == 0.0 or not math.isfinite(x):
        return str(x).replace("-", "−") if x else "0"
    if 1e-4 <= abs(x) < 1e9:
        text = f"{x:.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        if text.strip("-0."):
            return text.replace("-", "−")
    mantissa, _, power = f"{x:.{max(digits - 1, 1)}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    power = "10" + str(int(power)).translate(_SUPERSCRIPTS)
    whole = power if mantissa == "1" else f"{mantissa}·{power}"
    return (f"−{power}" if mantissa == "-1" else whole).replace("-", "−")


def in_row(row: int) -> str:
    """Return the mark of what belongs to a row of the batch, counted from 0.

    >>> in_row(1)
    '⁽²⁾'
    """
    return f"({row + 1})".translate(_SUPERSCRIPTS)


def in_ascii(text: str) -> str:
    """Return text from the board in ASCII.

    >>> in_ascii("∂E/∂w1⁽²⁾ = 2·10⁻³")
    'dE/dw1(2) = 2*10^-3'
    """
    pieces: list[str] = []
    above = {letter: plain for plain, letter in zip("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")}
    inside, previous = False, ""  # inside ⁽…⁾; the previous letter
    for letter in text:
        if letter in "⁽⁾":
            inside = letter == "⁽"
            pieces.append("(" if inside else ")")
        elif letter in above:
            begins = not inside and previous not in above
            pieces.append(("^" if begins else "") + above[letter])
        else:
            pieces.append(_PLAIN.get(letter, letter))
        previous = letter
    return "".join(pieces).encode("ascii", "replace").decode()


def name_in_html(name: str) -> str:
    """Return a name with what follows an underscore as a subscript.

    >>> name_in_html("∂E/∂net_h1")
    '∂E/∂net<sub>h1</sub>'
    """
    parts = []
    for part in escape(name).split("/"):
        base, underscore, below = part.partition("_")
        mark = len(below.rstrip("⁽⁾⁰¹²³⁴⁵⁶⁷⁸⁹⁺′"))
        parts.append(base + (f"<sub>{below[:mark]}</sub>{below[mark:]}" if underscore else ""))
    return "/".join(parts)


class Writer:
    """Writes trees: with their names, or, if there are `values`, with the numbers put in.

    Of a choice, the numbers show only the branch that is taken.
    """

    def __init__(
        self, digits: int, values: Mapping[str, float] | None = None, html: bool = False
    ) -> None:
        self.digits, self.values, self.html = digits, values, html

    def write(self, tree: Tree, least: int = CHOICE, first: bool = True) -> str:
        """Return a tree, in parentheses unless it binds at least as tightly as `least`.

        Only what stands `first` may begin with a sign.
        """
        text, tightness = self._written(tree)
        bare = tightness >= least and (first or not text.startswith("−"))
        return text if bare else f"({text})"

    def _written(self, tree: Tree) -> tuple[str, int]:
        kind = tree[0]
        if kind == "name":
            return self._name(tree[1])
        if kind == "number":
            return self._number(tree[1])
        if kind == "if":
            return self._choice(tree)
        if kind == "compare":
            parts = [self.write(part, SUM) for part in tree[1::2]]
            signs = [escape(_SIGNS[sign]) if self.html else _SIGNS[sign] for sign in tree[2::2]]
            return parts[0] + "".join(f" {s} {p}" for s, p in zip(signs, parts[1:])), CHOICE
        if kind == "call":
            return self._call(tree[1], tree[2:])
        if kind in ("sum", "+"):
            return self._sum(tree[1:])
        if kind == "-":
            return f"{self.write(tree[1], SUM)} − {self.write(tree[2], PRODUCT, False)}", SUM
        if kind == "negative" or (kind == "*" and tree[1] == ("number", -1.0)):
            return "−" + self.write(tree[-1], PRODUCT, False), PRODUCT
        if kind == "**" or (kind == "*" and tree[1] == tree[2]):
            raised = tree[2] if kind == "**" else ("number", 2.0)
            return self._power(self.write(tree[1], ATOM, False), raised), POWER
        if kind == "*" and tree[1][0] == "*" and tree[1][2] == tree[2]:  # c x x is c x²
            return self._written(("*", tree[1][1], ("*", tree[2], tree[2])))
        if kind == "*":
            right = PRODUCT if tree[2][0] == "*" else FRACTION  # a (b c) is written as a b c
            return f"{self.write(tree[1], PRODUCT)}·{self.write(tree[2], right, False)}", PRODUCT
        over = POWER if tree[1][0] in ("name", "number") else PRODUCT
        return f"{self.write(tree[1], over)}/{self.write(tree[2], POWER, False)}", PRODUCT

    def _name(self, name: str) -> tuple[str, int]:
        if self.values is not None:
            return self._number(self.values[name])
        text = name_in_html(name) if self.html else name
        return text, FRACTION if "/" in name else ATOM

    def _number(self, x: float) -> tuple[str, int]:
        if x in _CONSTANTS:
            return _CONSTANTS[x], ATOM
        text = shown(x, self.digits)
        return text, FRACTION if "·" in text or "⁻" in text else ATOM

    def _choice(self, tree: Tree) -> tuple[str, int]:
        if self.values is not None:
            return self._written(chosen(tree, self.values))
        test = self.write(tree[1])
        if tree[1][0] == "name":
            test += " ≠ 0"
        return f"{self.write(tree[2], SUM)} if {test}, else {self.write(tree[3])}", CHOICE

    def _call(self, function: str, parts: tuple[Any, ...]) -> tuple[str, int]:
        if function == "exp":
            if self.html:
                return f"e<sup>{self.write(parts[0])}</sup>", POWER
            return f"e^{self.write(parts[0], ATOM, False)}", POWER
        if function == "expm1":
            return self._written(("-", ("call", "exp", parts[0]), ("number", 1.0)))
        if function == "log1p":
            return self._written(("call", "log", ("+", ("number", 1.0), parts[0])))
        if function == "sqrt":
            return f"√{self.write(parts[0], ATOM, False)}", POWER
        if function == "abs":
            return f"|{self.write(parts[0])}|", ATOM
        name = escape(function) if self.html else function
        return f"{name}({', '.join(self.write(part) for part in parts)})", ATOM

    def _sum(self, parts: tuple[Tree, ...]) -> tuple[str, int]:
        if len(parts) == 1:
            return self._written(parts[0])
        first, *more = [self.write(part, PRODUCT if k else SUM) for k, part in enumerate(parts)]
        # A negative term is subtracted: its sign binds the whole product.
        text = first + "".join(
            f" − {term[1:]}" if term.startswith("−") else f" + {term}" for term in more
        )
        return text, SUM

    def _power(self, base: str, exponent: Tree) -> str:
        if self.html:
            return f"{base}<sup>{self.write(exponent)}</sup>"
        raised = self.write(exponent, ATOM, False)
        return f"{base}²" if raised == "2" else f"{base}^{raised}"
