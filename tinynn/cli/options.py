"""What each command can be told: one function for each, which returns its parser.

Apart from the commands themselves, so that help and a slip of the pen are answered at once.
"""

from __future__ import annotations

import argparse
from typing import Any

from ..export.formats import FORMATS
from .parser import Parser, above_zero, add_output, add_reading, positive, share, sizes, whole


def train() -> Parser:
    """Return the parser of the command."""
    command = Parser(
        "train",
        "DATA --target COLUMN [options]",
        "Trains a model to predict one column of a table from the others.\n\n"
        "Guesses what the columns are and says so; sets rows apart to see when to stop, and others "
        "to\ntest the model on; and compares it with the trivial answer. Ctrl-C ends the training "
        "early and\nkeeps the best model so far.",
        [
            "iris.csv --target species --out iris.json",
            "houses.tsv.gz --target price --ignore address --out houses.json --report houses.html",
            "churn.csv --target left --class-weights balanced --hidden 64,32 --dropout 0.2",
            "large.csv --target y --stream --epochs 3 --time-budget 600 --out large.json",
        ],
    )
    command.add_argument("data", metavar="DATA", help="a table in a file, .gz or not; - for a pipe")
    command.add_argument("--target", required=True, metavar="COLUMN", help="name, or number from 1")
    command.add_argument("--out", metavar="FILE", help="write the model to this file")
    command.add_argument("--report", metavar="FILE.html", help="write a report with pictures")
    command.add_argument("--task", choices=("classify", "regress"), help="classes or numbers")
    command.add_argument("--seed", type=whole, default=0, help="of all that is random (0)")
    command.add_argument(
        "--search", action="store_true",
        help="try some sizes and learning rates by cross-validation, and train with the best",
    )  # fmt: skip
    _add_network(command)
    _add_training(command)
    _add_columns(command)
    add_reading(command)
    add_output(command)
    return command


def _add_network(command: Parser) -> None:
    group = command.add_argument_group("network")
    group.add_argument(
        "--hidden", type=sizes, default=[32], metavar="SIZES", help="like 64,32, or none (32)"
    )
    group.add_argument("--activation", default="relu", help="relu, tanh, gelu … (%(default)s)")
    group.add_argument("--dropout", type=share, default=0.0, metavar="SHARE")


def _add_training(command: Parser) -> None:
    group = command.add_argument_group("training")
    group.add_argument("--epochs", type=positive, help="at the most: 200, or 10 for a stream")
    group.add_argument(
        "--learning-rate", type=above_zero, default=0.01, metavar="RATE", help="(0.01)"
    )
    group.add_argument(
        "--batch-size", type=positive, metavar="ROWS", help="32, or 256 for a long stream"
    )
    group.add_argument("--solver", default="adam", help="adam, sgd, adamw, rmsprop … (%(default)s)")
    group.add_argument("--loss", help="of numbers: squared_error, which is the default, huber …")
    group.add_argument(
        "--alpha", type=float, default=1e-4, help="strength of the L2 penalty (%(default)s)"
    )
    group.add_argument("--clip-norm", type=above_zero, metavar="NORM", help="of the gradients")
    group.add_argument("--class-weights", metavar="WEIGHTS", help="balanced, or like yes=5,no=1")
    group.add_argument(
        "--test-share", type=share, default=0.2, metavar="SHARE", help="of the rows, to test (0.2)"
    )
    group.add_argument(
        "--validation-share", type=share, default=0.2, metavar="SHARE",
        help="of the other rows, to see when to stop (0.2)",
    )  # fmt: skip
    group.add_argument(
        "--patience", type=positive, metavar="EPOCHS",
        help="stop after so many without a better one: 10, or 3 for a stream",
    )  # fmt: skip
    group.add_argument(
        "--no-early-stopping", dest="early_stopping", action="store_false", help="train all epochs"
    )
    group.add_argument("--time-budget", type=above_zero, metavar="SECONDS", help="stop after these")
    group.add_argument("--engine", default="auto", help="auto, lists, unrolled, packed …")
    stream = group.add_mutually_exclusive_group()
    stream.add_argument(
        "--stream", action="store_true", default=None,
        help="read the file again for each epoch; so are files of more than 20 MB",
    )  # fmt: skip
    stream.add_argument(
        "--no-stream", dest="stream", action="store_false", help="read it into memory"
    )
    group.add_argument(
        "--buffer", type=positive, default=10_000, metavar="ROWS",
        help="of a stream, within which they are shuffled (10,000)",
    )  # fmt: skip


