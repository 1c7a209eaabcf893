"""Python text made plain: what only people and type checkers read is taken out, and what smaller
interpreters lack is said in other words.

Each step reads a text and returns a text, by places in it: `ast.unparse` would write another text
on each version of Python.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import Any, Iterable, Iterator

from ..errors import DataError
from .edits import Edit, EditableSource
from .f_strings import as_format, fields

# What the other words are made of: names that stand in `stand_ins`.
WORDS = ("Record_", "dict_", "getter_", "join_", "merge_")


def plain(text: str) -> str:
    """Return the text without hints, docstrings and comments, for the smallest of interpreters."""
    return _rewritten(_without_hints(_records(text)))


def _records(text: str) -> str:
    """Write out what `class X(NamedTuple)` makes, for a base class that can do the rest."""
    source = EditableSource(text)
    edits: list[Edit] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and _is(node.bases, "NamedTuple"):
            edits.append((source.start(node.bases[0]), source.end(node.bases[0]), "Record_"))
            fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
            names = [source.part(field.target) for field in fields]
            arguments = [
                name if field.value is None else f"{name}={source.part(field.value)}"
                for name, field in zip(names, fields)
            ]
            lines = [
                f"_fields = {names}",
                f"    def __init__(self, {', '.join(arguments)}):",
                *[f"        self.{name} = {name}" for name in names],
            ]
            edits.append((source.start(fields[0]), source.end(fields[0]), "\n".join(lines)))
            edits += [(source.start(field), source.end(field), "") for field in fields[1:]]
    return source.edited(edits)


def _without_hints(text: str) -> str:
    """Take out annotations, docstrings, and what is imported or done for type checkers only."""
    source = EditableSource(text)
    edits: list[Edit] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.arg) and node.annotation:
            start = source.start(node) + len(node.arg)
            edits.append((start, source.end(node.annotation), ""))
        if isinstance(node, ast.FunctionDef) and node.returns:
            arrow = text.rindex("->", 0, source.start(node.returns))
            edits.append((arrow, source.end(node.returns), ""))
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                gone = [_is_hint(statement) for statement in body]
                for statement, is_gone in zip(body, gone):
                    if is_gone:
                        new = "pass" if all(gone) and statement is body[0] else ""
                        edits.append((source.start(statement), source.end(statement), new))
                    elif isinstance(statement, ast.AnnAssign):
                        start = source.end(statement.target)
                        edits.append((start, source.end(statement.annotation), ""))
    return source.edited(_outermost(edits))


def _is_hint(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "__future__"
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        return _is([node.value.func], "TypeVar")
    if isinstance(node, ast.FunctionDef):  # one that is there for others to put something else
        last = node.body[-1]
        if _is(node.decorator_list, "overload"):
            return True
        return isinstance(last, ast.Raise) and _is(filter(None, [last.exc]), "NotImplementedError")
    return (
        (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.AnnAssign) and node.value is None)
        or (isinstance(node, ast.If) and _is([node.test], "TYPE_CHECKING"))
    )


def _rewritten(text: str) -> str:
    """Return the text with every node for which there are other words written in them.

    Those within others come in a later round, in which the text is read anew.
    """
    while True:
        source = EditableSource(text)
        edits: list[Edit] = []
        for node in _outside_of_f_strings(ast.parse(text)):
            new = _without_stars(source, node) or _small_words(source, node)
            if new:
                edits.append((source.start(node), source.end(node), new))
        if not edits:
            return text
        text = source.edited(_outermost(edits))


def _without_stars(source: EditableSource, node: Any) -> str | None:
    """Say [*a, b] as list(a) + [b], {**a, "k": b} as merge_(a, {"k": b})."""
    if isinstance(node, ast.Dict) and None in node.keys:
        parts = [
            source.part(value) if key is None else f"{{{source.part(key)}: {source.part(value)}}}"
            for key, value in zip(node.keys, node.values)
        ]
        return f"merge_({', '.join(parts)})"
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)) and any(
        isinstance(item, ast.Starred) for item in node.elts
    ):
        kind = type(node).__name__.lower()
        parts = [
            f"list({source.part(item.value)})"
            if isinstance(item, ast.Starred)
            else f"[{source.part(item)}]"
            for item in node.elts
        ]
        joined = " + ".join(parts)
        return f"({joined})" if kind == "list" else f"{kind}({joined})"
    return None


def _small_words(source: EditableSource, node: Any) -> str | None:
    """Say in other words what MicroPython lacks: methods of numbers, several base classes."""
    if isinstance(node, ast.Call):
        words, function = [source.part(argument) for argument in node.args], node.func
        if _is([function], "cast"):
            return f"({words[1]})"
        if isinstance(function, ast.Attribute) and function.attr == "is_integer":
            return f"({source.part(function.value)} % 1 == 0)"
    if isinstance(node, ast.ClassDef) and len(node.bases) > 1:
        bases = ", ".join(map(source.part, node.bases))
        behind = source.text[source.end(node.bases[-1]) : source.end(node)]
        return f"class {node.name}(join_({bases}){behind}"
    if isinstance(node, ast.JoinedStr) and any(
        isinstance(inner, ast.JoinedStr)
        for _, expression in fields(source.part(node))
        for inner in ast.walk(ast.parse(f"({expression})"))
    ):
        return as_format(source.part(node))
    if isinstance(node, ast.Dict) and not node.keys:
        return "dict_()"  # dictionaries there keep no order
    if isinstance(node, ast.Attribute) and node.attr == "__getitem__":
        return f"getter_({source.part(node.value)})"
    return None


def _outside_of_f_strings(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if isinstance(child, ast.JoinedStr):  # before Python 3.12 the places in it are wrong
            for inner in ast.walk(child):
                if isinstance(inner, ast.Starred) or None in getattr(inner, "keys", ()):
                    raise DataError("a minimal file can have no * in an f-string's expression")
        else:
            yield from _outside_of_f_strings(child)


def _outermost(edits: list[Edit]) -> list[Edit]:
    """Return the edits without those that lie within another."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if not kept or edit[0] >= kept[-1][1]:
            kept.append(edit)
    return kept


