"""Charts in plain text for a terminal: sparklines, bars and tables, in blocks or in ASCII."""

from __future__ import annotations

import unicodedata
from typing import Sequence

from ..errors import SettingError
from .checks import equal_length, grid, numbers, numbers_or_gaps, one_of
from .scales import short
from .terminal import printable

BLOCKS = "▁▂▃▄▅▆▇█"
LEVELS_ASCII = "_.-~=+*#"
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
LEFT, RIGHT, MIDDLE = "lrc"


def shows_blocks(encoding: str | None) -> bool:
    """Return whether `encoding` (say, sys.stdout.encoding) has the block characters used here."""
    try:
        (BLOCKS + "".join(EIGHTHS) + "▐─│…−⁻×").encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def sparkline(values: Sequence[float | None], width: int = 60, *, ascii_only: bool = False) -> str:
    """Return one line of at most `width` characters whose heights follow `values`; None and NaN
    are spaces.

    More values than characters are averaged in groups of equal size (to within one).
    Raises DataError if there is no number; SettingError if the width is not above 0.

    >>> sparkline([0, 1, 2, 3, 4, 5, 6, 7]), sparkline([3, None, 1], ascii_only=True)
    ('▁▂▃▄▅▆▇█', '# _')
    """
    _check_width("sparkline", width, 1)
    data = numbers_or_gaps("sparkline", "values", values)
    count = min(width, len(data))
    means: list[float | None] = []
    for i in range(count):
        group = data[i * len(data) // count : (i + 1) * len(data) // count]
        full = [v for v in group if v is not None]
        means.append(sum(v / len(full) for v in full) if full else None)
    present = [m for m in means if m is not None]
    low, high = min(present), max(present)
    levels = LEVELS_ASCII if ascii_only else BLOCKS

    def level(mean: float) -> str:
        share = (mean / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0
        return levels[min(int(share * len(levels)), len(levels) - 1)]

    return "".join(" " if mean is None else level(mean) for mean in means)


def cells_wide(text: str) -> int:
    """Return how many columns of a terminal `text` takes: 2 for wide characters, 0 for combining
    ones.
    """
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def fitted(text: str, width: int, align: str = "l", ascii_only: bool = False) -> str:
    """Return `text` in exactly `width` columns: padded, or cut and ended with an ellipsis."""
    if cells_wide(text) > width:
        dots = "." if ascii_only else "…"
        while text and cells_wide(text) > width - 1:
            text = text[:-1]
        text += dots
    room = width - cells_wide(text)
    before = 0 if align == LEFT else room if align == RIGHT else room // 2
    return " " * before + text + " " * (room - before)


def text_table(
    rows: Sequence[Sequence[object]],
    header: Sequence[object] | None = None,
    align: str = "",
    *,
    width: int | None = None,
    ascii_only: bool = False,
) -> str:
    """Return a table in columns two spaces apart, with a line under `header`; no line ends in
    spaces.

    `align` holds one letter for each column: l (left), r (right) or c (centre); columns without a
    letter are right-aligned if all their cells are numbers. With `width`, the widest columns are
    cut until the table fits.
    Raises DataError for rows of different lengths; SettingError for unknown letters or a width too
    small for the columns.

    >>> print(text_table([["a", 1], ["bc", 20]], ["name", "n"]))
    name   n
    ────────
    a      1
    bc    20
    """
    who = "text_table"
    lines = [[printable(cell, ascii_only=ascii_only) for cell in row] for row in rows]
    if header is not None:
        lines.insert(0, [printable(cell, ascii_only=ascii_only) for cell in header])
    if not lines or not lines[0]:
        return ""
    for i, line in enumerate(lines):
        equal_length(who, f"cells in line {i}", len(line), "columns", len(lines[0]))
    for letter in align:
        one_of(who, "each letter of align", letter, (LEFT, RIGHT, MIDDLE))
    columns = len(lines[0])
    letters = list(align[:columns])
    for j in range(len(letters), columns):
        letters.append(RIGHT if rows and all(_is_number(row[j]) for row in rows) else LEFT)
    widths = [max(cells_wide(line[j]) for line in lines) for j in range(columns)]
    if width is not None:
        _check_width(who, width, 4 * columns - 2)
        while sum(widths) + 2 * (columns - 1) > width:
            widths[widths.index(max(widths))] -= 1
    text = [
        "  ".join(
            fitted(cell, w, letter, ascii_only) for cell, w, letter in zip(line, widths, letters)
        ).rstrip()
        for line in lines
    ]
    if header is not None:
        text.insert(1, ("-" if ascii_only else "─") * (sum(widths) + 2 * (columns - 1)))
    return "\n".join(text)


def _is_number(cell: object) -> bool:
    if isinstance(cell, (int, float)):
        return True
    try:
        float(str(cell).replace("−", "-").rstrip("%"))
    except ValueError:
        return False
    return True


def text_confusion(
    counts: Sequence[Sequence[float]],
    names: Sequence[object] | None = None,
    *,
    width: int | None = None,
    ascii_only: bool = False,
) -> str:
    """Return a confusion matrix as a table: a row for each true class, its counts, and its recall.

    Raises DataError unless `counts` is square and has as many names as rows.

    >>> print(text_confusion([[9, 1], [0, 5]], ["no", "yes"], ascii_only=True))
    true \\ predicted  no  yes  recall
    ---------------------------------
    no                 9    1   90.0%
    yes                0    5  100.0%
    """
    who = "text_confusion"
    table = grid(who, "counts", counts)
    labels = list(range(len(table))) if names is None else list(names)
    equal_length(who, "columns", len(table[0]), "rows", len(table))
    equal_length(who, "names", len(labels), "rows", len(table))
    rows = []
    for i, row in enumerate(table):
        total = sum(row)
        recall = f"{100.0 * row[i] / total:.1f}%" if total else "none"
        rows.append([labels[i], *(f"{count:.10g}" for count in row), recall])
    header = ["true \\ predicted", *labels, "recall"]
    align = LEFT + RIGHT * (len(table) + 1)
    return text_table(rows, header, align, width=width, ascii_only=ascii_only)


def text_bars(
    names: Sequence[object],
    values: Sequence[float],
    width: int = 60,
    *,
    ascii_only: bool = False,
) -> str:
    """Return one line for each value: its name, a bar from a shared zero, and the number.

    The lines are at most `width` columns wide; names that would leave less than a third for the
    bars are cut.
    Raises DataError for empty lists and lengths that differ; SettingError for a width under 24.

    >>> print(text_bars(["a", "bc"], [1.0, -0.5], 24, ascii_only=True))
    a       |##########    1
    bc #####|           -0.5
    """
    who = "text_bars"
    _check_width(who, width, 24)
    data = numbers(who, "values", values)
    equal_length(who, "names", len(names), "values", len(data))
    texts = [short(v) for v in data]
    if ascii_only:
        texts = [f"{v:.4g}" for v in data]
    room = width - max(map(cells_wide, texts)) - 1
    labels = [printable(name, ascii_only=ascii_only) for name in names]
    label_width = min(max(map(cells_wide, labels)), room - width // 3)
    room -= label_width + 1
    low, high = min(0.0, *data), max(0.0, *data)
    axis = "|" if ascii_only else "│"
    signed = low < 0.0
    room -= signed
    # Divide first: the range itself may overflow.
    largest = max(-low, high) or 1.0
    unit = room / (high / largest - low / largest) if high > low else 0.0
    left_room = int(-low / largest * unit + 0.5)
    lines = []
    for label, value, text in zip(labels, data, texts):
        length = abs(value) / largest * unit
        left = _left_bar(min(length, left_room), ascii_only) if value < 0.0 else ""
        right = _right_bar(min(length, room - left_room), ascii_only) if value > 0.0 else ""
        bar = left.rjust(left_room) + axis if signed else ""
        bar += right.ljust(room - left_room)
        lines.append(
            f"{fitted(label, label_width, LEFT, ascii_only)} {bar} "
            + " " * (width - label_width - 2 - cells_wide(bar) - cells_wide(text))
            + text
        )
    return "\n".join(lines)


def _right_bar(length: float, ascii_only: bool) -> str:
    if ascii_only:
        return "#" * int(length + 0.5)
    whole, part = divmod(int(length * 8 + 0.5), 8)
    return "█" * whole + EIGHTHS[part]


def _left_bar(length: float, ascii_only: bool) -> str:
    if ascii_only:
        return "#" * int(length + 0.5)
    whole, part = divmod(int(length * 2 + 0.5), 2)
    return "▐" * part + "█" * whole


def _check_width(who: str, width: int, least: int) -> None:
    if not isinstance(width, int) or width < least:
        raise SettingError(f"{who} needs a width of at least {least} characters, got {width!r}")
