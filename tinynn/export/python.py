"""A trained model as one Python file that needs nothing but Python, however old or small."""

from __future__ import annotations

import re
from typing import Any

from .. import __version__
from ..data.guesses import Reading
from ..errors import SettingError
from ..estimators import Classifier
from ..files.atomic import Path, write_bytes
from ..preprocessing.columns import Column, LeftOut, NumberColumn
from .formats import Exported
from .python_command import command_source
from .python_layers import WEIGHTS, network_source, with_definitions
from .python_sequences import sequences_source
from .python_table import list_source, table_source
from .steps import Description, describe
from .texts import PYTHON_COMMAND, python_functions
from .trial import compared, network_of, table_of

_HEAD = """\
# A {kind} by tinynn {version}, {shape}, for Python 2.7, 3.4 and later, PyPy and MicroPython.
#
#   predict(row)         {answer}
#   predict_rows(rows)   a list of the answers
{proba}#
# A row is a list of {row}.
# `python FILE DATA.csv` prints a table with the answers; --help says more.

COLUMNS = {columns}
{classes}"""
_SEQUENCES_HEAD = """\
# A network of sequences by tinynn {version}, for Python 2.7, 3.4 and later, PyPy and MicroPython.
# Layers: {layers}.
#
#   predict(sequence)           a list of numbers{each}
#   predict_rows(sequences)     a list of the answers
#   begin()                     the state before the first step of a sequence
#   predict_step(state, step)   the answer to the sequence so far, after its next step
{sample}#
# A sequence is a list of steps, each {step}.
# {command}

COLUMNS = {columns}
"""
_SAMPLE = "#   sample(count, temperature, prompt)   a list of texts that begin with the prompt\n"
_OF_TEXTS = "`python FILE [COUNT [TEMPERATURE [PROMPT]]]` prints texts."
_OF_STEPS = (
    "`python FILE DATA.csv` prints a table with the answers; each row is a step; --help says more."
)
_CELLS = "cells, or a dictionary: numbers, text, None if missing"
_ANSWERS = {
    "label": """\
def predict(row):
    y = _network(_encoded(row))
    return CLASSES[max(range(len(y)), key=lambda k: y[k])]


def predict_proba(row):
    return _network(_encoded(row))
""",
    "one of two": """\
def predict(row):
    return CLASSES[1] if _network(_encoded(row))[0] > 0.5 else CLASSES[0]


def predict_proba(row):
    p = _network(_encoded(row))[0]
    return [1.0 - p, p]
""",
    "labels": """\
def predict(row):
    return [1 if p > 0.5 else 0 for p in predict_proba(row)]


def predict_proba(row):
    return _network(_encoded(row))
""",
    "number": """\
def predict(row):
    return {begin}_network(_encoded(row))[0] * {scales[0]!r} + {means[0]!r}{end}
""",
    "numbers": """\
def predict(row):
    y = _network(_encoded(row))
    return [{begin}v * s + m{end} for v, s, m in zip(y, {scales!r}, {means!r})]
""",
}
_UNLINKED = """\
from math import {name}


def _{name}(v):
    try:
        return {name}(v)
    except OverflowError:
        return 1e999
"""
_CHECK = """\
def _check(row):
    if len(row) != {inputs}:
        raise ValueError("a row needs {inputs} numbers, got %d" % len(row))
    for v in row:
        if v * 0.0 != 0.0:
            raise ValueError("a row needs finite numbers, got %r" % (v,))
"""
_NATIVE = """\
# On MicroPython, functions are compiled to machine code; the board needs an emitter for it.
try:
    import micropython
except ImportError:

    class micropython(object):
        native = staticmethod(lambda function: function)
"""
_ROWS = """\
def predict_rows(rows):
    return [predict(row) for row in rows]
"""


