"""Expressions of row programs: parsed once, simplified, and written in a language.

A `Tree` is a tuple: ("number", 1.0), ("name", "z"), ("negative", a), ("+", a, b) and likewise for
- * /, ("compare", a, "<", b, ...), ("if", test, value, otherwise), ("call", "exp", a, ...).
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Tuple, Union

Tree = Tuple[Any, ...]

# A power and == occur only in what an optimizer computes once, which no engine reads as a tree.
_OPERATORS = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "Pow": "**"}
_COMPARISONS = {"Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Eq": "=="}
_HOLDS = {"<": lt, "<=": le, ">": gt, ">=": ge}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ONLY_TREE = 0x400  # PyCF_ONLY_AST; the module `ast` takes a millisecond to import

# How tightly a form binds, from conditions to names.
CONDITION, COMPARISON, SUM, PRODUCT, SIGNED, ATOM = range(6)
_TIGHTNESS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "negative": SIGNED,
              "if": CONDITION, "compare": COMPARISON}  # fmt: skip
ZERO, ONE = ("number", 0.0), ("number", 1.0)


class Language(NamedTuple):
    """How a language writes expressions.

    number:       writes a number exactly
    call:         writes the name of a function
    conditional:  the form of `value if test else otherwise`
    both:         the operator between two comparisons that must both hold; without it, they are
                  chained: a < b < c
    """

    number: Callable[[float], str] = repr
    call: Callable[[str], str] = str
    conditional: str = "{value} if {test} else {otherwise}"
    both: str = ""


PYTHON = Language()


@lru_cache(maxsize=None)
def parsed(expression: str) -> Tree:
    """Return the tree of an expression.

    >>> parsed("c * (z - 1.0)")
    ('*', ('name', 'c'), ('-', ('name', 'z'), ('number', 1.0)))
    """
    return _tree(compile(expression, "a row program", "eval", _ONLY_TREE).body)


def _tree(node: Any) -> Tree:
    kind = type(node).__name__
    if kind == "BinOp" and type(node.op).__name__ == "Pow" and hasattr(node.right, "value"):
        return _power(_tree(node.left), node.right.value)
    if kind == "BinOp":
        operator = _OPERATORS[type(node.op).__name__]
        return (operator, _tree(node.left), _tree(node.right))
    if kind == "UnaryOp":
        inner = _tree(node.operand)
        return ("number", -inner[1]) if inner[0] == "number" else ("negative", inner)
    if kind == "IfExp":
        return ("if", _tree(node.test), _tree(node.body), _tree(node.orelse))
    if kind == "Compare":
        parts: list[Any] = [_tree(node.left)]
        for operator, right in zip(node.ops, node.comparators):
            parts += [_COMPARISONS[type(operator).__name__], _tree(right)]
        return ("compare", *parts)
    if kind == "Call":
        return ("call", node.func.id, *map(_tree, node.args))
    if kind == "Name":
        return ("name", node.id)
    return ("number", float(node.value))


def _power(base: Tree, times: int) -> Tree:
    """Return a product of so many equal factors."""
    return base if times == 1 else ("*", _power(base, times - 1), base)


def inner(tree: Tree) -> Iterator[Tree]:
    """Yield the direct subtrees of a tree."""
    for part in tree[1:]:
        if isinstance(part, tuple):
            yield part


@lru_cache(maxsize=4096)
def names(tree: Tree) -> tuple[str, ...]:
    """Return the names in a tree, repeated as often as they occur."""
    if tree[0] == "name":
        return (tree[1],)
    return tuple([name for part in inner(tree) for name in names(part)])


def most_uses(tree: Tree, name: str) -> int:
    """Return the most times that evaluating the tree once can look up a name."""
    if tree == ("name", name):
        return 1
    if tree[0] == "if":
        test, value, otherwise = (most_uses(part, name) for part in tree[1:])
        return test + max(value, otherwise)
    return sum(most_uses(part, name) for part in inner(tree))


def replaced(tree: Tree, new: Mapping[str, Tree]) -> Tree:
    """Return a tree in which trees replace some of the names."""
    if tree[0] == "name":
        return new.get(tree[1], tree)
    return tuple(replaced(part, new) if isinstance(part, tuple) else part for part in tree)


def simplified(tree: Tree) -> Tree:
    """Return a tree without operations that change at most the sign of a zero.

    >>> simplified(parsed("1.0 * z - 0.0"))
    ('name', 'z')
    """
    tree = tuple(simplified(part) if isinstance(part, tuple) else part for part in tree)
    kind = tree[0]
    if kind == "negative":
        if tree[1][0] == "negative":
            return tree[1][1]  # type: ignore[no-any-return]
        return ("number", -tree[1][1]) if tree[1][0] == "number" else tree
    if kind == "if" and tree[1][0] == "number":
        return tree[2] if tree[1][1] else tree[3]  # type: ignore[no-any-return]
    if kind == "compare" and len(tree) == 4:
        left, operator, right = tree[1:]
        if left[0] == right[0] == "number":
            return ("number", float(_HOLDS[operator](left[1], right[1])))
        if left[0] == "negative" and right == ZERO:
            return ("compare", left[1], _MIRRORED[operator], ZERO)
    if tree == ("call", "exp", ZERO):
        return ONE
    if kind in ("+", "-", "*", "/"):
        return _without_neutral(*tree)
    return tree


def turned(tree: Tree, name: str) -> Tree | None:
    """Return a tree that takes −name instead, if that has fewer signs; else None.

    >>> written(turned(parsed("1.0 + exp(-z)"), "z"))
    '1.0 + exp(z)'
    """
    other = simplified(replaced(tree, {name: ("negative", ("name", name))}))
    return other if written(other).count("-") < written(tree).count("-") else None


def _without_neutral(kind: str, left: Tree, right: Tree) -> Tree:
    if kind == "*":
        if ZERO in (left, right) or ("number", -0.0) in (left, right):
            return ZERO
        if ONE in (left, right):
            return right if left == ONE else left
        if left == ("number", -1.0):
            return simplified(("negative", right))
    elif kind == "/":
        if right == ONE or left == ZERO:
            return left
    elif right == ZERO:
        return left
    elif kind == "-" and left == right:
        return ZERO
    elif left == ZERO:
        return right if kind == "+" else simplified(("negative", right))
    return (kind, left, right)


def repeated_call(tree: Tree) -> Tree:
    """Return a call that occurs more than once in a tree, or ()."""
    calls = Counter(_calls(tree))
    return next((call for call, count in calls.items() if count > 1), ())


def _calls(tree: Tree) -> list[Tree]:
    below = [call for part in tree[1:] if isinstance(part, tuple) for call in _calls(part)]
    return [tree, *below] if tree[0] == "call" else below


def with_name(tree: Tree, part: Tree, name: str) -> Tree:
    """Return a tree in which a name replaces each occurrence of a part."""
    if tree == part:
        return ("name", name)
    return tuple(with_name(p, part, name) if isinstance(p, tuple) else p for p in tree)


# Pieces of source, and slots: a name, and how tightly its replacement has to bind.
Template = Tuple[Union[str, Tuple[str, int]], ...]


def template(tree: Tree, language: Language = PYTHON) -> Template:
    """Return a tree in a language, with a slot for each name."""
    pieces: list[str | tuple[str, int]] = []
    _write(tree, CONDITION, language, pieces.append)
    joined: list[str | tuple[str, int]] = []
    for piece in pieces:
        if joined and isinstance(piece, str) and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


def filled(pieces: Template, sources: Mapping[str, str]) -> str:
    """Return a template with the source of each name filled in, in parentheses if necessary.

    >>> filled(template(parsed("d * y")), {"d": "a - b", "y": "c"})
    '(a - b) * c'
    """
    return "".join(
        [
            piece if isinstance(piece, str) else in_parentheses(sources[piece[0]], piece[1])
            for piece in pieces
        ]
    )


def written(
    tree: Tree, language: Language = PYTHON, sources: Mapping[str, str] | None = None
) -> str:
    """Return a tree in a language; `sources` replace some of its names.

    >>> written(parsed("(1.0 - y) * (y * d)"), sources={"y": "a0"})
    '(1.0 - a0) * (a0 * d)'
    """
    given = sources or {}
    return filled(template(tree, language), {name: given.get(name, name) for name in names(tree)})


def in_parentheses(source: str, least: int) -> str:
    """Return a source, in parentheses unless it binds at least as tightly as `least`."""
    return source if tightness(source) >= least else f"({source})"


def tightness(source: str) -> int:
    """Return how tightly a source binds.

    >>> tightness("a * (b - c)") == PRODUCT, tightness("f(a - b)[0]") == ATOM
    (True, True)
    """
    if source.isidentifier():
        return ATOM
    found, depth = ATOM, 0
    if source[0] == "-":
        found = SIGNED
    for k, letter in enumerate(source):
        if letter in "([":
            depth += 1
        elif letter in ")]":
            depth -= 1
        elif letter == " " and depth == 0:
            following = source[k + 1 : k + 3]
            if following in ("if", "? "):
                return CONDITION
            if following[1:] == " " and following[0] in "+-*/":
                found = min(found, SUM if following[0] in "+-" else PRODUCT)
            elif following[0] in "<>":
                found = min(found, COMPARISON)
    return found


def _write(
    tree: Tree, least: int, language: Language, put: Callable[[str | tuple[str, int]], None]
) -> None:
    kind = tree[0]
    if kind == "name":
        put((tree[1], least))
        return
    if kind == "number":
        source = language.number(tree[1])
        put(f"({source})" if source[0] == "-" and least > SIGNED else source)
        return
    own = _TIGHTNESS.get(kind, ATOM)
    if own < least:
        put("(")
    if kind == "negative":
        put("-")
        _write(tree[1], ATOM, language, put)
    elif kind == "call":
        put(language.call(tree[1]) + "(")
        for k, argument in enumerate(tree[2:]):
            put(", " if k else "")
            _write(argument, CONDITION, language, put)
        put(")")
    elif kind == "compare":
        for k in range(1, len(tree) - 2, 2):
            if language.both or k == 1:
                put(language.both if k > 1 else "")
                _write(tree[k], SUM, language, put)
            put(f" {tree[k + 1]} ")
            _write(tree[k + 2], SUM, language, put)
    elif kind == "if":
        parts = {"test": tree[1], "value": tree[2], "otherwise": tree[3]}
        for piece in language.conditional.replace("}", "{").split("{"):
            if piece in parts:
                _write(parts[piece], own + (piece != "otherwise"), language, put)
            else:
                put(piece)
    else:
        _write(tree[1], own, language, put)
        put(f" {kind} ")
        _write(tree[2], own + 1, language, put)
    if own < least:
        put(")")
