"""The options of `text`, whose first word is what to do: train, sample or evaluate."""

from __future__ import annotations

import argparse
from typing import Any, Callable, Mapping

from .parser import (
    Parser,
    PassingParser,
    above_zero,
    add_output,
    number,
    positive,
    share,
    suggestion,
    whole,
)


def text() -> Parser:
    """Return the parser of `text`."""
    return _Actions(
        "text",
        "train TEXT | sample MODEL | evaluate MODEL TEXT [options]",
        "Trains a model on a file of names, words or verses, one a line, or on one long text,\n"
        "and lets it write more, character by character. `text train --help`, `text sample\n"
        "--help` and `text evaluate --help` tell more.",
        [
            "train names.txt --out names.json",
            "sample names.json --count 20 --temperature 0.5",
            "evaluate names.json others.txt",
        ],
    )


class _Actions(PassingParser):
    """Leaves all words after the first to the parser of what the first one says."""

    def parse_args(  # type: ignore[override]
        self, args: list[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:
        words = super().parse_args(args).arguments
        if not words:
            self.error(f"say what to do: {', '.join(ACTIONS)}")
        if words[0] not in ACTIONS:
            self.error(f"unknown action {words[0]!r}{suggestion(words[0], list(ACTIONS))}")
        parsed = ACTIONS[words[0]]().parse_args(words[1:])
        parsed.action = words[0]
        return parsed


def train() -> Parser:
    """Return the parser of `text train`."""
    command = Parser(
        "text train",
        "TEXT [options]",
        "Trains a model to continue lines, each character from those before it.\n\n"
        "Each line of the file is a sequence of its own; blank lines are left out. A file of one "
        "line, or any\nfile with --whole, is one long text, in which line ends are characters like "
        "others. Some lines are\nheld out to decide when to stop and others to test the model, "
        "which is compared with one that only\nknows how frequent each character is. Ctrl-C stops "
        "training early and keeps what was learned.",
        [
            "names.txt --out names.json",
            "names.txt --out names.json --width 32 --epochs 5 --seconds 600",
            "names.txt --out names.json --network gru --units 64",
            "novel.txt --whole --most-steps 64 --out novel.json",
        ],
    )
    command.add_argument("text", metavar="TEXT", help="text file, may be .gz; - for a pipe")
    command.add_argument("--out", metavar="FILE", help="write the model to this file")
    command.add_argument("--seed", type=whole, default=0, help="random seed (0)")
    command.add_argument(
        "--whole", action="store_true", help="the file is one text; its lines do not stand alone"
    )
    command.add_argument("--encoding", help="utf-8, cp1252, latin-1, utf-16 … (guessed)")
    group = command.add_argument_group("network")
    group.add_argument(
        "--network", default="gpt", metavar="NAME", help="gpt, rnn, lstm or gru (%(default)s)"
    )
    group.add_argument(
        "--width", type=positive, default=16, help="numbers that stand for a character (16)"
    )
    group.add_argument(
        "--heads", type=positive, help="of gpt: parts that attention divides them into (4)"
    )
    group.add_argument(
        "--units", type=positive, help="of rnn, lstm and gru: numbers in a layer's state (32)"
    )
    group.add_argument(
        "--layers", type=positive, default=1, help="recurrent layers, or blocks of layers (1)"
    )
    group.add_argument(
        "--most-steps", type=positive, metavar="N",
        help="characters seen at once; longer lines are cut (the longest line's, at most 64)",
    )  # fmt: skip
    group = command.add_argument_group("training")
    group.add_argument(
        "--epochs", type=positive,
        help="train at most this many (as many as show about 200,000 characters)",
    )  # fmt: skip
    group.add_argument("--seconds", type=above_zero, metavar="S", help="stop after this time")
    group.add_argument(
        "--learning-rate", type=above_zero, default=0.01, metavar="RATE",
        help="step size at first; it falls to 0 (0.01)",
    )  # fmt: skip
    group.add_argument(
        "--batch-size", type=positive, default=8, metavar="LINES", help="lines per update (8)"
    )
    group.add_argument(
        "--test-share", type=share, default=0.1, metavar="SHARE",
        help="share of the lines to test the model on (0.1)",
    )  # fmt: skip
    group.add_argument(
        "--validation-share", type=share, default=0.1, metavar="SHARE",
        help="share of the other lines, to decide when to stop (0.1)",
    )  # fmt: skip
    group.add_argument(
        "--patience", type=positive, default=5, metavar="EPOCHS",
        help="stop after this many without improvement (5)",
    )  # fmt: skip
    group.add_argument(
        "--resume", metavar="FOLDER",
        help="keep the training in this folder, and go on from its last epoch if it was cut short",
    )  # fmt: skip
    group.add_argument(
        "--engine",
        help="native, which runs machine code, where it can; auto chooses among those in pure "
        "Python: lists, unrolled",
    )
    add_output(command)
    return command


def sample() -> Parser:
    """Return the parser of `text sample`."""
    command = Parser(
        "text sample",
        "MODEL [options]",
        "Prints new lines, or new texts, by a model that `text train` wrote.",
        [
            "names.json --count 20 --temperature 0.5",
            "names.json --prompt ann --top-k 3 --seed 7",
        ],
    )
    command.add_argument("model", metavar="MODEL", help="a file written by text train")
    command.add_argument("--count", type=whole, default=10, metavar="N", help="how many (10)")
    command.add_argument(
        "--temperature", type=number, default=1.0, metavar="T",
        help="1 draws as the model expects, less is safer, 0 takes the most likely (1)",
    )  # fmt: skip
    command.add_argument(
        "--top-k", type=positive, metavar="K", help="draw among the K most likely characters only"
    )
    command.add_argument("--seed", type=whole, default=0, help="random seed (0)")
    command.add_argument("--prompt", default="", metavar="TEXT", help="how each begins")
    command.add_argument(
        "--length", type=whole, metavar="N",
        help="characters at most (as many as the model sees at once; of one text 500)",
    )  # fmt: skip
    add_output(command)
    return command


def evaluate() -> Parser:
    """Return the parser of `text evaluate`."""
    command = Parser(
        "text evaluate",
        "MODEL TEXT [options]",
        "Measures how well a model predicts each character of a text that it was not trained on,\n"
        "beside a model that only knows how frequent each character is.",
        ["names.json others.txt"],
    )
    command.add_argument("model", metavar="MODEL", help="a file written by text train")
    command.add_argument("text", metavar="TEXT", help="text file, may be .gz; - for a pipe")
    command.add_argument("--encoding", help="utf-8, cp1252, latin-1, utf-16 … (guessed)")
    add_output(command)
    return command


ACTIONS: Mapping[str, Callable[[], Parser]] = {
    "train": train, "sample": sample, "evaluate": evaluate
}  # fmt: skip
