"""Markdown tables: one for each task, and the headline tables, tinynn against each rival."""

from __future__ import annotations

from typing import Sequence

from .results import SKIPPED, WRONG, Results, Row, Spread, TaskResult

# The two tinynns of the headline tables: the pure one, and the one that writes machine code.
PURE, NATIVE = "tinynn", "tinynn-native"
# The columns of a headline table: the name of a task's row, and the column's title.
RIVALS: tuple[tuple[str, str], ...] = (
    ("numpy", "NumPy"),
    ("torch", "PyTorch"),
    ("sklearn", "scikit-learn"),
    ("micrograd", "micrograd"),
    ("onnxruntime", "onnxruntime"),
    ("lists", "good lists"),
)


def seconds(value: float) -> str:
    """Return a time with three digits and the unit that fits."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= factor:
            return f"{_three_digits(value / factor)} {unit}"
    return f"{_three_digits(value / 1e-9)} ns"


def size(value: float) -> str:
    """Return a number of bytes with three digits and the unit that fits."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= factor:
            return f"{_three_digits(value / factor)} {unit}"
    return f"{value:.0f} bytes"


def times(ratio: float, quantity: str = "time") -> str:
    """Return a ratio in words: how many times faster or slower, smaller or larger."""
    better, worse = ("faster", "slower") if quantity == "time" else ("smaller", "larger")
    if 0.95 < ratio < 1.05:
        return "about equal"
    if ratio >= 1.0:
        return f"{_two_digits(ratio)}× {better}"
    return f"{_two_digits(1.0 / ratio)}× {worse}"


def task_table(task: TaskResult) -> str:
    """Return the Markdown section of one task: ratios first, against its baseline."""
    baseline = next((name for name in (task.baseline, "lists") if task.row(name)), "")
    against = task.row(baseline)
    one = "size" if task.quantity == "size" else f"CPU time per {task.unit}"
    header = ["implementation", f"against {against.title if against else task.baseline}", one]
    if task.quantity == "time":
        header += ["middle half", "wall time", "off by at most", "note"]
    else:
        header += ["note"]
    lines = [f"### {task.title}", ""]
    if against is None:
        lines += [f"There are no ratios: the baseline, {task.baseline}, was not measured.", ""]
    lines += ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for row in task.rows:
        lines.append("| " + " | ".join(_cells(task, row, baseline)) + " |")
    if task.notes:
        lines += ["", *task.notes]
    return "\n".join(lines) + "\n"


def headline(results: Results, only: Sequence[str] = ()) -> str:
    """Return the tables that compare tinynn with each rival: the pure engines, then `native`.

    What tinynn loses is in bold. `only` names the tasks to show; the sentence below the tables
    counts all tasks. Without any figure for `native` there is one table.
    """
    shown = [task for task in results.tasks if not only or task.name in only]
    lines = headline_table(shown, PURE, "tinynn", RIVALS)
    if any(task.row(NATIVE) for task in shown):
        lines = [
            'Pure Python, `engine="auto"`: behind the time is the engine that it chose.',
            "",
            *lines,
            "",
            'Machine code that Python writes, `engine="native"`:',
            "",
            *headline_table(shown, NATIVE, "tinynn native", (*RIVALS, (PURE, "pure tinynn"))),
        ]
    lines += ["", _balance(results), *_without_native(results), "", circumstances(results)]
    return "\n".join(lines) + "\n"


def one_time_work(results: Results) -> str:
    """Return a table of what native does once in a training, and of what each unit costs then."""
    lines = [
        "| training | once | then | NumPy |",
        "|---|---|---|---|",
    ]
    for task in results.tasks:
        mine, numpy = task.row(NATIVE), task.row("numpy")
        if mine is None or mine.once is None or mine.each is None:
            continue
        theirs = "–"
        if numpy is not None and numpy.cpu is not None:
            theirs = f"{seconds(numpy.cpu.median)}{_per(task)}"
        lines.append(
            f"| {task.title} | {seconds(mine.once)} | {seconds(mine.each)}{_per(task)} | {theirs} |"
        )
    if len(lines) == 2:
        return "Not measured yet.\n"
    return "\n".join([*lines, "", circumstances(results)]) + "\n"


def report(results: Results) -> str:
    """Return the whole Markdown report of a run."""
    about = results.about
    parts = [
        f"# tinynn's benchmarks, {about['interpreter']}, {results.mode} mode\n",
        headline(results),
        "Times are CPU times, medians of interleaved repeats; every result was checked against the "
        "reference before it was measured. Training with tinynn includes checking the data, "
        "preparing the engine and recording the losses; NumPy's and PyTorch's arrays are made "
        "before the clock starts, and NumPy computes no loss.\n",
        *(task_table(task) for task in results.tasks),
        "### Environment\n",
        *(f"- {key}: {_plain(value)}" for key, value in about.items()),
    ]
    return "\n".join(parts) + "\n"


