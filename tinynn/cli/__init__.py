"""The command line: one module per command, each with `add_to` and `run`."""

from __future__ import annotations

import argparse
import sys
from typing import List, Optional

from .. import __version__
from ..errors import TinynnError

WELCOME = """tinynn {version}: a neural network that runs anywhere Python runs.

commands:
  demo        train the original program, then a classifier of iris flowers

In Python, `import tinynn as nn`:
  nn.NeuralNet        the original program, one layer of sigmoid neurons
  nn.Sequential       networks of layers; nn.fit trains them, nn.load reads saved ones
  nn.gradcheck        back-propagation held against differences of the loss
  nn.data             iris, made-up sets, splits, scaling; nn.metrics: accuracy and the rest

`{program} COMMAND --help` tells more about a command. The code is meant to be read, in this order:
neural_net, matrix, activations, losses, layers, network, optimizers, trainer, all in
{folder}
"""


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code: 0 done, 2 could not, 130 interrupted."""
    from . import demo

    parser = argparse.ArgumentParser(
        prog="tinynn", description="A neural network that runs anywhere Python runs."
    )
    parser.add_argument("--version", action="version", version=f"tinynn {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    demo.add_to(commands)
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        print(_welcome(), end="")
        return 0
    try:
        options.run(options)
    except TinynnError as error:
        print(f"tinynn: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ntinynn: interrupted", file=sys.stderr)
        return 130
    return 0


def _welcome() -> str:
    import os

    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return WELCOME.format(version=__version__, program="python3 -m tinynn", folder=folder)
