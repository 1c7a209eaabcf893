"""Python source of the command in an exported file: a table in, the table with answers out.

It reads tables as `tinynn predict` does: the table that the model was trained on, and others with
the same names. It keeps to what Python 2.7 and 3.4 have in common.
"""

from __future__ import annotations

import re
from typing import Sequence

from ..data.guesses import DELIMITERS, SPACE, Reading
from ..data.sources import LEGACY, UTF8
from .python_table import literal

USUAL = Reading(",", '"', True, "utf-8")  # for models that do not tell how a table was read

_READ = """\
def _read_bytes(path):
    import sys

    if path == "-":
        return getattr(sys.stdin, "buffer", sys.stdin).read()
    with open(path, "rb") as file:
        return file.read()


def _lines(data, encoding):
    import io

    lines = io.StringIO(data.decode(encoding), newline=u"")
    return [line.encode("utf-8") for line in lines] if str is bytes else list(lines)


def _rows(lines, sign, quote):
    import csv

    if sign == " ":  # blanks and tabs, any number of them
        lines = [line.replace("\\t", " ").rstrip() + "\\n" for line in lines]
    quoting = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    return csv.reader(lines, delimiter=sign, quotechar=quote or None, quoting=quoting,
                      skipinitialspace=True, strict=True)


def _names(row):
    names = [cell.decode("utf-8") if str is bytes else cell for cell in row]
    return [" ".join(name.split()) or "unnamed: %d" % j for j, name in enumerate(names)]


def _top(lines, sign, quote):  # the first rows, each after the number of lines above it
    import csv

    rows, above = [], 0
    table = _rows(lines[:100], sign, quote)
    try:
        for row in table:
            if len(row) > 1 or (row and row[0].strip()):
                rows.append((above, row))
            above = table.line_num
    except csv.Error:
        pass
    return rows


{start}

def _table(path):  # the names of the columns, how many lines end with them, and _rows' arguments
    data = _read_bytes(path)
    if data[:2] == b"\\x1f\\x8b":
        import gzip
        import io

        data = gzip.GzipFile(fileobj=io.BytesIO(data)).read()
    encodings = {encodings}
    if data[:3] == b"\\xef\\xbb\\xbf":
        encodings = ["utf-8-sig"]
    elif data[:2] in (b"\\xff\\xfe", b"\\xfe\\xff"):
        encodings = ["utf-16"]
    names = None
    for encoding in encodings:
        try:
            lines = _lines(data, encoding)
        except UnicodeError:
            continue
        for quote in {quotes}:
            for sign in {signs}:
                top = _top(lines, sign, quote)
                found = _start(top, len(lines))
                if found:
                    return found[0], found[1], (lines[found[1]:], sign, quote)
                names = names or (_names(top[0][1]) if top else [])
    if names is None:
        raise ValueError("it cannot be decoded as %s" % " or ".join(encodings))
    missing = [name for name in COLUMNS if name not in names] or COLUMNS
    raise ValueError("a table needs column %r, got %r" % (missing[0], names))
"""
_BY_NAME = """\
def _start(top, count):  # the names of the columns, and how many lines end with them, or None
    for k, (_, row) in enumerate(top[:31]):
        names = _names(row)
        if all(name in names for name in COLUMNS):
            return names, top[k + 1][0] if k + 1 < len(top) else count
"""
_BY_ORDER = """\
def _like_number(cell):
    try:
        return float(cell.replace(",", ".", 1)) or True
    except ValueError:
        return False


def _start(top, count):  # names of the columns, and how many lines are above the rows, or None
    for k, (above, row) in enumerate(top[:31]):
        after = top[k + 1][1] if k + 1 < len(top) else row
        if len(row) not in (len(COLUMNS), len(COLUMNS) + 1) or len(after) != len(row):
            continue
        more = [cell for cell in row[2:] if _like_number(cell)]
        if row[0].isdigit() and row[1:2] == [str(len(row) - 1)] and row[2:] and not more:
            if int(row[0]) <= count:
                continue  # it counts the rows and columns, and names the classes
        numbers = any(map(_like_number, row))
        if after is not row and not numbers and any(map(_like_number, after)):
            return _names(row), top[k + 1][0]
        return ["c%d" % (j + 1) for j in range(len(row))], above
"""
_UNNAMED = """\
def _start(top, count):  # names of the columns, and how many lines end with them, or None
    if top and len(top[0][1]) >= len(COLUMNS):
        names = _names(top[0][1])
        if len(names) == len(COLUMNS) or all(name in names for name in COLUMNS):
            return names, top[1][0] if len(top) > 1 else count
"""
_CHECK = """\
def _check_points(table, numbers):  # 1.234 is 1234 only if commas show that they are decimal
    import itertools

    points = commas = False
    for row in itertools.islice(table, 1000):
        for cell in [row[k] for k in numbers if k < len(row)]:
            points, commas = points or "." in cell, commas or "," in cell
    if points and not commas:
        raise ValueError("numbers have points, but the model was trained on decimal commas")


"""
_MAIN = """\
def _main():
    import csv
    import sys

    old, path, line = str is bytes, sys.argv[-1], 1
    proba = {asks}
    try:
        if len(sys.argv) != 2 + proba or path in ("-h", "--help"):
            raise ValueError("usage: python FILE {usage}DATA.csv")
        out = sys.stdout
        if not old:
            out = open(1, "w", encoding="utf-8", newline="", errors="backslashreplace")
        names, above, written = _table(path)
        write = csv.writer(out, lineterminator="\\n").writerow
        order = [names.index(name) if name in names else -1 for name in COLUMNS]
        if -1 in order:
            order = list(range(len(order)))
{check}
        def put(row, more):
            row = row + more
            write([v.encode("utf-8") if old and isinstance(v, type(u"")) else v for v in row])

        put(names, {answers})
        table = _rows(*written)
        for row in table:
            line = above + table.line_num
            if len(row) > 1 or (row and row[0].strip()):
                if len(row) != len(names):
                    raise ValueError("a row needs %d cells, got %d" % (len(names), len(row)))
                cells = [{cell} for k in order]
                put(row, {put})
        out.flush()
    except (EnvironmentError, ValueError, csv.Error) as error:
        if getattr(error, "errno", 0) != 32:  # EPIPE: the output was closed
            sys.stderr.write("%s, line %d: %s\\n" % (path, line, error))
        sys.exit(2)


if __name__ == "__main__":
    _main()
"""