def _add_columns(command: Parser) -> None:
    group = command.add_argument_group("columns (guessed where nothing is said)")
    for name, what in (
        ("numbers", "are numbers"), ("categories", "are names of kinds, even if numbers"),
        ("ignore", "are left out"),
    ):  # fmt: skip
        group.add_argument(
            f"--{name}", action="append", default=[], metavar="COLUMNS", help=f"that {what}: a,b"
        )
    group.add_argument(
        "--missing", action="append", default=[], metavar="WORD",
        help="that means a missing value, beside NA, ? and such; can be given again",
    )  # fmt: skip
    group.add_argument(
        "--max-kinds", type=positive, default=50, metavar="N",
        help="kinds of a category that count, the most frequent ones (50)",
    )  # fmt: skip


def predict() -> Parser:
    """Return the parser of the command."""
    command = Parser(
        "predict",
        "MODEL DATA [options]",
        "Adds a model's answers to a table, as new columns, and writes it as CSV.\n\n"
        "The columns may stand in any order, and there may be more of them. Missing cells and "
        "categories\nthat were not in the training are read as the model has learned to, and "
        "reported on the standard\nerror. Files of any size go through, row by row.",
        [
            "iris.json new.csv > answers.csv",
            "iris.json new.csv.gz --proba --out answers.csv",
            "iris.json - --only < new.csv",
        ],
    )
    command.add_argument("model", metavar="MODEL", help="a file that train wrote")
    command.add_argument("data", metavar="DATA", help="a table in a file, .gz or not; - for a pipe")
    command.add_argument("--out", metavar="FILE", help="write to this file, not standard output")
    command.add_argument(
        "--proba", action="store_true", help="add the probability of each class too"
    )
    command.add_argument("--only", action="store_true", help="write only the new columns")
    add_reading(command)
    group = command.add_argument_group("output")
    group.add_argument("--quiet", action="store_true", help="no notes on the standard error")
    return command


def evaluate() -> Parser:
    """Return the parser of the command."""
    command = Parser(
        "evaluate",
        "MODEL DATA [options]",
        "Says how good a model is on a table whose answers are known: metrics against the trivial\n"
        "answer, the confusion matrix, the calibration of its probabilities, and how much each "
        "column\nmatters. Give rows that the model was not trained on.",
        [
            "iris.json test.csv",
            "iris.json test.csv --at-least 0.95   # exit code 1 if it is worse",
            "houses.json sold.csv --report sold.html",
        ],
    )
    add_model_and_data(command)
    command.add_argument("--report", metavar="FILE.html", help="write a report with pictures")
    command.add_argument(
        "--at-least", type=float, metavar="SCORE",
        help="exit with 1 if the accuracy, or of numbers R², is below it",
    )  # fmt: skip
    command.add_argument("--no-importance", action="store_true", help="do not measure the columns")
    command.add_argument("--seed", type=whole, default=0, help="of the shuffling of columns (0)")
    add_reading(command)
    add_output(command)
    return command


def add_model_and_data(command: Parser) -> None:
    """Add MODEL, DATA and --target."""
    command.add_argument("model", metavar="MODEL", help="a file that train wrote")
    command.add_argument("data", metavar="DATA", help="a table in a file, .gz or not; - for a pipe")
    command.add_argument("--target", metavar="COLUMN", help="if it has another name in this table")


