"""Python source that reads, scales and encodes rows of cells as `TableEncoder` does.

It keeps to what Python 2.7, 3.4 and MicroPython have in common. A table's names and categories are
written as ASCII literals, whatever they contain.
"""

from __future__ import annotations

from math import isinf
from typing import Any, Mapping, Sequence

from ..preprocessing.cells import key_of, whole_spelling
from ..preprocessing.columns import CategoryColumn, LeftOut, NumberColumn
from ..preprocessing.date_column import DateColumn
from ..preprocessing.notation import Notation
from ..preprocessing.words_column import WordsColumn
from . import dates, words
from .python_layers import bracketed
from .steps import Description

_READ = """\
_TEXTS = (str, type(u""))
_MISSING = set({words})
_SPACE = u" \\t\\n\\r\\x0b\\x0c\\x1c\\x1d\\x1e\\x1f\\x85\\xa0\\u1680\\u2000\\u2001\\u2002\\u2003\
\\u2004\\u2005\\u2006\\u2007\\u2008\\u2009\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"


def _read(cell, missing=_MISSING):  # a number, text without white space around it, or None
    if isinstance(cell, _TEXTS):
        text = cell.decode("utf-8") if isinstance(cell, bytes) else cell
        solid = [k for k, c in enumerate(text) if c not in _SPACE]
        text = text[solid[0]:solid[-1] + 1] if solid else ""
        return None if text in missing else text
    if isinstance(cell, (float, int)):
        return None if cell != cell{numbers} else cell
    if type(cell).__name__ in ("NoneType", "NAType", "NaTType"):
        return None
{others}    return cell
"""
_NO_BYTES = """\
    if isinstance(cell, (bytes, bytearray)):
        return ()  # no number
"""
_NO_CONTAINERS = """\
    if isinstance(cell, (list, tuple, dict, set, bytes, bytearray, complex)):
        raise ValueError("a cell needs to be a number or text, got %r" % (cell,))
"""

_WRITTEN = """\
_GROUPS = u" \\u00a0\\u2009\\u202f'\\u2019"  # spaces and apostrophes between thousands


def _digits(text):
    return text != "" and not text.strip("0123456789")


def _written(text, decimal, grouped, unit, dressed):  # the number in a text, or ValueError
    other = "," if decimal == "." else "."
    plain = text if decimal == "." else text.replace(",", ".")
    # Some Pythons accept "1_0", or "." and "e5", as numbers.
    if not (unit == "%" or "_" in text or decimal == "," and "." in text):
        if plain.lower().split("e")[0].strip("+-."):
            try:
                x = float(plain)
                if x - x == 0.0:
                    return x
            except ValueError:
                pass
    if not dressed:
        raise ValueError(text)
    text, needed, signs, minus = text.replace(u"\\u2212", "-"), unit == "%", 0, False
    while text and not (text[0] in ".,0123456789" and text[-1] in "0123456789"):
        after = text[len(unit):]
        if text[0] == "(" and text[-1] == ")":
            text, signs, minus = text[1:-1], signs + 1, True
        elif text[0] in "+-":
            text, signs, minus = text[1:], signs + 1, text[0] == "-"
        elif text[-1] == "-":
            text, signs, minus = text[:-1], signs + 1, True
        elif unit and text.startswith(unit) and not (unit.isalpha() and after[:1] in (".", ",")):
            text, unit, needed = after, "", False
        elif unit and text.endswith(unit):
            text, unit, needed = text[: -len(unit)], "", False
        else:
            break
        # Some Pythons strip bytes, not characters.
        while text and text[0] in _GROUPS[:-2]:
            text = text[1:]
        while text and text[-1] in _GROUPS[:-2]:
            text = text[:-1]
    head, tail = text.partition(other)[0], text.partition(other)[2]
    if needed or signs > 1 or not grouped and _digits(head) and _digits(tail):
        raise ValueError(text)
    head, sign, tail = text.partition(decimal)
    sign_between = head.lstrip("0123456789")[:1]
    if sign_between and sign_between in _GROUPS + other:
        groups = head.split(sign_between)
        least = 2 if sign_between == "," else 3
        right = 0 < len(groups[0]) < 4 and groups[0][0] != "0" and len(groups[-1]) == 3
        for group in groups[1:]:
            right = right and _digits(group) and least <= len(group) <= 3
        head = "".join(groups) if right else ""
        if not right:
            raise ValueError(text)
    if not _digits(head + tail) or sign and not tail:
        raise ValueError(text)
    x = float(head + "." + tail if sign else head)
    return -x if minus else x
"""

_NUMBER = """\
def _number(cell, name, shift, scale, instead{more}{arguments}):
    x = _read(cell)
    text = isinstance(x, _TEXTS)
    if instead is not None and not text and (x is None or x != x):
        return [(instead - shift) / scale{yes}]
    try:
        y = ({x} - shift) / scale
        # Some Pythons read "1_0", "." and "e5".
        if y - y == 0.0{guard}:
            return [y{no}]
    except (OverflowError, TypeError, ValueError):
        pass
    raise ValueError("column %r needs a finite number, got %r" % (name, cell))
"""
_PLAIN = {
    "arguments": "", "x": "float(x)",
    "guard": ' and not (text and ("_" in x or not x.lower().split("e")[0].strip("+-.")))',
}  # fmt: skip
# The column that says whether a cell was missing, for models that have some.
_NOTED = {"more": ", more=()", "yes": "] + [1.0 for _ in more", "no": "] + [0.0 for _ in more"}
_NOT_NOTED = dict.fromkeys(_NOTED, "")
_WAYS = {
    "arguments": ', decimal=".", grouped=False, unit="", dressed=False', "guard": "",
    "x": "(_written(x, decimal, grouped, unit, dressed) if text else float(x))",
}  # fmt: skip