def command_source(
    names: Sequence[str],
    answers: Sequence[str],
    put: str,
    cell: str,
    proba: bool,
    reading: Reading | None,
    commas: Sequence[int],
) -> str:
    """Return the source of the command.

    names:    the columns of the model
    answers:  the names of the new columns
    put:      the source of the cells to put in them, a list, from `cells`
    cell:     the source of a cell that the model takes, from `row[k]`
    proba:    whether the command can add probabilities
    reading:  how the table was read that the model was trained on
    commas:   the indices of columns of numbers with decimal commas
    """
    how = reading or USUAL
    start = _BY_NAME if how.header else _BY_ORDER
    if reading is None and list(names) == [f"x{k}" for k in range(len(names))]:
        start = _UNNAMED
    new = f"[{', '.join(map(literal, answers))}]"
    if proba:
        new += ' + (["probability_%s" % label for label in CLASSES] if proba else [])'
        put += " + (predict_proba(cells) if proba else [])"
    encodings = ["utf-8", LEGACY if how.encoding in UTF8 else how.encoding]
    if "a\n".encode(encodings[1]) != b"a\n":  # what is ASCII may be in this encoding, too
        encodings.reverse()
    quotes = [how.quote, *({'"', "'"} - {how.quote})] if how.quote else [""]
    values = {
        "check": "",
        "usage": "[--proba] " if proba else "",
        "asks": 'sys.argv[1:2] == ["--proba"]' if proba else "False",
        "cell": cell,
        "answers": new,
        "put": put,
        "start": start,
        "encodings": f"[{', '.join(map(literal, encodings))}]",
        "quotes": f"[{', '.join(map(literal, quotes))}]",
        "signs": f"[{', '.join(map(literal, _signs(how.delimiter)))}]",
    }
    if commas:
        numbers = f"[order[k] for k in {list(commas)!r}]"
        values["check"] = f"        _check_points(_rows(*written), {numbers})\n"
    source = f"{_READ}\n\n{_CHECK * bool(commas)}{_MAIN}"
    return re.sub(r"\{([a-z]+)\}", lambda match: values[match.group(1)], source)


def _signs(first: str) -> list[str]:
    """Return the separators to try, that of the training first."""
    return [first, *[sign for sign in (*DELIMITERS, SPACE) if sign != first]]
