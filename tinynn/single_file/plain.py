"""Plain Python source: without what only people and type checkers read, and rewritten where smaller
interpreters lack a feature.

Each step edits the source: `ast.unparse` would write it differently on each version of Python.
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

# The names in `stand_ins` that the rewritten source uses.
REWRITTEN = ("Record_", "dict_", "getter_", "join_", "merge_")


def rewritten(source: str) -> str:
    """Return the source without hints and docstrings, rewritten for the smallest interpreters."""
    return _rewritten(_without_hints(_records(source)))


def _records(source: str) -> str:
    """Write out the constructor of `class X(NamedTuple)`; a base class does the rest."""
    editable = EditableSource(source)
    edits: list[Edit] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and _is(node.bases, "NamedTuple"):
            edits.append((editable.start(node.bases[0]), editable.end(node.bases[0]), "Record_"))
            fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
            names = [editable.part(field.target) for field in fields]
            arguments = [
                name if field.value is None else f"{name}={editable.part(field.value)}"
                for name, field in zip(names, fields)
            ]
            lines = [
                f"_fields = {names}",
                f"    def __init__(self, {', '.join(arguments)}):",
                *[f"        self.{name} = {name}" for name in names],
            ]
            edits.append((editable.start(fields[0]), editable.end(fields[0]), "\n".join(lines)))
            edits += [(editable.start(field), editable.end(field), "") for field in fields[1:]]
    return editable.edited(edits)


def _without_hints(source: str) -> str:
    """Remove annotations, docstrings, and code for type checkers only."""
    editable = EditableSource(source)
    edits: list[Edit] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg) and node.annotation:
            start = editable.start(node) + len(node.arg)
            edits.append((start, editable.end(node.annotation), ""))
        if isinstance(node, ast.FunctionDef) and node.returns:
            arrow = source.rindex("->", 0, editable.start(node.returns))
            edits.append((arrow, editable.end(node.returns), ""))
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                gone = [_is_hint(statement) for statement in body]
                for statement, is_gone in zip(body, gone):
                    if is_gone:
                        new = "pass" if all(gone) and statement is body[0] else ""
                        edits.append((editable.start(statement), editable.end(statement), new))
                    elif isinstance(statement, ast.AnnAssign):
                        start = editable.end(statement.target)
                        edits.append((start, editable.end(statement.annotation), ""))
    return editable.edited(_outermost(edits))


def _is_hint(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "__future__"
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        return _is([node.value.func], "TypeVar")
    if isinstance(node, ast.FunctionDef):  # for notebooks only, or an abstract method
        if node.name.startswith("_repr_"):
            return True
        last = node.body[-1]
        if _is(node.decorator_list, "overload"):
            return True
        return isinstance(last, ast.Raise) and _is(filter(None, [last.exc]), "NotImplementedError")
    return (
        (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.AnnAssign) and node.value is None)
        or (isinstance(node, ast.If) and _is([node.test], "TYPE_CHECKING"))
    )


def _rewritten(source: str) -> str:
    """Return the source without the syntax that small interpreters lack.

    Nested nodes are rewritten in a later round, in which the source is parsed again.
    """
    while True:
        editable = EditableSource(source)
        edits: list[Edit] = []
        for node in _outside_of_f_strings(ast.parse(source)):
            new = _without_stars(editable, node) or _smaller(editable, node)
            if new:
                edits.append((editable.start(node), editable.end(node), new))
        if not edits:
            return source
        source = editable.edited(_outermost(edits))


def _without_stars(source: EditableSource, node: Any) -> str | None:
    """Rewrite [*a, b] as list(a) + [b], {**a, "k": b} as merge_(a, {"k": b})."""
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


def _smaller(source: EditableSource, node: Any) -> str | None:
    """Rewrite what MicroPython lacks: methods of numbers, several base classes, ..."""
    if isinstance(node, ast.Call):
        function = node.func
        if _is([function], "cast"):
            return f"({source.part(node.args[1])})"
        if isinstance(function, ast.Attribute) and function.attr == "is_integer":
            return f"({source.part(function.value)} % 1 == 0)"
    if isinstance(node, ast.ClassDef) and len(node.bases) > 1:
        bases = ", ".join(map(source.part, node.bases))
        rest = source.source[source.end(node.bases[-1]) : source.end(node)]
        return f"class {node.name}(join_({bases}){rest}"
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
        if isinstance(child, ast.JoinedStr):  # before Python 3.12 the offsets in it are wrong
            for inner in ast.walk(child):
                if isinstance(inner, ast.Starred) or None in getattr(inner, "keys", ()):
                    raise DataError("a minimal file cannot contain * in an f-string's expression")
        else:
            yield from _outside_of_f_strings(child)


def _outermost(edits: list[Edit]) -> list[Edit]:
    """Return the edits without those inside another."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if not kept or edit[0] >= kept[-1][1]:
            kept.append(edit)
    return kept