def to_python(
    model: object,
    path: Path,
    weights: str = "float",
    target: str = "target",
    rows: object = None,
    reading: Reading | None = None,
    targets: object = None,
    command: bool = True,
    native: bool = False,
) -> Exported:
    """Write a network, an estimator or a TextModel as one Python file; return an `Exported`.

    The file defines `predict(row)`, `predict_rows(rows)` and, for a classifier,
    `predict_proba(row)`. They take the model's own rows, with text and missing cells, and return
    what the model returns. The file imports only `math`, and runs on Python 2.7, 3.4 and later,
    PyPy and MicroPython; `python FILE DATA.csv` prints a table with the answers, in a column named
    after `target`. It reads tables as `tinynn predict` does; `reading` tells how the table was
    written that the model was trained on. Networks of up to 1,000 weights become straight-line
    code, larger ones loops. The file is written whole or not at all; equal models give equal bytes.
    `weights` is

    "float":  exact: on CPython, answers equal the model's up to the rounding of sums
    "packed": rows of weights as integers with 64-bit lanes, with errors of about 10⁻⁸ of a layer's
              scale. 784-30-10 takes a quarter of the time of "float" on CPython 3.11, a tenth less
              on 3.13; inputs of 0 take none. On other Pythons it works, but slowly
    "int8":   one byte for each weight and a scale for each output of a layer: about a tenth of the
              size, with errors of about 1 %

    A network of sequences becomes `predict(sequence)` and `predict_rows(sequences)`, and for steps
    as they come `begin()`, the state before the first one, and `predict_step(state, step)`. To its
    command, a table is one sequence, each row a step; it prints the answers to the steps so far.
    A TextModel's file also defines `sample(count, temperature, prompt, length, uniform)`, where
    `uniform` returns a random number from 0 to 1, and its command prints texts.

    With command=False, the file only predicts: the part that reads tables is left out, which a
    microcontroller does not need. With native=True, MicroPython compiles the functions to machine
    code, which is faster by 5 to 20 % and larger; boards that have no emitter for it refuse the
    file. Elsewhere it runs as without.

    Given `rows` to try the file on, the `Exported` also says how far its answers are from the
    model's; given their `targets`, too, how good they are: accuracy or R², the file's and the
    model's. Where floats have 32 bits, as on many boards, answers are only as exact as these. An
    overflow gives infinity or NaN, as in the model, but with "packed" an OverflowError.

    Raises SettingError for a model or layer that cannot be exported, or other weights;
    NotFittedError before `fit`; FormatError for a weight that is not finite, or a label that is not
    text, a number, True or False; OSError if the file cannot be written.
    """
    if weights not in WEIGHTS:
        raise SettingError(f"to_python needs weights to be one of {list(WEIGHTS)}, got {weights!r}")
    source = python_source(describe(model), weights, target, reading, command, native)
    data = source.encode("ascii")
    write_bytes(path, data)
    if rows is None:
        return Exported(len(data))
    return _tried(model, source, rows, targets)._replace(size=len(data))


def python_source(
    model: Description,
    weights: str = "float",
    target: str = "target",
    reading: Reading | None = None,
    command: bool = True,
    native: bool = False,
) -> str:
    """Return the source of the whole file, with or without its command and native functions."""
    parts = [_head(model), *([_NATIVE] if native else [])]
    if model.columns:
        parts.append(network_source("_network", model.inputs, model.layers, weights, True))
        parts.append(table_source(model))
        answers = _ANSWERS[_kind_of_answer(model)]
        scaling = {"scales": list(model.scales), "means": list(model.means)}
        begin = end = ""
        if model.unlinked:
            parts.append(_UNLINKED.format(name=model.unlinked))
            begin, end = f"_{model.unlinked}(", ")"
        parts.append(answers.format(**scaling, begin=begin, end=end))
    elif model.wiring:
        parts += [] if model.wiring.kinds else [_CHECK.format(inputs=model.inputs)]
        parts.append(sequences_source(model, model.wiring, weights))
    else:
        parts.append(_CHECK.format(inputs=model.inputs))
        parts.append(network_source("predict", model.inputs, model.layers, weights, False))
    parts.append(_ROWS)
    if model.writing:
        characters = list_source(model.writing.characters)
        parts.append(with_definitions(python_functions(model.writing, characters)).rstrip("\n"))
    if command and model.writing:
        parts[-1] += "\n"
        parts.append(PYTHON_COMMAND)
    elif command:
        parts.append(_command(model, target, reading))
    else:
        parts[0] = re.sub(r"# `python FILE .*\n", "", parts[0], count=1)
    source = "\n\n".join(parts)
    if native:
        source = re.sub(r"^( *)def ", r"\1@micropython.native\n\1def ", source, flags=re.M)
    return source


