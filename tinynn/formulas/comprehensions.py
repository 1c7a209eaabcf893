"""Row programs as list comprehensions in Python: each row is a list, each statement a line."""

from __future__ import annotations

from typing import Collection, Mapping

from .expressions import Tree, names, parsed, replaced, simplified, written
from .programs import Each, Largest, LayerFormula, Let, Program, value_of


def comprehended(
    program: Program,
    rows: Collection[str],
    numbers: Mapping[str, str] | None = None,
    given: Collection[str] = (),
) -> list[str]:
    """Return the lines of a program; its rows and numbers are variables with the same names.

    rows: the rows it is given; numbers: the source of some of its numbers; given: the sums that are
    already known.

    >>> from tinynn.formulas.programs import Each, Total
    >>> comprehended([Total("m", "z"), Each("h", "z - m")], ["z"])
    ['m = sum(z)', 'h = [zj - m for zj in z]']
    """
    known, sources = {*rows}, dict(numbers or {})
    lines: list[str] = []
    for statement in program:
        if statement.to in given:
            continue
        to, tree = statement.to, parsed(statement.value)
        if isinstance(statement, Largest):
            lines.append(f"{to} = max({statement.value})")
        elif isinstance(statement, Let):
            lines.append(f"{to} = {_with(tree, (), sources)}")
        elif isinstance(statement, Each):
            lines.append(f"{to} = [{_over(tree, known, sources)}]")
            known.add(to)
        elif tree[0] == "name":
            lines.append(f"{to} = sum({tree[1]})")
        else:
            # A target of 0 does not contribute to the sum.
            only = " if tj" if tree[:2] == ("*", ("name", "t")) else ""
            lines.append(f"{to} = sum([{_over(tree, known, sources)}{only}])")
    return lines


def in_groups(
    program: Program, rows: Mapping[str, str], numbers: Mapping[str, str], columns: int, size: int
) -> list[str]:
    """Return the lines that make y by running a program on each group of `size` columns in turn.

    rows: the source of each row it is given, all columns of it.

    >>> from tinynn.formulas.programs import Each
    >>> in_groups([Each("y", "-z")], {"z": "x"}, {}, 4, 4)
    ['z = x', 'y = [-zj for zj in z]']
    """
    if size == columns:
        given = [f"{name} = {source}" for name, source in rows.items()]
        return [*given, *comprehended(program, list(rows), numbers)]
    part = f"[group:group + {size}]"
    given = [f"{name} = {source}{part}" for name, source in rows.items()]
    body = [*given, *comprehended(program, list(rows), numbers), "whole += y"]
    head = ["whole = []", f"for group in range(0, {columns}, {size}):"]
    return [*head, *[f"    {line}" for line in body], "y = whole"]


def as_expression(formula: LayerFormula, quick: bool = False) -> Tree:
    """Return y as one expression of z and the layer's numbers, c and c2."""
    made: dict[str, Tree] = {}
    for statement in formula.forward:
        made[statement.to] = replaced(parsed(value_of(statement, quick)), made)
    return made["y"]


def _over(tree: Tree, rows: Collection[str], sources: Mapping[str, str]) -> str:
    used = [name for name in dict.fromkeys(names(tree)) if name in rows]
    variables = ", ".join([f"{name}j" for name in used])
    table = used[0] if len(used) == 1 else f"zip({', '.join(used)})"
    return f"{_with(tree, used, sources)} for {variables} in {table}"


def _with(tree: Tree, rows: Collection[str], sources: Mapping[str, str]) -> str:
    known = {
        name: ("number", float(source)) for name, source in sources.items() if source in ("1.0",)
    }
    variables = {name: f"{name}j" for name in rows}
    return written(simplified(replaced(tree, known)), sources={**sources, **variables})