_KIND = """\
def _kind(cell, name, kinds, count, fill, strict=False):
    x, k = _read(cell{missing}), fill
    if x is not None:
        x = x if isinstance(x, float) or isinstance(x, _TEXTS) else str(x)
{whole}        k = kinds.get(x, -1)
    if strict and k < 0:
        raise ValueError("column %r needs a kind that it knows, got %r" % (name, cell))
    y = [0.0] * count
    if k >= 0:
        y[k] = 1.0
    return y
"""
_WHOLE = """\
        if isinstance(x, _TEXTS) and x[-2:] == ".0":  # 3.0 is 3
            digits = x[1:-2] if x[0] == "-" else x[:-2]
            x = x if digits.strip("0123456789") or not digits else x[:-2]
"""


def table_source(model: Description) -> str:
    """Return the source of `_encoded(row)`, from cells to the numbers that the network takes."""
    reader = model.reader
    numbers = sorted(x for x in reader.missing_numbers if x == x)
    used = set(map(type, model.columns))
    parts = [
        _READ.format(
            others=_NO_BYTES if used <= {NumberColumn, LeftOut} else _NO_CONTAINERS,
            words=_words_source(sorted(reader.missing)),
            numbers=f" or cell in ({''.join(f'{literal(x)}, ' for x in numbers)})" * bool(numbers),
        )
    ]
    if NumberColumn in used:
        plain = all(
            column.notation(reader) == Notation()
            for column in model.columns
            if isinstance(column, NumberColumn)
        )
        noted = any(
            isinstance(column, NumberColumn) and column.indicator for column in model.columns
        )
        ways = {**(_PLAIN if plain else _WAYS), **(_NOTED if noted else _NOT_NOTED)}
        parts += [*[_WRITTEN] * (not plain), _NUMBER.format(**ways)]
    texts, missing = reader.of_texts(), ""
    if texts != reader and used & {CategoryColumn, WordsColumn}:
        known = _words_source(sorted(texts.missing))
        parts.append(f"_MISSING_KINDS = set({known})\n")
        missing = ", _MISSING_KINDS"
    kinds = [column for column in model.columns if isinstance(column, CategoryColumn)]
    if kinds:
        whole = any(kind[-1:].isdigit() for column in kinds for kind in column.kinds)
        parts.append(_KIND.format(missing=missing, whole=_WHOLE * whole))
    parts += [dates.PYTHON] * (DateColumn in used)
    parts += [words.PYTHON.replace("MISSING", missing)] * (WordsColumn in used)
    constants: list[str] = []
    lines = [
        "def _encoded(row):",
        '    if hasattr(row, "keys"):',
        "        row = [row[name] for name in COLUMNS]",
        f"    if len(row) != {len(model.columns)}:",
        f'        raise ValueError("a row needs {len(model.columns)} cells, got %d" % len(row))',
        "    x = []",
    ]
    for k, column in enumerate(model.columns):
        name = literal(column.name)
        if isinstance(column, NumberColumn):
            m, s, median = column.shift, column.scale, column.median
            instead = literal(median)
            scaling = (
                f"{literal(float(m))}, {literal(float(s))}, {instead}{', [0]' * column.indicator}"
            )
            for key, way in column.notation(reader)._asdict().items():
                if way != getattr(Notation(), key):
                    scaling += f", {key}={literal(way)}"
            lines.append(f"    x += _number(row[{k}], {name}, {scaling})")
        elif isinstance(column, CategoryColumn):
            constants.append(f"_KINDS{k} = {_indices(column.text_kinds)}")
            fill = column.fill_index
            known = f"_KINDS{k}, {len(column.kinds)}, {fill}{', True' * column.strict}"
            lines.append(f"    x += _kind(row[{k}], {name}, {known})")
        elif isinstance(column, DateColumn):
            cycles, instead_of = dates.days_of(column), dates.missing_date(column)
            numbers_of = f"{column.shift!r}, {column.scale!r}, {cycles}, {instead_of}"
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


def _words_source(words: Sequence[str]) -> str:
    """Return the source of a list of words, in one text where that is shorter."""
    text = " ".join(words)
    if text.isascii() and text.isprintable() and text.split(" ") == list(words):
        return f"{literal(text)}.split(' ')"
    return bracketed([literal(word) for word in words], "[", "]")


def _indices(kinds: list[str]) -> str:
    """Return the source of a dictionary: each category's index, by its name and by its number."""
    indices: dict[str | float, int] = {whole_spelling(kind): i for i, kind in enumerate(kinds)}
    for i, kind in enumerate(kinds):
        try:
            number = float(kind)
        except ValueError:
            continue
        if key_of(number) == whole_spelling(kind):
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
