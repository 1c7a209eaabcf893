"""What was found on the real tables, as Markdown and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from statistics import mean
from typing import Any, Sequence

from .estimators import standard_error
from .results import WRONG, Results, Row, TaskResult
from .table_peers import NETWORK, Reached, Sklearn, TablePeer, Tinynn
from .tables import NATIVE, PURE, circumstances, headline_table
from .tasks.real_tables import CLASSIFY


@dataclass
class Found:
    """All that was found on one table; `tested` by the name of the implementation."""

    name: str
    task: str
    target: str
    left_out: dict[str, str]
    package: str
    version: str
    rows: int = 0
    columns: int = 0
    skipped: str = ""
    tested: dict[str, list[Reached]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    times: TaskResult | None = None

    def apart(self, name: str, other: str, measure: str) -> tuple[float, float] | None:
        """Return how much better the first is, seed by seed, and the standard error of that."""
        mine, theirs = self.tested.get(name), self.tested.get(other)
        if not mine or not theirs:
            return None
        sign = 1.0 if measure == "score" else -1.0
        values = [sign * (getattr(a, measure) - getattr(b, measure)) for a, b in zip(mine, theirs)]
        return mean(values), standard_error(values)


def report(everything: Sequence[Found], peers: Sequence[TablePeer], results: Results) -> str:
    """Return the tables of scores and seconds, and how they came about."""
    done = [found for found in everything if not found.skipped]
    seeds = max((len(t) for found in done for t in found.tested.values()), default=0)
    lines = ["# Real tables: tinynn's command and scikit-learn", ""]
    if seeds:
        lines += [
            f"Reached on a fifth of the rows, held out by {seeds} seeds: means with their standard "
            "errors. The network is scikit-learn's, with early stopping and as many hidden neurons "
            "as tinynn's; the last columns say how much better tinynn is than that network, seed "
            "by seed, in bold where it is worse by more than the error.",
            "", "## Accuracy, or R² for numbers", "",
            *_scores(done, peers, "score"),
            "", _balance(done), "", "## Log loss, or mean absolute error for numbers", "",
            *_scores(done, peers, "loss"), "",
        ]  # fmt: skip
    tasks = [found.times for found in done if found.times]
    if tasks:
        lines += [
            "## Seconds of the whole command", "",
            "CPU time, medians of interleaved rounds, with imports and reading. tinynn splits, "
            "trains, tests and saves; scikit-learn splits, trains and tests.", "",
        ]  # fmt: skip
        rivals = [(peer.name, peer.title) for peer in peers if isinstance(peer, Sklearn)]
        for name, title in ((PURE, "tinynn"), (NATIVE, "tinynn native")):
            if any(task.row(name) for task in tasks):
                lines += [*headline_table(tasks, name, title, rivals), ""]
    lines += ["## The tables", "", *_origins(everything), ""]
    for peer in peers:
        if peer.refusal():
            lines += [f"{peer.title} was skipped: {peer.refusal()}.", ""]
    lines += [f"**WRONG**: {trouble}" for trouble in troubles(everything)]
    return "\n".join([*lines, circumstances(results)]) + "\n"


def to_json(everything: Sequence[Found], about: dict[str, Any]) -> str:
    """Return everything as JSON text."""
    found = [
        {**asdict(one), "tested": {n: [t._asdict() for t in ts] for n, ts in one.tested.items()}}
        for one in everything
    ]
    return json.dumps({"about": about, "tables": found}, indent=1, ensure_ascii=False) + "\n"


def troubles(everything: Sequence[Found]) -> list[str]:
    """Return what went wrong, in words."""
    return [
        f"{found.name}: {name}: {reason}"
        for found in everything
        for name, reason in [
            *found.wrong.items(),
            *((row.title, row.reason) for row in _rows(found) if row.status == WRONG),
        ]
    ]


def _rows(found: Found) -> list[Row]:
    return found.times.rows if found.times else []


def worse(everything: Sequence[Found], name: str) -> list[str]:
    """Return the tables on which tinynn's score is below the network's by more than the error."""
    return [found.name for found in everything if _is_worse(found.apart(name, NETWORK, "score"))]


def _is_worse(apart: tuple[float, float] | None) -> bool:
    return apart is not None and apart[0] < -apart[1]


def _balance(done: Sequence[Found]) -> str:
    parts = []
    for name, title in ((PURE, "tinynn"), (NATIVE, "tinynn native")):
        pairs = [found.apart(name, NETWORK, "score") for found in done]
        known = [pair for pair in pairs if pair is not None]
        if known:
            better = sum(d > error for d, error in known)
            below = worse(done, name)
            named = f" ({', '.join(below)})" if below else ""
            parts.append(
                f"Of {len(known)} tables, {title} is better than scikit-learn's network by more "
                f"than the error on {better} and worse on {len(below)}{named}."
            )
    return " ".join(parts)


def _scores(done: Sequence[Found], peers: Sequence[TablePeer], measure: str) -> list[str]:
    """Return the lines of a table with the means of a measure, and how far tinynn is apart."""
    shown = [peer for peer in peers if any(peer.name in found.tested for found in done)]
    ours = [peer for peer in shown if isinstance(peer, Tinynn)]
    if not any(NETWORK in found.tested for found in done):
        ours = []
    heads = ["table", *(peer.title for peer in shown)]
    heads += [f"{peer.title}, better by" for peer in ours]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for found in done:
        cells = [found.name]
        for peer in shown:
            values = [getattr(tested, measure) for tested in found.tested.get(peer.name, [])]
            cells.append(_with_error(mean(values), standard_error(values)) if values else "–")
        for peer in ours:
            apart = found.apart(peer.name, NETWORK, measure)
            words = _with_error(*apart, signed=True) if apart else "–"
            cells.append(f"**{words}**" if _is_worse(apart) else words)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _with_error(value: float, error: float, signed: bool = False) -> str:
    """Return a number and its error with as many decimals as both deserve."""
    decimals = 4 if abs(value) < 10 else 2 if abs(value) < 1000 else 0
    return f"{value:{'+' if signed else ''},.{decimals}f} ± {error:,.{decimals}f}"


def _origins(everything: Sequence[Found]) -> list[str]:
    lines = ["| table | from | target | rows | columns | left out |", "|---" * 6 + "|"]
    for found in everything:
        kind = "classes" if found.task == CLASSIFY else "numbers"
        left_out = "; ".join(f"{name}: {why}" for name, why in found.left_out.items())
        size = f"{found.rows:,} | {found.columns}"
        if found.skipped:
            size, left_out = "– | –", f"**skipped**: {found.skipped}"
        lines.append(
            f"| {found.name} | {found.package} {found.version} | {found.target}, {kind} | {size} "
            f"| {left_out} |"
        )
    return lines
