"""Edits of Python source that leave the rest unchanged, byte for byte."""

from __future__ import annotations

import ast
from typing import Any, Iterator, Tuple

Edit = Tuple[int, int, str]  # start, end, and what to write there


class EditableSource:
    """A module's source, and the offsets of nodes in it, in characters."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines = source.splitlines(True)
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line))

    def node_offset(self, line: int, byte: int) -> int:
        """Return the offset of a node's line (from 1) and column (in bytes of UTF-8, from 0)."""
        characters = self.lines[line - 1]
        if not characters.isascii():
            byte = len(characters.encode("utf-8")[:byte].decode("utf-8"))
        return self._starts[line - 1] + byte

    def token_offset(self, line: int, column: int) -> int:
        """Return the offset of a token's line (from 1) and column (in characters, from 0)."""
        return self._starts[line - 1] + column

    def part(self, node: Any) -> str:
        """Return a node's source."""
        return self.source[self.start(node) : self.end(node)]

    def start(self, node: Any) -> int:
        """Return the offset at which a node starts."""
        return self.node_offset(node.lineno, node.col_offset)

    def end(self, node: Any) -> int:
        """Return the offset just after a node."""
        return self.node_offset(node.end_lineno, node.end_col_offset)

    def edited(self, edits: list[Edit]) -> str:
        """Return the source with edits applied, which must not overlap."""
        done, pieces = 0, []
        for start, end, new in sorted(edits):
            pieces += [self.source[done:start], new]
            done = end
        return "".join([*pieces, self.source[done:]])


def bound_names(body: list[Any]) -> list[str]:
    """Return, sorted, the names that statements bind in their own scope."""
    return sorted(set(_bound(ast.Module(body=body, type_ignores=[]))))


def _bound(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield child.name
            for outer in [*child.decorator_list, *getattr(child, "bases", ())]:
                yield from _bound(outer)
            continue
        if isinstance(child, ast.Lambda):
            continue
        if isinstance(child, ast.Name) and not isinstance(child.ctx, ast.Load):
            yield child.id
        elif isinstance(child, ast.alias):
            yield child.asname or child.name.partition(".")[0]
        elif isinstance(child, ast.ExceptHandler) and child.name:
            yield child.name
        if isinstance(child, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            for inner in ast.walk(child):  # only `:=` binds a name outside
                if isinstance(inner, ast.NamedExpr) and isinstance(inner.target, ast.Name):
                    yield inner.target.id
        else:
            yield from _bound(child)
