"""Python text changed in places, so that all else stays as it was written, byte for byte."""

from __future__ import annotations

import ast
from typing import Any, Iterator, Tuple

Edit = Tuple[int, int, str]  # from here, to there, this text instead


class EditableSource:
    """A module's text, and the places of its nodes as numbers of characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.splitlines(True)
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line))

    def at(self, line: int, byte: int) -> int:
        """Return the place of a node's line (from 1) and column (in bytes of UTF-8, from 0)."""
        words = self.lines[line - 1]
        if not words.isascii():
            byte = len(words.encode("utf-8")[:byte].decode("utf-8"))
        return self._starts[line - 1] + byte

    def place(self, line: int, column: int) -> int:
        """Return the place of a token's line (from 1) and column (in characters, from 0)."""
        return self._starts[line - 1] + column

    def part(self, node: Any) -> str:
        """Return a node's text."""
        return self.text[self.start(node) : self.end(node)]

    def start(self, node: Any) -> int:
        """Return the place where a node begins."""
        return self.at(node.lineno, node.col_offset)

    def end(self, node: Any) -> int:
        """Return the place behind a node."""
        return self.at(node.end_lineno, node.end_col_offset)

    def edited(self, edits: list[Edit]) -> str:
        """Return the text with edits, none of which overlap, made in it."""
        done, pieces = 0, []
        for start, end, new in sorted(edits):
            pieces += [self.text[done:start], new]
            done = end
        return "".join([*pieces, self.text[done:]])


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
            for inner in ast.walk(child):  # its variables are its own, but for those of `:=`
                if isinstance(inner, ast.NamedExpr) and isinstance(inner.target, ast.Name):
                    yield inner.target.id
        else:
            yield from _bound(child)
