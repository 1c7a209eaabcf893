"""Model files on the command line: an estimator, where it comes from, and its test."""

from __future__ import annotations

import os
from typing import Any, Callable, NamedTuple, Sequence

from ..checks.stored import is_count, is_text
from ..checks.words import counted, excerpt
from ..data.files import TableFile
from ..data.guesses import Reading
from ..engines.choice import runs_native
from ..engines.prediction import CompiledModel, compile
from ..errors import DataError, EngineError, FormatError, TinynnError
from ..estimators import Classifier, Ensemble, Estimator, Regressor, saving, storage
from ..estimators.ensemble import Committee
from ..estimators.number_targets import finite_answers
from ..files import json_file
from ..lesson.matrix import Matrix
from ..lesson.network import KIND as NETWORK, Sequential
from ..preprocessing.notation import Notation, notation_of
from ..report.findings import Findings
from ..training.model_files import network_from_dict
from .lag_names import MOST_LAGS, parts_of
from .parser import suggestion

WORTH_COMPILING = 1_000_000  # multiplications


class About(NamedTuple):
    """What a model file written by `train` says about the model.

    target:   the name of the column that it predicts
    source:   the name of the file it was trained on
    rows:     how many rows were used for training, `validation_rows` of them to decide when to stop
    findings: its test on held-out rows, if there were any
    reading:  how that file was read; None in the oldest model files
    notation: how the numbers of the target were written; None for classes and in older files
    refitted: how many rows it was trained on once more, after its test; 0 if it was not
    lags:     of how many rows before it a row's columns are; 0 unless the table is a series
    """

    target: str
    source: str
    rows: int
    validation_rows: int
    findings: Findings | None
    reading: Reading | None = None
    notation: Notation | None = None
    refitted: int = 0
    lags: int = 0

    @property
    def training(self) -> str:
        """The rows that it was trained on, in words."""
        text = f"trained on {self.rows - self.validation_rows:,} rows of {self.source}"
        if self.validation_rows:
            text += f", {self.validation_rows:,} more to decide when to stop"
        if self.refitted:
            text += f"; after its test, once more on all {self.refitted:,} rows"
        if self.lags:
            before = "row" if self.lags == 1 else f"{self.lags} rows"
            text += f"; a series, of which each row is predicted from the {before} before it"
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        content = self._asdict()
        content["findings"] = None if self.findings is None else self.findings.to_dict()
        content["reading"] = None if self.reading is None else self.reading._asdict()
        return content

    @classmethod
    def from_dict(cls, content: object, where: str) -> About:
        """Return what `to_dict` described. Raises FormatError for anything else."""
        if isinstance(content, dict):
            content = {"reading": None, "notation": None, "refitted": 0, "lags": 0, **content}
        if not isinstance(content, dict) or set(content) != set(cls._fields):
            raise FormatError(f"{where} needs exactly {', '.join(cls._fields)}")
        fits: dict[str, Callable[[object], bool]] = {
            "target": is_text, "source": is_text,
            "rows": is_count, "validation_rows": is_count, "refitted": is_count,
            "lags": lambda value: value in range(MOST_LAGS + 1) and is_count(value),
        }  # fmt: skip
        for key, check in fits.items():
            if not check(content[key]):
                raise FormatError(f"{where} has an invalid {key}: {excerpt(content[key])}")
        found = content["findings"]
        if found is not None:
            content["findings"] = Findings.from_dict(found, f"{where}.findings")
        if content["reading"] is not None:
            content["reading"] = Reading.from_dict(content["reading"], f"{where}.reading")
        if content["notation"] is not None:
            notation = notation_of(content["notation"])
            if notation is None:
                raise FormatError(
                    f"{where} has an invalid notation: {excerpt(content['notation'])}"
                )
            content["notation"] = notation
        return cls(**content)