def inspect() -> Parser:
    """Return the parser of the command."""
    command = Parser(
        "inspect",
        "MODEL [options]",
        "Says what is in a model file: what it predicts from which columns, its layers and\n"
        "parameters, how its training went, and its test.",
        ["iris.json", "iris.json --json"],
    )
    command.add_argument("model", metavar="MODEL", help="a file that train, or a program, wrote")
    add_output(command, "only the exit code: 0 if the file is whole")
    return command


def compare() -> Parser:
    """Return the parser of the command."""
    command = Parser(
        "compare",
        "MODEL MODEL DATA [options]",
        "Says which of two models is better on a table whose answers are known, and how likely "
        "such a\ndifference is if both are equally good (the exact test of McNemar; for numbers "
        "the sign test).",
        [
            "old.json new.json test.csv",
            "old.json new.json test.csv --no-worse-than 0.01   # exit code 1 if it is",
        ],
    )
    command.add_argument("first", metavar="MODEL", help="a file that train wrote")
    command.add_argument("second", metavar="MODEL", help="another one for the same target")
    command.add_argument("data", metavar="DATA", help="a table in a file, .gz or not; - for a pipe")
    command.add_argument("--target", metavar="COLUMN", help="if it has another name in this table")
    command.add_argument(
        "--no-worse-than", type=float, metavar="MARGIN",
        help="exit with 1 if the second one's score is lower by more than this",
    )  # fmt: skip
    add_reading(command)
    add_output(command)
    return command


def plot() -> Parser:
    """Return the parser of the command."""
    command = Parser(
        "plot",
        "MODEL [options]",
        "Draws a model: its training, its test, the importance of its columns, and its weights.\n\n"
        "Without --out as text; with it as one HTML page, or as an SVG file for each picture. The "
        "test is\nthe one that train made, or a new one on --data.",
        [
            "iris.json",
            "iris.json --out iris.html",
            "iris.json --out pictures/ --data new.csv",
        ],
    )
    command.add_argument("model", metavar="MODEL", help="a file that train, or a program, wrote")
    command.add_argument(
        "--out", metavar="PATH", help="a page, if it ends in .html, else a directory for SVG files"
    )
    command.add_argument("--data", metavar="DATA", help="a table to test the model on")
    command.add_argument("--target", metavar="COLUMN", help="if it has another name in this table")
    add_reading(command)
    group = command.add_argument_group("output")
    group.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return command


def export() -> Parser:
    """Return the parser of the command."""
    command = Parser(
        "export",
        "MODEL --out FILE [options]",
        "Writes a model as code that needs tinynn no more, or as a file of another program.\n\n"
        "Python, C and JavaScript take raw rows: text and missing values, scaled and encoded as "
        "the model\ndoes it. ONNX and safetensors hold the network alone; where all columns are "
        "numbers, their scales\ngo into it, else whoever runs it has to encode the rows.",
        [
            "iris.json --out iris.py                # python iris.py new.csv prints the answers",
            "digits.json --out digits.py --weights int8 --data test.csv",
            "iris.json --out iris.h --dtype float32",
            "iris.json --to onnx --out iris.onnx",
        ],
    )
    command.add_argument("model", metavar="MODEL", help="a file that train, or a program, wrote")
    command.add_argument("--out", required=True, metavar="FILE", help="write to this file")
    command.add_argument(
        "--to", choices=tuple(FORMATS), metavar="KIND",
        help=f"{', '.join(FORMATS)}; without it, the end of FILE's name decides",
    )  # fmt: skip
    command.add_argument(
        "--weights", choices=("float", "packed", "int8"), metavar="KIND",
        help="of python and c: float, exact (default); int8, small; of python: packed, fast if "
        "layers are wide",
    )  # fmt: skip
    command.add_argument(
        "--data", metavar="DATA", help="a table to try such weights on, and say how far it is off"
    )
    command.add_argument(
        "--dtype", choices=("float32", "float64"), metavar="TYPE",
        help="float32 (of onnx) or float64 (of c and safetensors)",
    )  # fmt: skip
    add_reading(command)
    add_output(command)
    return command