def _kind_of_answer(model: Description) -> str:
    if model.classes:
        single = "one of two" if model.outputs == 1 else "label"
        return "labels" if model.multilabel else single
    return "number" if model.flat else "numbers"


def _head(model: Description) -> str:
    sizes = [
        model.inputs,
        *(x.plan.outputs for x in model.layers if x.plan.kind in ("Dense", "Conv")),
    ]
    if model.wiring:
        kinds = model.wiring.kinds
        return _SEQUENCES_HEAD.format(
            version=__version__,
            layers=ascii(", ".join(model.wiring.layers))[1:-1],
            each="" if model.wiring.one_row else " for each step",
            step=f"a whole number from 0 to {kinds - 1}" if kinds else f"{model.inputs} numbers",
            columns=list_source(_names(model)),
            sample=_SAMPLE * bool(model.writing),
            command=_OF_TEXTS if model.writing else _OF_STEPS,
        )
    answer = {
        "labels": "a list of 1 or 0 for each of CLASSES", "numbers": "a list of numbers",
        "number": "a number",
    }.get(_kind_of_answer(model), "one of CLASSES")  # fmt: skip
    proba = "#   predict_proba(row)   the probability of each of CLASSES\n"
    return _HEAD.format(
        kind=model.kind,
        version=__version__,
        shape="-".join(map(str, sizes)),
        answer=answer,
        proba=proba if model.classes else "",
        row=_CELLS if model.columns else f"{model.inputs} numbers",
        columns=list_source(
            _names(model), {column.name: _what(column) for column in model.columns}
        ),
        classes=f"CLASSES = {list_source(model.classes)}\n" if model.classes else "",
    )


def _command(model: Description, target: str, reading: Reading | None) -> str:
    names, several = _names(model), range(model.outputs)
    answers = [f"predicted_{target}"]
    if model.multilabel or (model.kind == "regressor" and not model.flat):
        answers = [f"{answers[0]}_{k}" for k in several]
    elif model.kind == "network":
        answers = [f"output_{k}" for k in several]
    single = len(answers) == 1 and (model.classes or model.flat)
    put = "[predict(cells)]" if single else "predict(cells)"
    if model.wiring:
        put = "predict_step(state, cells)"
    cell = "row[k]" if model.columns else "float(row[k])"
    numbers = [k for k, column in enumerate(model.columns) if isinstance(column, NumberColumn)]
    commas = numbers if model.reader.decimal == "," else []
    return command_source(
        names, answers, put, cell, bool(model.classes), reading, commas, bool(model.wiring)
    )


def _names(model: Description) -> list[str]:
    return model.names or [f"x{k}" for k in range(model.inputs)]


def _what(column: Column) -> str:
    """Return what becomes of a column, without the reason."""
    words = column.describe()
    return words if isinstance(column, LeftOut) else words[: -len(f": {column.reason}")]


def _tried(model: Any, source: str, rows: object, targets: object) -> Exported:
    """Return an `Exported` without a size, of what a file with this source answers to rows."""
    model, rows = network_of(model, rows)
    table = table_of(model, rows, targets)
    space: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source, "<exported>", "exec"), space)
    answers = list(map(space["predict"], table))
    classifier = isinstance(model, Classifier)
    numbers = list(map(space["predict_proba"], table)) if classifier else answers
    return compared(model, table, answers, numbers, targets)