class CompiledCommittee(NamedTuple):
    """The networks of an ensemble, each as a function."""

    functions: list[CompiledModel]
    committee: Committee

    @property
    def engine(self) -> str:
        """The engine that runs them."""
        return self.functions[0].engine

    def rows(self, X: Matrix) -> Matrix:
        """Return the averaged outputs for rows of inputs."""
        return self.committee.targets.averaged([function.rows(X) for function in self.functions])


class Model(NamedTuple):
    """A classifier or regressor, what its file says about it, and the engine if one was named."""

    path: str
    estimator: Classifier | Regressor
    about: About | None
    engine: str | None = None

    @property
    def classes(self) -> list[Any]:
        """The classes that it predicts; none for a regressor."""
        return list(self.estimator.classes_) if isinstance(self.estimator, Classifier) else []

    @property
    def columns(self) -> list[str]:
        """The columns that it needs."""
        return list(self.estimator.encoder_.column_names)

    @property
    def lags(self) -> int:
        """Of how many rows before it a row's columns are; 0 unless it is of a series."""
        return 0 if self.about is None else self.about.lags

    @property
    def table_columns(self) -> list[str]:
        """The columns that it needs of a table: those of a series without their lags."""
        if not self.lags:
            return self.columns
        return list(dict.fromkeys(parts_of(name)[0] for name in self.columns))

    @property
    def nameless(self) -> bool:
        """Whether its columns have no names of their own, but x0, x1 … from Python, or c1, c2 …"""
        if self.about is not None and self.about.reading is not None:
            return not self.about.reading.header
        return self.columns == [f"x{j}" for j in range(len(self.columns))]

    def target_name(self, given: str | None) -> str:
        """Return the name of the target: `given`, else the one from training."""
        if given is not None:
            return given
        if self.about is None:
            raise DataError(f"{self.path} does not say what it predicts; give --target COLUMN")
        return self.about.target

    def indices(self, table: TableFile) -> list[int]:
        """Return the index in a table of each column that the model needs, found by name.

        If the model or the table has no names, columns are matched by their order. Raises
        DataError, with the nearest names, for a missing column.
        """
        columns, given = self.columns, table.columns
        missing = [name for name in columns if name not in given]
        by_order = self.nameless or not table.header
        if missing and by_order and len(given) in (len(columns), len(columns) + 1):
            return list(range(len(columns)))
        if missing:
            more = f" ({len(missing) - 1} more are missing)" if len(missing) > 1 else ""
            raise DataError(
                f"{self.path} needs a column {excerpt(missing[0])}, which {table.name} does not "
                f"have{more}" + suggestion(missing[0], given)
            )
        return [given.index(name) for name in columns]

    def outputs(self, encoded: Matrix) -> Matrix:
        """Return the network's outputs for encoded rows."""
        network = self.estimator.network_
        if len(encoded) * network.count_parameters() < WORTH_COMPILING:
            return network.predict(encoded)
        return self.predictor().rows(encoded)

    def predictor(self) -> CompiledModel | CompiledCommittee:
        """Return the network as a function, in machine code where that can run."""
        network: Any = self.estimator.network_
        if isinstance(network, Committee):
            found = [self._compiled(one) for one in network.networks]
            return CompiledCommittee(found, network)
        return self._compiled(network)

    def _compiled(self, network: Sequential) -> CompiledModel:
        try:
            return compile(network, self.engine or fastest_engine())
        except EngineError:  # it cannot run this network
            return compile(network)

    def answers(self, outputs: Matrix) -> list[Any]:
        """Return the classes or numbers that the network's outputs stand for."""
        answers: list[Any] = self.estimator.targets_.answers(outputs)
        return answers if self.classes else finite_answers(answers)

    def probabilities(self, outputs: Matrix) -> Matrix:
        """Return the probability of each class."""
        rows: Matrix = []
        if isinstance(self.estimator, Classifier):
            rows = self.estimator.targets_.probabilities(outputs)
        return rows


