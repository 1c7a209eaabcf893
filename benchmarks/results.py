"""Results: what was measured, as plain data that is written to JSON and read back."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

FORMAT = "tinynn benchmark results"
VERSION = 1

MEASURED, SKIPPED, WRONG = "measured", "skipped", "wrong"


@dataclass
class Spread:
    """The median of samples (seconds or bytes per unit), and their quartiles."""

    median: float
    low: float
    high: float
    samples: list[float]

    @classmethod
    def of(cls, samples: list[float]) -> Spread:
        """Return the spread of at least one sample."""
        ordered = sorted(samples)
        last = len(ordered) - 1
        return cls(median(ordered), ordered[last // 4], ordered[last - last // 4], samples)


@dataclass
class Row:
    """One implementation's result in one task."""

    name: str
    title: str
    version: str = ""
    status: str = MEASURED
    reason: str = ""  # why it was skipped, or what is wrong
    difference: float | None = None  # the most that a result differs from the reference
    tolerance: float | None = None
    amount: int = 0
    first_run: float | None = None  # CPU seconds of the check, before anything is cached
    cpu: Spread | None = None
    wall: Spread | None = None
    once: float | None = None  # CPU seconds of a run's one-time work, and
    each: float | None = None  # of a unit without it: from long and short runs
    note: str = ""  # the engine that ran, or another remark
    part: str = ""  # how much of the task was measured, if not all
    accuracy: float | None = None  # of a training that went on until it was accurate
    laps: list[float] = field(default_factory=list)  # CPU seconds of each of its epochs


@dataclass
class TaskResult:
    """One task's rows.

    `baseline` is the row that the others are compared with, `over` the one that was subtracted from
    them, if there is one.
    """

    name: str
    title: str
    unit: str
    quantity: str
    baseline: str
    over: str
    amount: int
    notes: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def row(self, name: str) -> Row | None:
        """Return the row with this name if it was measured."""
        for row in self.rows:
            if row.name == name and row.status == MEASURED and row.cpu is not None:
                return row
        return None

    def ratio(self, name: str, against: str) -> float | None:
        """Return the CPU time (or size) of `against` divided by that of `name`."""
        if self.over in (name, against):
            return None
        mine, other = self.row(name), self.row(against)
        if mine is None or other is None or mine.cpu is None or other.cpu is None:
            return None
        if mine.cpu.median <= 0.0 or other.cpu.median <= 0.0:
            return None
        return other.cpu.median / mine.cpu.median


@dataclass
class Results:
    """One whole run."""

    mode: str
    about: dict[str, Any]
    tasks: list[TaskResult] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """The wrong results, in words."""
        return [
            f"{task.name}: {row.title}: {row.reason}"
            for task in self.tasks
            for row in task.rows
            if row.status == WRONG
        ]

    def take(self, name: str, other: Results) -> None:
        """Take the row `name` of each task from other results if it was not measured here.

        Raises ValueError if they come from another processor or from data with another density.
        """
        for key in ("processor", "density"):
            mine, theirs = self.about.get(key), other.about.get(key)
            if mine != theirs:
                raise ValueError(f"figures for {name} need the {key} {mine!r}, got {theirs!r}")
        found = {task.name: task.row(name) for task in other.tasks}
        origin = f"{other.about['interpreter']}, {other.about['date']}"
        for task in self.tasks:
            row = found.get(task.name)
            if row is not None and task.row(name) is None:
                row = replace(row, title=f"{row.title} ({other.about['interpreter']})")
                task.rows = [mine for mine in task.rows if mine.name != name] + [row]
        self.about[f"figures of {name}"] = f"from {origin}"

    def file_stem(self) -> str:
        """Return a file name for this run: its date, interpreter and mode."""
        date = re.sub(r"[ :]", "-", self.about["date"].replace(" UTC", ""))
        who = self.about["interpreter"].split(" (")[0].replace(" ", "-").lower()
        return f"{date}-{who}-{self.mode}"

    def to_json(self) -> str:
        """Return everything as JSON text."""
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return json.dumps(_rounded(content), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str, name: str = "the results") -> Results:
    """Return the results in a JSON text. Raises ValueError if it holds no results."""
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f'{name} needs to be JSON with "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise ValueError(f"{name} needs version {VERSION}, got {content.get('version')!r}")
    tasks = []
    for entry in content["tasks"]:
        rows = [
            Row(**{**row, "cpu": _spread(row["cpu"]), "wall": _spread(row["wall"])})
            for row in entry.pop("rows")
        ]
        tasks.append(TaskResult(**entry, rows=rows))
    return Results(content["mode"], content["about"], tasks)


def read(path: Path) -> Results:
    """Return the results in a file. Raises OSError or ValueError."""
    return from_json(path.read_text(encoding="utf-8"), path.name)


def _spread(entry: dict[str, Any] | None) -> Spread | None:
    return None if entry is None else Spread(**entry)


def _rounded(value: Any) -> Any:
    """Return `value` with every float rounded to six digits: more would be noise."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
