"""The options of the commands for models: a function per command, which returns its parser.

They are apart from the commands so that help and usage errors load no slow modules.
"""

from __future__ import annotations

from ..export.formats import FORMATS
from .column_options import add_columns
from .parser import (
    Parser,
    above_zero,
    add_output,
    add_reading,
    add_switch,
    positive,
    share,
    sizes,
    whole,
)


def train() -> Parser:
    """Return the parser of `train`."""
    command = Parser(
        "train",
        "DATA --target COLUMN [options]",
        "Trains a model to predict one column of a table from the others.\n\n"
        "It guesses what each column is, and tells you. It holds out some rows to decide when to "
        "stop and\nothers to test the model, and compares it with a linear model and with always "
        "giving the same\nanswer. Ctrl-C stops training early and keeps the best model so far.",
        [
            "iris.csv --target species --out iris.json",
            "houses.tsv.gz --target price --ignore address --out houses.json --report houses.html",
            "churn.csv --target left --class-weights balanced --hidden 64,32 --dropout 0.2",
            "sales.csv --target sold --lags 24 --out sales.json",
            "large.csv --target y --stream --epochs 3 --time-budget 600 --out large.json",
        ],
    )
    command.add_argument("data", metavar="DATA", help="file with a table, may be .gz; - for a pipe")
    command.add_argument(
        "--target", required=True, metavar="COLUMN",
        help="column to predict: name, or number from 1",
    )  # fmt: skip
    command.add_argument("--out", metavar="FILE", help="write the model to this file")
    command.add_argument("--report", metavar="FILE.html", help="write a report with charts")
    command.add_argument(
        "--task", choices=("classify", "regress"), help="predict classes or numbers"
    )
    command.add_argument(
        "--lags", type=whole, default=0, metavar="N",
        help="the table is a series in the order of time: predict from the N rows before",
    )  # fmt: skip
    command.add_argument("--seed", type=whole, default=0, help="random seed (0)")
    command.add_argument(
        "--search", action="store_true",
        help="try a linear model and several sizes by cross-validation, and train with the best",
    )  # fmt: skip
    command.add_argument(
        "--jobs", type=positive, default=1, metavar="N",
        help="processes that --search runs on, with the same result (1)",
    )  # fmt: skip
    _add_network(command)
    _add_training(command)
    add_columns(command)
    add_reading(command, trained=False)
    add_output(command)
    return command


def _add_network(command: Parser) -> None:
    group = command.add_argument_group("network")
    group.add_argument(
        "--hidden", type=sizes, default=[32], metavar="SIZES",
        help="sizes of the hidden layers: 64,32 or none (32)",
    )  # fmt: skip
    group.add_argument("--activation", default="relu", help="relu, tanh, gelu … (%(default)s)")
    group.add_argument(
        "--dropout", type=share, default=0.0, metavar="SHARE",
        help="share of neurons to drop in training (0)",
    )  # fmt: skip


def _add_training(command: Parser) -> None:
    group = command.add_argument_group("training")
    group.add_argument(
        "--epochs", type=positive, help="train at most this many (200, or 10 for a stream)"
    )
    group.add_argument(
        "--learning-rate", type=above_zero, metavar="RATE",
        help="step size at first (0.03, or 0.01 for a stream)",
    )  # fmt: skip
    group.add_argument(
        "--batch-size",
        type=positive,
        metavar="ROWS",
        help="rows per update (a 100th of the rows, but 32 to 256)",
    )
    group.add_argument(
        "--solver", help="adam, sgd, adamw, rmsprop …; lbfgs is the default below 1,000 rows"
    )
    group.add_argument("--loss", help="for numbers: squared_error (default), huber …")
    group.add_argument(
        "--alpha", type=float, help="strength of the L2 penalty (0.0001, or 1 for lbfgs)"
    )
    group.add_argument(
        "--clip-norm", type=above_zero, metavar="NORM", help="largest norm of the gradients"
    )
    add_switch(
        group, "log-target",
        "learn the target's logarithm, or --no-log-target (if it is skewed and that does better)",
    )  # fmt: skip
    add_switch(
        group, "refit",
        "train the final model on all rows after the test, or --no-refit (up to 10,000 rows)",
    )  # fmt: skip
    group.add_argument("--class-weights", metavar="WEIGHTS", help="balanced, or like yes=5,no=1")
    group.add_argument(
        "--test-share", type=share, default=0.2, metavar="SHARE",
        help="share of the rows to test the model on (0.2)",
    )  # fmt: skip
    group.add_argument(
        "--validation-share", type=share, default=0.2, metavar="SHARE",
        help="share of the other rows, to decide when to stop (0.2)",
    )  # fmt: skip
    group.add_argument(
        "--patience", type=positive, metavar="EPOCHS",
        help="stop after this many without improvement (10; 20 for lbfgs, 3 for a stream)",
    )  # fmt: skip
    group.add_argument(
        "--no-early-stopping", dest="early_stopping", action="store_false", help="train all epochs"
    )
    group.add_argument(
        "--time-budget", type=above_zero, metavar="SECONDS", help="stop after this time"
    )
    group.add_argument(
        "--resume", metavar="FOLDER",
        help="keep the training in this folder, and go on from there if it was cut short",
    )  # fmt: skip
    group.add_argument(
        "--engine",
        help="native, which runs machine code, where it can; auto chooses among those in pure "
        "Python: lists, unrolled, packed, loops",
    )
    stream = group.add_mutually_exclusive_group()
    stream.add_argument(
        "--stream", action="store_true", default=None,
        help="read the file again for each epoch; the default above 20 MB",
    )  # fmt: skip
    stream.add_argument(
        "--no-stream", dest="stream", action="store_false", help="read the whole file into memory"
    )
    group.add_argument(
        "--buffer", type=positive, default=10_000, metavar="ROWS",
        help="shuffle a stream within this many rows (10,000)",
    )  # fmt: skip