def fastest_engine() -> str:
    """Return the engine to use if none was asked for: machine code where it can run."""
    return "native" if not os.environ.get("TINYNN_ENGINE") and runs_native() else "auto"


def save_model(path: str, estimator: Estimator, about: About) -> None:
    """Write a model file, completely or not at all."""
    content = {**saving.to_dict(estimator), "about": about.to_dict()}
    json_file.write(path, estimator.kind, content)


def load_any(
    path: str, decimal: str | None = None, missing: Sequence[str] = (), ensembles: bool = False
) -> Model | Sequential:
    """Return the model in a file: one trained on a table, or a bare network.

    A network in a file of another program (ONNX, safetensors, brain.js's JSON) counts as trained on
    a table. The model reads numbers with this `decimal` sign, by default the one from training, and
    more words for `missing` values than in training. Raises DataError or FormatError for a file
    that is missing or not valid, and unless `ensembles` for one that holds an ensemble.
    """
    try:
        found: Any = _from_elsewhere(path, missing)
        content = {} if found is not None else json_file.read(path)
    except OSError as error:
        from ..data.sources import near_file

        if isinstance(error, FileNotFoundError):
            raise DataError(f"there is no model file {path}{near_file(path)}") from None
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    kind = content.get("kind")
    try:
        if kind == NETWORK:
            return network_from_dict(content, path)
        if kind == storage.TEXT:
            raise DataError(
                f"{path} holds a model of text, and this command needs one of a table; export, "
                "inspect, text sample and text evaluate take it"
            )
        found = storage.from_dict(content, path) if found is None else found
        about = None
        if content.get("about") is not None:
            about = About.from_dict(content["about"], f"{path}: about")
    except TinynnError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # An edited file can be wrong in ways that no check foresaw.
        raise FormatError(f"{path} is not a valid {kind}: {error}") from None
    if isinstance(found, Ensemble):
        if not ensembles:
            raise DataError(
                f"{path} holds an ensemble of {counted(len(found.estimators_), 'network')}; this "
                "command needs a model of one network: predict, evaluate, compare and inspect take "
                "ensembles"
            )
        found = found.averaged
    estimator = found
    estimator.encoder_.read_missing(missing)
    if decimal is not None:
        estimator.encoder_.read_decimal(decimal)
        if about is not None and about.notation is not None:
            about = about._replace(notation=about.notation.with_decimal(decimal))
    return Model(path, estimator, about)


def _from_elsewhere(path: str, missing: Sequence[str]) -> Classifier | Regressor | None:
    """Return the model in a file of another program, None for one that looks like tinynn's own."""
    from .. import importers

    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".onnx":
        model = importers.from_onnx(path, missing, as_estimator=True)
        return None if isinstance(model, importers.Imported) else model
    if suffix == ".safetensors":
        source = importers.from_safetensors(path)
    elif _is_brainjs(path):
        source = importers.from_brainjs(path)
    else:
        return None
    from ..importers.estimators import estimator_of_imported

    return estimator_of_imported(source, path)


def _is_brainjs(path: str) -> bool:
    """Return whether a file looks like the JSON of a brain.js network."""
    with open(path, "rb") as file:
        data = file.read(1)
        data += file.read() if data == b"{" else b""
    return b'"tinynn"' not in data[:1000] and b'"layers"' in data


def load_model(path: str, decimal: str | None = None, missing: Sequence[str] = ()) -> Model:
    """Return the model in a file, like `load_any`. Raises DataError for a bare network, too."""
    model = load_any(path, decimal, missing, ensembles=True)
    if isinstance(model, Sequential):
        raise DataError(
            f"{path} holds a bare network, without columns; this command needs a model from "
            "`train`, Classifier or Regressor"
        )
    return model


def ended(reason: str | None) -> str:
    """Return in words how training ended; `reason` is a history's `stopped_by`."""
    known = {"epochs": "ended after the last epoch", "import": "imported"}
    return known.get(reason or "", f"ended by {reason}")
