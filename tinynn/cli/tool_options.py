"""What `explain`, `lesson`, `playground`, `demo`, `selftest`, `vendor` and `bench` take."""

from __future__ import annotations

from .parser import Parser, PassingParser, above_zero, add_output, add_reading, positive, whole


def demo() -> Parser:
    """Return the parser of `demo`."""
    command = Parser(
        "demo",
        "[options]",
        "Trains the original program, three inputs and one sigmoid neuron, and prints how its\n"
        "answer improves. Then trains a classifier on Fisher's iris flowers and tests it on\n"
        "flowers that it has not seen. Takes a few seconds. With --csv it trains nothing, but\n"
        "writes the flowers as a table for trying the other commands.",
        ["", "--seed 7", "--csv iris.csv"],
    )
    command.add_argument(
        "--seed", type=whole, default=3, help="seed for the iris split and weights (%(default)s)"
    )
    command.add_argument(
        "--csv", metavar="FILE", help="write the iris flowers to this CSV file, and stop"
    )
    return command


def playground() -> Parser:
    """Return the parser of `playground`."""
    command = Parser(
        "playground",
        "[options]",
        "Opens a page in the browser: data sets, a network of your choice, its training live, the\n"
        "arithmetic of every neuron and weight, and the lines of Python that compute it. The page\n"
        "is served to this machine alone, and loads nothing from outside.",
        ["", "--port 8080 --no-browser", "--build site --pyodide node_modules/pyodide"],
    )
    command.add_argument("--port", type=whole, default=0, help="the port (a free one)")
    command.add_argument(
        "--no-browser", action="store_true", help="only print the address; open no browser"
    )
    command.add_argument(
        "--build",
        metavar="FOLDER",
        help="serve nothing, but write a folder for any web server: Python runs in the browser",
    )
    command.add_argument(
        "--pyodide",
        metavar="FOLDER",
        help="with --build: a Pyodide distribution to copy into it (else the page loads it from "
        "jsdelivr.net)",
    )
    add_output(command)
    return command


def explain() -> Parser:
    """Return the parser of `explain`."""
    command = Parser(
        "explain",
        "[EXAMPLE | MODEL --data TABLE] [options]",
        "Shows one step of training as it would be written on a board: each formula, the numbers\n"
        "put in, and the result. The examples are original, the first iteration of the original\n"
        "program; mazur, M. Mazur's worked example of 2015; and xor. Or it explains a step of a\n"
        "saved network on rows of a table. Nothing is changed.",
        [
            "",
            "mazur --html mazur.html",
            "iris.json --data iris.csv --row 3 --only 'layer 2'",
            "network.json --data rows.csv --loss mse --optimizer adam --only '0.W[1][0]'",
        ],
    )
    command.add_argument(
        "model", nargs="?", default="original", metavar="EXAMPLE",
        help="original, mazur or xor, or a file written by train or from Python (original)",
    )  # fmt: skip
    command.add_argument("--only", metavar="WHAT", help="'layer 0', 'row 1', forward, loss, "
                         "backward, update, or a weight such as '0.W[1][0]'")  # fmt: skip
    command.add_argument("--digits", type=positive, metavar="N", help="decimals shown (6 to 9)")
    command.add_argument("--html", metavar="FILE", help="write a page instead")
    group = command.add_argument_group("a saved model")
    group.add_argument(
        "--data", metavar="TABLE", help="file with a table, may be .gz; - for a pipe"
    )
    group.add_argument(
        "--row", action="append", type=positive, metavar="N",
        help="a row of the table, from 1; can be repeated (1)",
    )  # fmt: skip
    group.add_argument("--target", metavar="COLUMN", help="the target's name in this table")
    group.add_argument("--loss", help="loss of a bare network (mse)")
    group.add_argument("--optimizer", default="sgd", help="sgd, adam … (%(default)s)")
    group.add_argument("--learning-rate", type=above_zero, metavar="RATE", help="step size (0.1)")
    add_reading(command)
    add_output(command)
    return command


def lesson() -> Parser:
    """Return the parser of `lesson`."""
    command = Parser(
        "lesson",
        "[NUMBER [FILE]] [options]",
        "The course: an exercise for each of the eight pages of the lesson. With a number it\n"
        "prints the exercise. With a file too, it runs the file and says what is right in it,\n"
        "what is off, and what the error looks like; the exit code is 1 if something is off.",
        ["", "3", "3 --start mine.py", "3 mine.py"],
    )
    command.add_argument(
        "number", nargs="?", metavar="NUMBER", help="1 to 8, or the name of a page: activations"
    )
    command.add_argument("file", nargs="?", metavar="FILE", help="a Python file that you wrote")
    command.add_argument(
        "--start", metavar="FILE", help="write a file to start from, which must not exist"
    )
    return command


def selftest() -> Parser:
    """Return the parser of `selftest`."""
    command = Parser(
        "selftest",
        "[options]",
        "Checks what works on this interpreter, how accurately and how fast: known numbers,\n"
        "derivatives, every engine, files, iris. Needs only the library and takes a few\n"
        "seconds. The exit code is 1 if a check failed.",
        ["", "--json"],
    )
    add_output(command, "print nothing; only set the exit code")
    return command


def vendor() -> Parser:
    """Return the parser of `vendor`."""
    from ..single_file.sources import all_parts, library

    parts = "\n".join(f"  {name:<12}{what}" for name, what in all_parts(library()).items())
    command = Parser(
        "vendor",
        "FILE [options]",
        "Writes the library, or some parts and everything they need, as one file to copy into\n"
        "another project. It can be imported under any name, and run. Or checks such a file.\n\n"
        f"parts:\n{parts}",
        [
            "tinynn.py",
            "tinynn.py --include train,tables",
            "tinynn.py --minimal   # small, without docstrings; runs on MicroPython too",
            "--check tinynn.py     # exit code 1 if it was edited",
        ],
    )
    command.add_argument("file", metavar="FILE", help="the file to write, or to check")
    command.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PARTS",
        help="parts to include, like train,view (all)",
    )
    command.add_argument(
        "--minimal", action="store_true", help="without type hints, docstrings and comments"
    )
    command.add_argument(
        "--mip", action="store_true",
        help="FILE is a folder: write the minimal file as a package of MicroPython's mip",
    )  # fmt: skip
    command.add_argument(
        "--mpy", metavar="FILE", help="with --mip: what mpy-cross made of the minimal file"
    )
    command.add_argument(
        "--check", action="store_true", help="tell whether the file was edited, and list its parts"
    )
    add_output(command)
    return command


def bench() -> Parser:
    """Return the parser of `bench`."""
    command = PassingParser(
        "bench",
        "[arguments of the benchmarks]",
        "Runs the benchmarks, which are in the repository but not in the package. All arguments\n"
        "go to `python3 -m benchmarks`.",
        ["--list", "--tiny", "--only original"],
    )
    command.add_argument("arguments", nargs="*", help="for python3 -m benchmarks; see its --help")
    return command
