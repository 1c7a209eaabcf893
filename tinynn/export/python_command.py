"""Python source of the command in an exported file: a table in, the table with answers out.

It reads tables as `tinynn predict` does: the table that the model was trained on, and others with
the same names. It keeps to what Python 2.7 and 3.4 have in common, and holds only what the model's
own table asks for, so that the files of small models stay small.
"""

from __future__ import annotations

import re
from typing import Sequence

from ..data.guesses import DELIMITERS, SPACE, Reading
from ..data.sources import UTF8
from .python_table import literal

USUAL = Reading(",", '"', True, "utf-8")  # for models that do not tell how a table was read

_MAIN = """\
def _main():
    import argparse
    import csv
    import sys

    parser = argparse.ArgumentParser(description="A table with the answers.")
    parser.add_argument("file", help="- for a pipe")
    parser.add_argument("--encoding"{encoding})
    option, line, old = {"action": "store_true"}, 1, str is bytes
    parser.add_argument("--keep-going", help="note bad rows, without answers", **option)
{asks}    args = parser.parse_args()
    path, keep = args.file, args.keep_going
{state}
    def answers(row):
        if len(row) != len(names):
            raise ValueError("a row needs %d cells, got %d" % (len(names), len(row)))
        cells = [{cell} for k in order]
        return {put}

    def put(row, new):
        write(row + [v.encode("utf-8") if old and isinstance(v, type(u"")) else v for v in new])

    try:
        file = getattr(sys.stdin, "buffer", sys.stdin) if path == "-" else open(path, "rb")
        out, file = sys.stdout, {decoded}.encode("utf-8").splitlines(True)
        if not old:
            out = open(1, "w", encoding="utf-8", newline="", errors="backslashreplace")
            file = [v.decode("utf-8") for v in file]
{start}        write = csv.writer(out, lineterminator="\\n").writerow
        new = {answers} + ["note"] * keep
        put({header}, new)
        for row in {rows}:
            line = table.line_num
            if row > [""]:
                try:
                    put(row, answers(row) + [""] * keep)
                except ValueError as error:
                    if not keep:
                        raise
                    row = (row + [""] * len(names))[:len(names)]
                    put(row, [""] * (len(new) - 1) + [str(error)])
        out.flush()
    except (EnvironmentError, LookupError, ValueError, csv.Error) as error:
        if getattr(error, "errno", 0) != 32:  # EPIPE
            sys.stderr.write("%s, line %d: %s\\n" % (path, line, error))
        sys.exit(2)


if __name__ == "__main__":
    _main()
"""
_TWO = """\
def _decoded(data, code):
    try:
        return data.decode(code or "utf-8-sig")
    except UnicodeError:
        if code:
            raise
        return data.decode({own})


"""
_BY_NAME = """\
        tables = [{reader} for s in {signs}]
        for table, row in ((t, v) for t in tables for v in t):
            names = [{name} for v in row]
{unnamed}            if set(names) >= set(COLUMNS){unless}:
                break
        else:
            row = next(csv.reader(file), [])
            lost = min(set(COLUMNS) - set(row))
            raise ValueError("a table needs column %r, got %r" % (lost, row))
        order = {order}
"""
_UNNAMED = """\
            names = [name or "unnamed: %d" % j for j, name in enumerate(names)]
"""
_BY_ORDER = """\
        tables = [{reader} for s in {signs}]
        for table, row in ((t, v) for t in tables for v in t):
            if len(row) - len(COLUMNS) in (0, 1):
                counts = row[0].isdigit() and row[1:2] == [str(len(row) - 1)]
                if not (counts and row[2:3] and row[2].isalpha()):
                    break
        else:
            raise ValueError("a table needs %d columns" % len(COLUMNS))
        names = ["c%d" % (j + 1) for j in range(len(row))]
        order = [names.index(v) if v in names else k for k, v in enumerate(COLUMNS)]
"""
_POINTS = """\
        cells = [v[k] for v in {again} for k in {numbers}
                 if len(v) == len(names)]
        if any("." in cell for cell in cells) and not any("," in cell for cell in cells):
            raise ValueError("numbers have points, but the model was trained on decimal commas")
"""
_CELL = '(v.decode("utf-8-sig") if old else v)'
_BLANKS = '[v.replace("\\t", " ").rstrip() + "\\n" for v in file] if s == " " else file'


