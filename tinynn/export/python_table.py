"""Python source that reads, scales and encodes rows of cells as `TableEncoder` does.

It keeps to what Python 2.7, 3.4 and MicroPython have in common. A table's names and categories are
written as ASCII literals, whatever they contain.
"""

from __future__ import annotations

from math import isinf
from typing import Any, Mapping, Sequence

from ..preprocessing.cells import key_of
from ..preprocessing.columns import CategoryColumn, NumberColumn
from ..preprocessing.date_column import DateColumn
from ..preprocessing.words_column import WordsColumn
from . import dates, words
from .python_layers import bracketed
from .steps import Description

_READ = """\
try:
    _TEXTS = (str, unicode)
except NameError:  # Python 3
    _TEXTS = (str,)
_MISSING = set({words})
_MISSING_NUMBERS = {numbers}
_SPACE = u" \\t\\n\\r\\x0b\\x0c\\x1c\\x1d\\x1e\\x1f\\x85\\xa0\\u1680\\u2000\\u2001\\u2002\\u2003"
_SPACE += u"\\u2004\\u2005\\u2006\\u2007\\u2008\\u2009\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"


def _read(cell):  # a number, text without white space around it, or None if missing
    if isinstance(cell, _TEXTS):
        text = cell.decode("utf-8") if isinstance(cell, bytes) else cell
        start, end = 0, len(text)
        while start < end and text[start] in _SPACE:
            start += 1
        while start < end and text[end - 1] in _SPACE:
            end -= 1
        text = text[start:end]
        return None if text in _MISSING else text
    if isinstance(cell, (float, int)):
        return None if cell != cell or cell in _MISSING_NUMBERS else cell
    if type(cell).__name__ in ("NoneType", "NAType", "NaTType"):
        return None
    if isinstance(cell, (list, tuple, dict, set, bytes, bytearray, complex)):
        raise ValueError("a cell needs to be a number or text, got %r" % (cell,))
    return cell
"""

_NUMBER = """\
def _number(cell, name, shift, scale, instead, more=False):
    x = _read(cell)
    text = isinstance(x, _TEXTS)
    if instead is not None and not text and (x is None or x != x):
        return [instead, 1.0] if more else [instead]
    try:
        y = (float({x}) - shift) / scale
        # Some Pythons accept "1_0", or "." and "e5", as numbers.
        if y - y == 0.0 and not (text and ("_" in x or not x.lower().split("e")[0].strip("+-."))):
            return [y, 0.0] if more else [y]
    except (OverflowError, TypeError, ValueError):
        pass
    raise ValueError("column %r needs a finite number, got %r" % (name, cell))
"""
_COMMA = """\
def _point(text):  # 1.234,5 as 1234.5; a point anywhere else makes it no number
    if "." in text:
        head, comma, tail = text.partition(",")
        groups = (head[1:] if head[:1] in ("+", "-") else head).split(".")
        for k, group in enumerate(groups):
            if not group.isdigit() or len(group) > 3 or k and len(group) < 3:
                return ""
        if len(groups) < 2 or comma and not tail.isdigit():
            return ""
    return text.replace(".", "").replace(",", ".")
"""

_KIND = """\
def _kind(cell, name, kinds, count, fill, strict=False):
    x, k = _read(cell), fill
    if x is not None:
        x = x if isinstance(x, float) or isinstance(x, _TEXTS) else str(x)
        k = kinds.get(x, -1)
    if strict and k < 0:
        raise ValueError("column %r needs a kind that it knows, got %r" % (name, cell))
    y = [0.0] * count
    if k >= 0:
        y[k] = 1.0
    return y
"""