def predict() -> Parser:
    """Return the parser of `predict`."""
    command = Parser(
        "predict",
        "MODEL DATA [options]",
        "Adds a model's predictions to a table as new columns, and writes it as CSV.\n\n"
        "The columns may be in any order, and there may be extra ones. Missing cells and "
        "categories not\nseen in training are handled as the model learned to, and reported on "
        "standard error. Files may be\nof any size: they are read in pieces. The exit code is 2 if "
        "a row cannot be read; with --keep-going,\nif no row can.",
        [
            "iris.json new.csv > answers.csv",
            "iris.json new.csv.gz --proba --out answers.csv",
            "iris.json - --only < new.csv",
            "sales.json sales.csv --steps 12 --out forecast.csv",
        ],
    )
    command.add_argument("model", metavar="MODEL", help="a file written by train")
    command.add_argument("data", metavar="DATA", help="file with a table, may be .gz; - for a pipe")
    command.add_argument(
        "--out", metavar="FILE", help="write to this file instead of standard output"
    )
    command.add_argument(
        "--proba", action="store_true", help="add the probability of each class too"
    )
    command.add_argument("--only", action="store_true", help="write only the new columns")
    command.add_argument(
        "--steps", type=positive, metavar="K",
        help="of a series: K forecasts behind the last target, each fed back for the next (1)",
    )  # fmt: skip
    command.add_argument(
        "--keep-going", action="store_true",
        help="leave the answer empty for a row that cannot be read, and say why in a column `note`",
    )  # fmt: skip
    add_reading(command)
    group = command.add_argument_group("output")
    group.add_argument("--quiet", action="store_true", help="print only errors")
    return command


def evaluate() -> Parser:
    """Return the parser of `evaluate`."""
    command = Parser(
        "evaluate",
        "MODEL DATA [options]",
        "Measures how good a model is on a table with known answers: metrics with 95% intervals, "
        "the\nconfusion matrix, the calibration of its probabilities, how much each column "
        "matters, and the\nrows it got most wrong. Use rows that the model was not trained on.",
        [
            "iris.json test.csv",
            "iris.json test.csv --at-least 0.95   # exit code 1 if it is worse",
            "houses.json sold.csv --report sold.html",
        ],
    )
    add_model_and_data(command)
    command.add_argument("--report", metavar="FILE.html", help="write a report with charts")
    command.add_argument(
        "--at-least", type=float, metavar="SCORE",
        help="exit with 1 if the accuracy (R² for numbers) is lower",
    )  # fmt: skip
    command.add_argument(
        "--no-importance", action="store_true", help="do not measure how much columns matter"
    )
    command.add_argument("--seed", type=whole, default=0, help="seed for shuffling columns (0)")
    add_reading(command)
    add_output(command)
    return command


def add_model_and_data(command: Parser) -> None:
    """Add MODEL, DATA and --target."""
    command.add_argument("model", metavar="MODEL", help="a file written by train")
    command.add_argument("data", metavar="DATA", help="file with a table, may be .gz; - for a pipe")
    _add_target(command)


def _add_target(command: Parser) -> None:
    command.add_argument(
        "--target", metavar="COLUMN", help="the target's name in this table, if different"
    )


def inspect() -> Parser:
    """Return the parser of `inspect`."""
    command = Parser(
        "inspect",
        "MODEL [options]",
        "Shows what is in a model file: what it predicts from which columns, its layers and\n"
        "parameters, how its training went, and how it did in its test.",
        ["iris.json", "iris.json --json"],
    )
    command.add_argument("model", metavar="MODEL", help="a file written by train, or from Python")
    add_output(command, "print nothing; exit with 0 if the file is valid")
    return command