def command_source(
    names: Sequence[str],
    answers: Sequence[str],
    put: str,
    cell: str,
    proba: bool,
    reading: Reading | None,
    commas: Sequence[int],
    steps: bool = False,
) -> str:
    """Return the source of the command.

    names:    the columns of the model
    answers:  the names of the new columns
    put:      the source of the cells to put in them, a list, from `cells`
    cell:     the source of a cell that the model takes, from `row[k]`
    proba:    whether the command can add probabilities
    reading:  how the table was read that the model was trained on
    commas:   the indices of columns of numbers with decimal commas
    steps:    whether the rows are the steps of a sequence, with a `state`
    """
    how = reading or USUAL
    by_position = reading is None and list(names) == [f"x{k}" for k in range(len(names))]
    new = f"[{', '.join(map(literal, answers))}]"
    if proba:
        new += ' + ["probability_%s" % v for v in CLASSES] * args.proba'
        put += " + (predict_proba(cells) if args.proba else [])"
    utf8 = how.encoding in UTF8
    bytes_ = not utf8 and "a\n".encode(how.encoding) == b"a\n"
    signs = how.delimiter + "".join(sign for sign in DELIMITERS if sign != how.delimiter)
    quote = "" if how.quote == '"' else f"quotechar={how.quote!r}, "
    if not how.quote:
        quote = "quoting=csv.QUOTE_NONE, "
    file = _BLANKS if how.delimiter == SPACE else "file"
    reader = f"csv.reader({file}, delimiter=s, {quote}skipinitialspace=True)"
    start = _BY_NAME if how.header else _BY_ORDER
    if commas:
        start += _POINTS
    values = {
        "state": "    state = begin()\n" * steps,
        "asks": '    parser.add_argument("--proba", **option)\n' * proba,
        "cell": cell,
        "answers": new,
        "put": put,
        "decoded": "_decoded(file.read(), args.encoding)"
        if bytes_
        else "file.read().decode(args.encoding)",
        "own": repr(how.encoding),
        "start": start,
        "encoding": "" if bytes_ else f', default="{"utf-8-sig" if utf8 else how.encoding}"',
        "reader": reader,
        "again": _again(reader),
        "signs": literal(signs).replace("'", '"'),
        "name": f'" ".join({_CELL}.split())' if " " in "".join(names) else f"{_CELL}.strip()",
        "unnamed": _UNNAMED * any(name.startswith("unnamed: ") for name in names),
        "unless": "",
        "order": "[names.index(v) for v in COLUMNS]",
        "header": "row" if how.header else "names",
        "rows": "table" if how.header else "(v for part in ([row], table) for v in part)",
        "numbers": f"[order[k] for k in {list(commas)!r}]",
    }
    if by_position:
        values["signs"] = f'[max({values["signs"]}, key="".join(file[:1]).count)]'
        values["unless"] = " or len(names) == len(COLUMNS)"
        values["order"] = "[names.index(v) if v in names else k for k, v in enumerate(COLUMNS)]"
    source = _TWO * bytes_ + _MAIN
    for _ in range(2):  # parts contain such names, too
        source = re.sub(r"\{([a-z]+)\}", lambda match: values[match.group(1)], source)
    return source


def _again(reader: str) -> str:
    """Return the source of a reader of the rows below the header, like `table`."""
    source = re.sub(r"\bs\b", "table.dialect.delimiter", reader)
    return re.sub(r"\bfile\b", "file[table.line_num:]", source)
