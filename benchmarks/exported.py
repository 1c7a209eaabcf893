"""`python3 -m benchmarks.exported`: one row through an exported file, and through its rivals.

The file is what `tinynn.export.to_python` writes, loaded as it is. Its rivals are `nn.compile`,
NumPy, scikit-learn, onnxruntime, and nested loops over lists, as other code generators write a
network (sklearn-porter does; m2cgen has no neural networks). All results are first checked to be
equal, then all take turns. "int8" files are left out, since their outputs differ.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Sequence

from tinynn.export import to_python

from . import environment, tables
from .command import chosen, say
from .jobs import FIXED_POINT, FLOAT64, Job, PredictionJob
from .measure import FULL, QUICK, TINY, run_task
from .peers import all_peers
from .peers.contract import Peer
from .peers.tinynn_peer import network
from .results import Results
from .tasks.kinds import Prediction
from .tasks.prediction import TASKS

SIZES = ("4-10-3", "64-32-10")
RIVALS = ("tinynn", "numpy", "sklearn", "onnxruntime")
_NESTED = """\
def predict(row):
    for number in range(len(WEIGHTS)):
        weights = WEIGHTS[number]
        biases = BIASES[number]
        outputs = []
        for j in range(len(biases)):
            total = biases[j]
            for i in range(len(row)):
                total += row[i] * weights[i][j]
            if number < len(WEIGHTS) - 1 and total < 0.0:
                total = 0.0
            outputs.append(total)
        row = outputs
    return row
"""


class FileJob(PredictionJob):
    """Calls the `predict` function of a file."""

    def __init__(self, task: Prediction, source: str, tolerance: float) -> None:
        space: dict[str, Any] = {"__name__": "exported"}
        exec(compile(source, "exported.py", "exec"), space)
        self.predict, self.rows = space["predict"], task.inputs()
        self.tolerance = tolerance
        self.note = f"{len(source):,} bytes"


class ExportedPeer(Peer):
    """A file exported by tinynn."""

    def __init__(self, weights: str) -> None:
        self.weights = weights
        self.name = f"exported-{weights}"
        self.title = f"exported file, {weights}"

    def version(self) -> str:
        return ""

    def prediction(self, task: Prediction) -> Job:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.py"
            to_python(network(task.start(), "relu", "linear"), path, weights=self.weights)
            source = path.read_text(encoding="ascii")
        return FileJob(task, source, FIXED_POINT if self.weights == "packed" else FLOAT64)


class NestedPeer(Peer):
    """Code that loops over lists by index."""

    name, title = "nested", "nested loops over lists"

    def version(self) -> str:
        return ""

    def prediction(self, task: Prediction) -> Job:
        weights, biases = zip(*task.start())
        source = f"WEIGHTS = {list(weights)!r}\nBIASES = {list(biases)!r}\n\n\n{_NESTED}"
        return FileJob(task, source, FLOAT64)


def peers() -> list[Peer]:
    """Return the implementations in files."""
    return [ExportedPeer("float"), ExportedPeer("packed"), NestedPeer()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0, or 1 if some result was wrong."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.exported", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--full", action="store_true", help="more repeats, longer runs")
    length.add_argument("--tiny", action="store_true", help="run each once, to show that it works")
    options = parser.parse_args(words)
    changed = environment.prepare(os.environ)
    if arguments is None:
        changed = environment.restart_if_late(changed, words, "benchmarks.exported")
    plan = TINY if options.tiny else FULL if options.full else QUICK
    rivals = [peer for peer in all_peers() if peer.name in RIVALS]
    results = Results(plan.mode, {})
    for task in chosen(TASKS, [f"predict-{sizes}" for sizes in SIZES], "task"):
        say(task.title)
        results.tasks.append(run_task(task, [*peers(), *rivals], plan, say))
    results.about = environment.describe(
        changed, environment.command_line("benchmarks.exported", words)
    )
    print(tables.report(results))
    return 1 if results.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
