"""The command line: one module per command, each with `run`; their parsers are in `options`,
`text_options` and `tool_options`."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Any

from .. import __version__
from ..errors import TinynnError

# Rows are lists by the million, which form no cycles: to look through them all again and again, as
# Python usually does, would take a quarter of a command's time.
SELDOM = (100_000, 50, 1000)

COMMANDS = {
    "train": "train a model to predict one column of a table",
    "predict": "add a model's predictions to a table",
    "evaluate": "measure how good a model is on a table",
    "inspect": "show what is in a model file",
    "compare": "tell which of two models is better on a table",
    "plot": "draw a model's training, test and weights",
    "text": "train a model on names, words or a text, and let it write more",
    "export": "write a model as code, or as a file for another program",
    "gradcheck": "compare a model's derivatives with differences of its loss",
    "playground": "open a page on which one watches a network train, and changes anything",
    "demo": "train the original program, then a classifier of iris flowers",
    "explain": "show the arithmetic of one step of training",
    "lesson": "print an exercise of the course, or check what you wrote",
    "selftest": "check what works on this interpreter, how accurately and how fast",
    "vendor": "write the library as one file, or check such a file",
    "bench": "run the repository's benchmarks",
}

WELCOME = """tinynn {version}: a neural network that runs anywhere Python runs.

usage: {program} COMMAND …

commands:
{commands}

First steps with a table:
  {program} demo --csv iris.csv
  {program} train iris.csv --target species --out iris.json --report iris.html
  {program} predict iris.json iris.csv --out answers.csv

With a file of names or words, one a line:
  {program} text train names.txt --out names.json
  {program} text sample names.json --count 20

In Python, `import tinynn as nn`:
  nn.Classifier, nn.Regressor   a table in, answers out
  nn.Sequential                 networks of layers; nn.fit trains them, nn.load reads saved ones
  nn.NeuralNet                  the original program, one layer of sigmoid neurons
  nn.gradcheck                  compares back-propagation with differences of the loss

Exit codes: 0 success; 1 a check that you asked for failed; 2 error, explained in one sentence;
130 interrupted.

`{program} COMMAND --help` tells more about a command. The code is meant to be read, in this order:
neural_net, matrix, activations, losses, layers, network, optimizers, training, all in
{folder}
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: success; 1: a check that the user asked for failed; 2: an error, explained in one sentence on
    standard error; 130: interrupted.
    """
    words = sys.argv[1:] if arguments is None else arguments
    usual = gc.get_threshold() if hasattr(gc, "get_threshold") else None  # PyPy has none
    if usual:
        gc.set_threshold(*SELDOM)
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        from .console import silence

        silence(sys.stdout)
        return 0
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except TinynnError as error:
        return _fail(str(error))
    except OSError as error:
        what = error.strerror or str(error)
        return _fail(f"{error.filename}: {what}" if error.filename else what)
    except MemoryError:
        return _fail("not enough memory; `train --stream` needs less")
    except Exception as error:
        if os.environ.get("TINYNN_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        return _fail(f"this is a bug in tinynn: {what}; set TINYNN_DEBUG=1 to see where")
    finally:
        if usual:
            gc.set_threshold(*usual)


def _run(words: list[str]) -> int:
    from .parser import Parser, UsageError, program_name, suggestion

    program = program_name()
    if not words or words[0] in ("-h", "--help", "help"):
        print(_welcome(program), end="")
        return 0
    if words[0] == "--version":
        print(f"tinynn {__version__}")
        return 0
    name = words[0]
    if name not in COMMANDS:
        what = "option" if name.startswith("-") else "command"
        raise UsageError(f"unknown {what} {name!r}{suggestion(name, list(COMMANDS))}")
    from . import options, text_options, tool_options

    homes = text_options if name == "text" else options, tool_options
    parser: Parser = next(getattr(home, name) for home in homes if hasattr(home, name))()
    parsed = parser.parse_args(words[1:])
    command: Any = import_module(f".{name}", __package__)
    return int(command.run(parsed) or 0)


def _fail(message: str, code: int = 2) -> int:
    from ..view.terminal import printable

    one_line = str(TinynnError(printable(" ".join(message.split()))))  # not too long, either
    try:
        print(f"tinynn: {one_line}", file=sys.stderr)
    except UnicodeEncodeError:  # a terminal without Unicode
        print(f"tinynn: {one_line}".encode("ascii", "replace").decode(), file=sys.stderr)
    except BrokenPipeError:
        pass
    return code


def _welcome(program: str) -> str:
    return WELCOME.format(
        version=__version__,
        program=program,
        commands="\n".join(f"  {name:<11}{what}" for name, what in COMMANDS.items()),
        folder=os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lesson"),
    )