def gradcheck() -> Parser:
    """Return the parser of the command."""
    command = Parser(
        "gradcheck",
        "MODEL DATA [options]",
        "Holds each derivative that back-propagation finds, for every parameter and input, against "
        "the\ndifference quotient of the loss itself, on the first rows of a table. The exit code "
        "is 1 if any is\nwrong. A kink of the loss (as of relu at 0) has no derivative: try other "
        "rows then.",
        [
            "iris.json iris.csv",
            "network.json rows.csv --loss mse   # a bare network: its inputs, then its outputs",
        ],
    )
    command.add_argument("model", metavar="MODEL", help="a file that train, or a program, wrote")
    command.add_argument("data", metavar="DATA", help="a table in a file, .gz or not; - for a pipe")
    command.add_argument("--target", metavar="COLUMN", help="if it has another name in this table")
    command.add_argument("--rows", type=positive, default=5, help="how many to take (5)")
    command.add_argument(
        "--tolerance", type=above_zero, default=1e-6, help="of the relative error (%(default)s)"
    )
    command.add_argument("--loss", default="mse", help="of a bare network (%(default)s)")
    add_reading(command)
    add_output(command)
    return command


def demo() -> Parser:
    """Return the parser of the command."""
    command = Parser(
        "demo",
        "[options]",
        "Trains the original program, three inputs and one sigmoid neuron, and prints how its\n"
        "answer improves. Then trains a classifier on Fisher's iris flowers and tests it on\n"
        "flowers that it has not seen. Takes a few seconds. With --csv it trains nothing, and\n"
        "writes the flowers as a table, to try the other commands with.",
        ["", "--seed 7", "--csv iris.csv"],
    )
    command.add_argument(
        "--seed", type=whole, default=3, help="for the split and the weights of iris (%(default)s)"
    )
    command.add_argument(
        "--csv", metavar="FILE", help="write the iris flowers to this CSV file, and stop"
    )
    return command


def selftest() -> Parser:
    """Return the parser of the command."""
    command = Parser(
        "selftest",
        "[options]",
        "Says what works on this interpreter, how exactly and how fast: known numbers,\n"
        "derivatives, every engine, files, iris. Needs nothing but the library and takes a few\n"
        "seconds. The exit code is 1 if a check failed.",
        ["", "--json"],
    )
    add_output(command, "only the exit code")
    return command


def vendor() -> Parser:
    """Return the parser of the command."""
    from ..single_file.sources import all_parts, library

    parts = "\n".join(f"  {name:<12}{what}" for name, what in all_parts(library()).items())
    command = Parser(
        "vendor",
        "FILE [options]",
        "Writes the library, or parts of it and all that they need, as one file to copy into\n"
        "another project: it can be imported under any name, and run. Or checks such a file.\n\n"
        f"parts:\n{parts}",
        [
            "tinynn.py",
            "tinynn.py --include train,tables",
            "tinynn.py --minimal   # small, without words; runs on MicroPython too",
            "--check tinynn.py     # exit code 1 if it was edited",
        ],
    )
    command.add_argument("file", metavar="FILE", help="the file to write, or to check")
    command.add_argument(
        "--include", action="append", default=[], metavar="PARTS", help="like train,view (all)"
    )
    command.add_argument(
        "--minimal", action="store_true", help="without type hints, docstrings and comments"
    )
    command.add_argument(
        "--check", action="store_true", help="say whether the file was edited, and what it holds"
    )
    add_output(command)
    return command


class _Passing(Parser):
    """Passes all words on, but for a call for help."""

    def parse_args(  # type: ignore[override]
        self, args: list[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:
        words = list(args or [])
        if words[:1] in (["-h"], ["--help"]):
            self.print_help()
            self.exit(0)
        return argparse.Namespace(arguments=words)


def bench() -> Parser:
    """Return the parser of the command."""
    command = _Passing(
        "bench",
        "[arguments of the benchmarks]",
        "Runs the benchmarks, which are in the repository beside the package and not in it: all\n"
        "arguments go to `python3 -m benchmarks`.",
        ["--list", "--tiny", "--only original"],
    )
    command.add_argument("arguments", nargs="*", help="for python3 -m benchmarks; see its --help")
    return command