def _is(nodes: Iterable[ast.expr], name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in nodes)


_COMPOUND = (
    "if", "elif", "else", "for", "while", "try", "except", "finally", "with", "def", "class",
    "async",
)  # fmt: skip


def packed(text: str) -> str:
    """Return the text without comments, and without lines and spaces that Python can do without."""
    source = EditableSource(text)
    lines: list[tuple[int, str]] = []  # each one's depth, and words
    depth, line = 0, ""
    quoted, start = 0, 0  # within how many f-strings, and where the outermost one begins
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind, words = tokenize.tok_name[token.type], token.string
        if kind == "FSTRING_START":  # since Python 3.12
            start = start if quoted else source.place(*token.start)
            quoted += 1
        elif kind == "FSTRING_END":
            quoted -= 1
            words = text[start : source.place(*token.end)]
        if quoted or kind in ("COMMENT", "NL", "ENDMARKER"):
            continue
        if kind in ("INDENT", "DEDENT"):
            depth += 1 if kind == "INDENT" else -1
        elif kind == "NEWLINE":
            lines.append((depth, line))
            line = ""
        else:
            if words in ")]}" and line.endswith(",") and not line.endswith("(,"):
                line = line if words == ")" else line[:-1]
            if line and _is_word(line[-1]) and _is_word(words[0]):
                line += " "
            line += words
    return "".join(" " * depth + words + "\n" for depth, words in _joined(lines))


def _joined(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Put simple statements that follow one another on one line, and behind what they depend on."""
    found: list[tuple[int, str]] = []
    for depth, words in lines:
        before = found[-1] if found else (0, ":")
        if depth and before[0] == depth and _is_simple(words) and _is_simple(before[1]):
            words = f"{found.pop()[1]};{words}"
        found.append((depth, words))
    inline: list[tuple[int, str]] = []
    for number, (depth, words) in enumerate(found):
        after = found[number + 1][0] if number + 1 < len(found) else 0
        header = inline[-1] if inline else (0, "")
        above = header[1].endswith(":") and header[0] == depth - 1
        if above and after < depth and _is_simple(words):
            words = inline.pop()[1] + words
            depth -= 1
        inline.append((depth, words))
    return inline


def _is_simple(words: str) -> bool:
    return words[0] != "@" and re.split(r"\W", words, maxsplit=1)[0] not in _COMPOUND


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"