def table_source(model: Description) -> str:
    """Return the source of `_encoded(row)`, from cells to the numbers that the network takes."""
    reader = model.reader
    numbers = sorted(x for x in reader.missing_numbers if x == x)
    parts = [
        _READ.format(
            words=bracketed([literal(word) for word in sorted(reader.missing)], "[", "]"),
            numbers=f"({''.join(f'{literal(x)}, ' for x in numbers)})",
        )
    ]
    used = set(map(type, model.columns))
    if NumberColumn in used:
        comma = reader.decimal == ","
        parts += [_COMMA] * comma
        parts.append(_NUMBER.format(x="_point(x) if text else x" if comma else "x"))
    parts += [_KIND] * (CategoryColumn in used)
    parts += [dates.PYTHON] * (DateColumn in used)
    parts += [words.PYTHON] * (WordsColumn in used)
    constants: list[str] = []
    lines = [
        "def _encoded(row):",
        f"    if len(row) != {len(model.columns)}:",
        f'        raise ValueError("a row needs {len(model.columns)} cells, got %d" % len(row))',
        "    x = []",
    ]
    for k, column in enumerate(model.columns):
        name = literal(column.name)
        if isinstance(column, NumberColumn):
            m, s, median = column.shift, column.scale, column.median
            instead = literal(None if median is None else (median - m) / s)
            scaling = (
                f"{literal(float(m))}, {literal(float(s))}, {instead}{', True' * column.indicator}"
            )
            lines.append(f"    x += _number(row[{k}], {name}, {scaling})")
        elif isinstance(column, CategoryColumn):
            constants.append(f"_KINDS{k} = {_indices(column.kinds)}")
            fill = -1 if column.fill is None else column.kinds.index(column.fill)
            known = f"_KINDS{k}, {len(column.kinds)}, {fill}{', True' * column.strict}"
            lines.append(f"    x += _kind(row[{k}], {name}, {known})")
        elif isinstance(column, DateColumn):
            cycles, missing = dates.days_of(column), dates.missing_date(column)
            numbers_of = f"{column.shift!r}, {column.scale!r}, {cycles}, {missing}"
            lines.append(
                f"    x += _date(row[{k}], {name}, {column.spellings}, {numbers_of}"
                f"{', [0.0]' * column.indicator})"
            )
        elif isinstance(column, WordsColumn):
            places = {word: i for i, word in enumerate(column.words)}
            constants.append(f"_WORDS{k} = {_dictionary(places)}")
            constants.append(f"_CAPITALS{k} = {_dictionary(words.capitals(column))}")
            more = ", 0.0" * column.indicator
            lines.append(f"    x += _words(row[{k}], _WORDS{k}, _CAPITALS{k}{more})")
    lines.append("    return x")
    parts.append("\n".join([*constants, *[""] * 2 * bool(constants), *lines]) + "\n")
    return "\n\n".join(parts)


def _indices(kinds: list[str]) -> str:
    """Return the source of a dictionary: each category's index, by its name and by its number."""
    indices: dict[str | float, int] = {kind: i for i, kind in enumerate(kinds)}
    for i, kind in enumerate(kinds):
        try:
            number = float(kind)
        except ValueError:
            continue
        if key_of(number) == kind:
            indices[number] = i
    return _dictionary(indices)


def _dictionary(values: Mapping[Any, object]) -> str:
    items = [f"    {literal(key)}: {literal(value)}," for key, value in values.items()]
    return "\n".join(["{", *items, "}"])


def list_source(values: Sequence[object], words: Mapping[Any, str] = {}) -> str:
    """Return the source of a list, one line for each value if `words` has their comments."""
    if not words:
        return bracketed([literal(value) for value in values], "[", "]")
    items = [f"    {literal(value)},  # {ascii(words[value])[1:-1]}" for value in values]
    return "\n".join(["[", *items, "]"])


def literal(value: object) -> str:
    """Return the literal of a text, number, bool or None in Python 2 and 3, in ASCII.

    >>> literal("a"), literal("\\xe4"), literal(1.5)
    ("'a'", "u'\\\\xe4'", '1.5')
    """
    if isinstance(value, float) and isinf(value):
        return "1e999" if value > 0 else "-1e999"
    source = ascii(value)
    return f"u{source}" if isinstance(value, str) and not value.isascii() else source
