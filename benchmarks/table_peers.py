"""Who trains on the real tables: tinynn's command line, and scripts with scikit-learn's models."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tinynn.engines.choice import runs_native

from .processes import printed
from .tables import NATIVE, PURE
from .tasks.kinds import Command
from .tasks.processes import program
from .tasks.real_tables import CLASSIFY, REGRESS, Table

LINEAR, NETWORK, LONG_NETWORK, BOOSTING = "linear", "network", "network-long", "boosting"
NEEDS = ("pandas", "sklearn")
MEASURES = {CLASSIFY: ("accuracy", "log_loss"), REGRESS: ("r2", "mean_absolute_error")}


class Reached(NamedTuple):
    """What an implementation reached on held-out rows: accuracy and log loss, or R² and error."""

    rows: int
    score: float
    loss: float


class TablePeer:
    """Someone who learns from tables by programs of their own."""

    def __init__(self, name: str, title: str) -> None:
        self.name, self.title = name, title

    def refusal(self) -> str:
        """Return why it cannot run here, or ""."""
        raise NotImplementedError

    def test(self, table: Table, train: Path, test: Path, seed: int) -> Reached:
        """Return what it reaches. Raises RuntimeError, with its message, if it fails."""
        raise NotImplementedError

    def command(self, table: Table, whole: Path, seed: int) -> Command:
        """Return the program to time, which prints how many rows of the table have a target."""
        raise NotImplementedError


class Tinynn(TablePeer):
    """tinynn's command line with one engine."""

    def __init__(self, name: str, title: str, engine: str) -> None:
        super().__init__(name, title)
        self.engine = engine

    def refusal(self) -> str:
        refused = self.engine == "native" and not runs_native()
        return "machine code cannot run here" if refused else ""

    def test(self, table: Table, train: Path, test: Path, seed: int) -> Reached:
        model = train.with_name(f"{self.name}.json")
        words = self._training(table, train, seed, model)
        trained = json.loads(printed(["-m", "tinynn", *words, "--test-share", "0"]))
        if trained["rows"]["test"]:
            raise RuntimeError(f"did not train on {trained['rows']['test']:,} of its rows")
        words = ["evaluate", str(model), str(test), "--no-importance", "--json"]
        found = json.loads(printed(["-m", "tinynn", *words]))
        score, loss = MEASURES[table.task]
        if score not in found["metrics"]:
            raise RuntimeError(f"took {table.target!r} for another kind of target")
        return Reached(found["rows"], found["metrics"][score], found["metrics"][loss])

    def command(self, table: Table, whole: Path, seed: int) -> Command:
        words = self._training(table, whole, seed, whole.with_name(f"{self.name}.json"))
        return Command(self.name, self.title, program("table_tinynn"), (), tuple(words))

    def _training(self, table: Table, data: Path, seed: int, model: Path) -> list[str]:
        left_out = ["--ignore", ",".join(table.left_out)] if table.left_out else []
        return [
            "train", str(data), "--target", table.target, *left_out, "--seed", str(seed),
            "--engine", self.engine, "--out", str(model), "--json",
        ]  # fmt: skip


class Sklearn(TablePeer):
    """A script with one of scikit-learn's models."""

    def refusal(self) -> str:
        absent = [module for module in NEEDS if find_spec(module) is None]
        return f"not installed: {', '.join(absent)}" if absent else ""

    def test(self, table: Table, train: Path, test: Path, seed: int) -> Reached:
        words = self._arguments(table, seed, train, test)
        rows, score, loss = printed(["-c", program("table_sklearn"), *words]).split()
        return Reached(int(rows), float(score), float(loss))

    def command(self, table: Table, whole: Path, seed: int) -> Command:
        words = self._arguments(table, seed, whole)
        return Command(self.name, self.title, program("table_sklearn"), NEEDS, words)

    def _arguments(self, table: Table, seed: int, *paths: Path) -> tuple[str, ...]:
        left_out = json.dumps(list(table.left_out))
        return (self.name, table.task, table.target, left_out, str(seed), *map(str, paths))


PEERS: tuple[TablePeer, ...] = (
    Tinynn(PURE, "tinynn", "auto"),
    Tinynn(NATIVE, "tinynn native", "native"),
    Sklearn(LINEAR, "linear model"),
    Sklearn(NETWORK, "network"),
    Sklearn(LONG_NETWORK, "network, no early stopping"),
    Sklearn(BOOSTING, "gradient boosting"),
)