def compare() -> Parser:
    """Return the parser of `compare`."""
    command = Parser(
        "compare",
        "MODEL MODEL DATA [options]",
        "Tells which of two models is better on a table with known answers, and how likely such "
        "a\ndifference would be if both were equally good (McNemar's exact test; for numbers "
        "the\nsign test, and a t-test of squared errors).",
        [
            "old.json new.json test.csv",
            "old.json new.json test.csv --no-worse-than 0.01   # exit code 1 if it is",
        ],
    )
    command.add_argument("first", metavar="MODEL", help="a file written by train")
    command.add_argument("second", metavar="MODEL", help="another one with the same target")
    command.add_argument("data", metavar="DATA", help="file with a table, may be .gz; - for a pipe")
    _add_target(command)
    command.add_argument(
        "--no-worse-than", type=float, metavar="MARGIN",
        help="exit with 1 if the second model's score is lower by more than this",
    )  # fmt: skip
    add_reading(command)
    add_output(command)
    return command


def plot() -> Parser:
    """Return the parser of `plot`."""
    command = Parser(
        "plot",
        "MODEL [options]",
        "Draws a model: its training, its test, what its columns do, and its weights.\n\n"
        "Without --out it prints text; with it, it writes one HTML page, or an SVG file for each "
        "chart. It\nshows the test made by train, or a new one on --data.",
        [
            "iris.json",
            "iris.json --out iris.html",
            "iris.json --out pictures/ --data new.csv",
        ],
    )
    command.add_argument("model", metavar="MODEL", help="a file written by train, or from Python")
    command.add_argument(
        "--out", metavar="PATH", help="a page if it ends in .html, else a directory for SVG files"
    )
    command.add_argument("--data", metavar="DATA", help="a table to test the model on")
    _add_target(command)
    add_reading(command)
    group = command.add_argument_group("output")
    group.add_argument("--quiet", action="store_true", help="print only errors")
    return command


def export() -> Parser:
    """Return the parser of `export`."""
    command = Parser(
        "export",
        "MODEL --out FILE [options]",
        "Writes a model as code that no longer needs tinynn, or as a file for another program.\n\n"
        "Python, C and JavaScript take raw rows with text and missing values, and scale and encode "
        "them as\nthe model does. ONNX and safetensors hold only the network: if all columns are "
        "numbers, it also\nscales them; otherwise you have to encode the rows yourself.",
        [
            "iris.json --out iris.py                # python iris.py new.csv prints the answers",
            "digits.json --out digits.py --weights int8 --data test.csv",
            "iris.json --out iris.h --dtype float32",
            "iris.json --to onnx --out iris.onnx",
        ],
    )
    command.add_argument("model", metavar="MODEL", help="a file written by train, or from Python")
    command.add_argument("--out", required=True, metavar="FILE", help="write to this file")
    command.add_argument(
        "--to", choices=tuple(FORMATS), metavar="KIND",
        help=f"{', '.join(FORMATS)}; by default, FILE's extension decides",
    )  # fmt: skip
    command.add_argument(
        "--weights", choices=("float", "packed", "int8"), metavar="KIND",
        help="float, exact (default); int8, small, for python, c and javascript; packed, fast for "
        "wide layers, for python",
    )  # fmt: skip
    command.add_argument(
        "--data",
        metavar="DATA",
        help="a table on which to measure how far the export is off, and how good it is",
    )
    command.add_argument(
        "--predict-only", action="store_const", const=True,
        help="for python: leave out the part that reads tables, as for a microcontroller",
    )  # fmt: skip
    command.add_argument(
        "--micropython", action="store_const", const=True,
        help="for python: predict only, by machine code where MicroPython can emit it",
    )  # fmt: skip
    command.add_argument(
        "--dtype", choices=("float32", "float64"), metavar="TYPE",
        help="float32 (default for onnx) or float64 (default for c and safetensors)",
    )  # fmt: skip
    add_reading(command)
    add_output(command)
    return command


def gradcheck() -> Parser:
    """Return the parser of `gradcheck`."""
    command = Parser(
        "gradcheck",
        "MODEL DATA [options]",
        "Compares each derivative from back-propagation, for every parameter and input, with a "
        "difference\nquotient of the loss, on the first rows of a table. The exit code is 1 if any "
        "is wrong. There is no\nderivative at a kink of the loss (relu has one at 0): try other "
        "rows then.",
        [
            "iris.json iris.csv",
            "network.json rows.csv --loss mse   # a bare network: its inputs, then its outputs",
        ],
    )
    command.add_argument("model", metavar="MODEL", help="a file written by train, or from Python")
    command.add_argument("data", metavar="DATA", help="file with a table, may be .gz; - for a pipe")
    _add_target(command)
    command.add_argument("--rows", type=positive, default=5, help="how many rows to use (5)")
    command.add_argument(
        "--tolerance", type=above_zero, default=1e-6,
        help="largest relative error allowed (%(default)s)",
    )  # fmt: skip
    command.add_argument("--loss", default="mse", help="loss of a bare network (%(default)s)")
    add_reading(command)
    add_output(command)
    return command