def _is(nodes: Iterable[ast.expr], name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in nodes)


_STRING = re.compile(r'(f?)"([^"\\]+)"')
_COMPOUND = (
    "if", "elif", "else", "for", "while", "try", "except", "finally", "with", "def", "class",
    "async",
)  # fmt: skip


def packed(source: str) -> str:
    """Return the source without comments and unnecessary lines and spaces."""
    editable = EditableSource(source)
    lines: list[tuple[int, str]] = []  # the depth of each, and its source
    depth, line, last = 0, "", ""
    quoted, start = 0, 0  # the depth of nested f-strings, and where the outermost one starts
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind, code = tokenize.tok_name[token.type], token.string
        if kind == "FSTRING_START":  # since Python 3.12
            start = start if quoted else editable.token_offset(*token.start)
            quoted += 1
        elif kind == "FSTRING_END":
            quoted -= 1
            code = source[start : editable.token_offset(*token.end)]
        if quoted or kind in ("COMMENT", "NL", "ENDMARKER"):
            continue
        if kind in ("INDENT", "DEDENT"):
            depth += 1 if kind == "INDENT" else -1
        elif kind == "NEWLINE":
            lines.append((depth, line))
            line = last = ""
        else:
            if code in ")]}" and line.endswith(",") and not line.endswith("(,"):
                line = line if code == ")" else line[:-1]
            joined = _one_string(last, code)
            if joined:
                line, code = line[: -len(last)], joined
            if line and _is_word(line[-1]) and _is_word(code[0]):
                line += " "
            line += code
            last = code
    return "".join(" " * depth + code + "\n" for depth, code in _joined(lines))


def _one_string(one: str, other: str) -> str:
    """Return two adjacent string literals as one, or "" if that is not so simple.

    >>> _one_string('"at least "', 'f"{n} rows"')
    'f"at least {n} rows"'
    """
    first, second = _STRING.fullmatch(one), _STRING.fullmatch(other)
    if not first or not second:
        return ""
    if first[1] != second[1] and re.search("[{}]", one if second[1] else other):
        return ""
    return f'{first[1] or second[1]}"{first[2]}{second[2]}"'


def _joined(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Put consecutive simple statements on one line, after their block's header."""
    found: list[tuple[int, str]] = []
    for depth, code in lines:
        before = found[-1] if found else (0, ":")
        if depth and before[0] == depth and _is_simple(code) and _is_simple(before[1]):
            code = f"{found.pop()[1]};{code}"
        found.append((depth, code))
    inline: list[tuple[int, str]] = []
    for number, (depth, code) in enumerate(found):
        after = found[number + 1][0] if number + 1 < len(found) else 0
        header = inline[-1] if inline else (0, "")
        above = header[1].endswith(":") and header[0] == depth - 1
        if above and after < depth and _is_simple(code):
            code = inline.pop()[1] + code
            depth -= 1
        inline.append((depth, code))
    return inline


def _is_simple(code: str) -> bool:
    return code[0] != "@" and re.split(r"\W", code, maxsplit=1)[0] not in _COMPOUND


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