def headline_table(
    shown: Sequence[TaskResult], name: str, title: str, rivals: Sequence[tuple[str, str]]
) -> list[str]:
    """Return the lines of a table: a row for each task that the implementation `name` has done."""
    done = [task for task in shown if task.row(name)]
    rivals = [rival for rival in rivals if any(task.row(rival[0]) for task in done)]
    lines = [
        f"| task | {title} | " + " | ".join(f"than {rival}" for _, rival in rivals) + " |",
        "|---|---|" + "---|" * len(rivals),
    ]
    for task in done:
        mine = task.row(name)
        assert mine is not None and mine.cpu is not None
        note = f", {mine.note}" if mine.note else ""
        cells = [task.title, f"{_value(task, mine.cpu.median)}{_per(task)}{note}"]
        cells += [_versus(task, name, rival) for rival, _ in rivals]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _without_native(results: Results) -> list[str]:
    """Return a paragraph on why `native` was not measured, where it was tried in vain."""
    rows = [row for task in results.tasks for row in task.rows if row.name == NATIVE]
    reasons = [row.reason for row in rows if row.status == SKIPPED]
    if not reasons or len(reasons) < len(rows):
        return []
    return ["", f"The native engine was not measured: {reasons[0]}."]


def _cells(task: TaskResult, row: Row, baseline: str) -> list[str]:
    columns = 7 if task.quantity == "time" else 4
    if row.status == SKIPPED:
        return [row.title, f"skipped: {row.reason}", *[""] * (columns - 2)]
    if row.status == WRONG:
        return [row.title, f"**WRONG**: {row.reason}", *[""] * (columns - 2)]
    if row.cpu is None:
        return [row.title, *[""] * (columns - 1)]
    cells = [row.title, _against(task, row, baseline), _value(task, row.cpu.median)]
    if task.quantity == "time":
        cells += [_middle(row.cpu), seconds(row.wall.median) if row.wall else "", _off(row)]
    return [*cells, "; ".join(filter(None, (row.note, row.part)))]


def _against(task: TaskResult, row: Row, baseline: str) -> str:
    if row.name == baseline:
        return "1"
    ratio = task.ratio(row.name, baseline)
    return "" if ratio is None else times(ratio, task.quantity)


def _versus(task: TaskResult, name: str, rival: str) -> str:
    ratio = task.ratio(name, rival)
    if ratio is None:
        return "–"
    words = times(ratio, task.quantity)
    return f"**{words}**" if ratio <= 0.95 else words


def _value(task: TaskResult, value: float) -> str:
    return size(value) if task.quantity == "size" else seconds(value)


def _per(task: TaskResult) -> str:
    plain = task.quantity == "size" or task.unit in ("process", "10,000 iterations")
    return "" if plain else f" per {task.unit}"


def _middle(spread: Spread) -> str:
    if len(spread.samples) < 2:
        return "one sample"
    return f"{seconds(spread.low)} – {seconds(spread.high)}"


def _off(row: Row) -> str:
    if row.difference is None or row.tolerance is None:
        return ""
    return f"{row.difference:.0e} of {row.tolerance:.0e}" if row.difference else "0"


def _balance(results: Results) -> str:
    """Return a sentence on how often tinynn was faster and slower than NumPy."""
    pure, native = _counts(results, PURE), _counts(results, NATIVE)
    if pure is None and native is None:
        return "NumPy was not measured here."
    parts = []
    if pure is not None:
        parts.append(
            f"Of {pure[0]} tasks measured with both, {'pure ' if native else ''}tinynn is faster "
            f"than NumPy in {pure[1]} and slower in {pure[2]}."
        )
    if native is not None:
        parts.append(
            f"Of {native[0]} tasks measured with both, tinynn native is faster than NumPy in "
            f"{native[1]} and slower in {native[2]}."
        )
    return " ".join([*parts, "Slower is in bold."])


def _counts(results: Results, name: str) -> tuple[int, int, int] | None:
    """Return how many tasks were measured with NumPy too, and in how many it is faster, slower."""
    ratios = [task.ratio(name, "numpy") for task in results.tasks if task.quantity == "time"]
    known = [ratio for ratio in ratios if ratio is not None]
    if not known:
        return None
    return len(known), sum(r >= 1.05 for r in known), sum(r <= 0.95 for r in known)


def circumstances(results: Results) -> str:
    """Return where, when and with what the results were measured, as a sentence."""
    about = results.about
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    absent = sorted(
        {
            row.title
            for task in results.tasks
            for row in task.rows
            if row.status == SKIPPED and row.reason.startswith(("not installed", "cannot be"))
        }
    )
    return (
        f"{about['interpreter']}, {about['processor']}, {about['system']}, one thread each"
        f"{'; ' + versions if versions else ''}; {about['date']}; `{about['command']}`."
        f"{' Not available, so not measured: ' + ', '.join(absent) + '.' if absent else ''}"
    )


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    return str(value)


def _three_digits(value: float) -> str:
    if value >= 999.5:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 99.95 else f"{value:.2f}" if value < 9.995 else f"{value:.1f}"


def _two_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}"
