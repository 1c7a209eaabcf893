"""The environment matrix: `nox` runs the self-test and the core of the tests on every interpreter.

    nox -f .noxfile.py                   # all that there are; nox says which it did not find
    nox -f .noxfile.py -s core-pypy3     # one of them
    nox -f .noxfile.py -rs core-python3.8 -- tests/test_layers.py -k relu

Each has an environment of its own, by its own `venv`, into which the package is installed as users
install it. That installation is what is tested, not the folder beside this file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from benchmarks.interpreters import PYTHONS, find  # noqa: E402

nox.options.default_venv_backend = "venv"  # virtualenv no longer installs pip for Python 3.8

# Interpreters that run come before shims that may have none to call.
FOUND = [find(name) for name in PYTHONS]
os.environ["PATH"] = os.pathsep.join(
    [str(Path(python.command[0]).parent) for python in FOUND if not python.missing]
    + [folder for folder in os.environ["PATH"].split(os.pathsep) if Path(folder).name != "shims"]
)

# The lesson, and what training and files stand on: needs no peer to compare with.
CORE = (
    "matrix", "activations", "losses", "initializers", "layers", "network", "neural_net",
    "schedules", "optimizers", "gradients", "engines", "trainer", "callbacks", "model_files",
)  # fmt: skip


@nox.session(python=PYTHONS)
def core(session: nox.Session) -> None:
    """Run the self-test and the core of the tests."""
    session.install(".", "pytest", "hypothesis")
    tests = session.posargs or [f"tests/test_{name}.py" for name in CORE]
    # pytest as a command, and not with `python -m`, looks for nothing in this folder.
    session.run("pytest", "-q", *tests)
    session.chdir(session.create_tmp())
    session.run("python", "-m", "tinynn", "selftest")
