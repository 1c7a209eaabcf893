"""Executors of other libraries: Dask's, loky's and MPI's give the same bits as none.

`python -m pytest -m slow tests/test_clusters.py -rs` says which of them is missing.
"""

import os
import pathlib
import shutil
import subprocess
import sys
from functools import partial

import pytest
from executor_tasks import Counted, fail, plus, process, rows_of

import tinynn as nn
from tinynn.training.tasks import run_tasks

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::tinynn.ConvergenceWarning")]
HERE = pathlib.Path(__file__).parent


def results(executor):
    """Return what everything that takes an executor gives with it."""
    iris = nn.load_iris()
    X, y = iris.inputs, iris.targets
    small = nn.Classifier((4,), learning_rate_init=0.05, max_iter=5, random_state=3)
    search = nn.search(small, X, y, {"alpha": [0.0, 1.0]}, folds=3, executor=executor)
    found = [
        nn.cross_validate(small, X, y, executor=executor).scores,
        [candidate[:2] for candidate in search.candidates],
        nn.Ensemble(small, 3, random_state=1).fit(X, y, executor=executor).predict_proba(X[:9]),
    ]
    for average in ("epoch", "step"):
        model = nn.Sequential(nn.Dense(3, 5), nn.Tanh(), nn.Dense(5, 1), seed=1)
        parts = [partial(rows_of, k) for k in range(5)]
        history = nn.fit_parts(model, parts, average=average, epochs=3, executor=executor)
        found += [history.loss, model.state()]
    return found


def run(function, shared, items, executor):
    names = [f"task {k}" for k in range(len(items))]
    return [one.result for one in run_tasks("work", function, shared, items, names, executor)]


def check(executor):
    """Check all that an executor has to do, but for the death of a worker."""
    assert results(executor) == results(None)
    Counted.pickled = 0
    assert run(plus, Counted(5), range(30), executor) == list(range(5, 35))
    assert Counted.pickled == 1
    assert len(set(run(process, [0], range(12), executor))) == 2
    with pytest.raises(nn.WorkerError) as caught:
        run(fail, None, ["fine", "bad"], executor)
    assert str(caught.value) == "work, task 1: ValueError: boom"
    with pytest.raises(nn.DataError) as caught:
        run(fail, None, ["fine", "refused"], executor)
    assert str(caught.value) == "work, task 1: inputs need numbers, got none"


@pytest.fixture
def importable(monkeypatch):
    """Let processes that are started import the tests' own modules, and this tinynn."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent)]))


def test_dask(importable):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster, distributed.Client(cluster) as client:
        check(client.get_executor())
        with pytest.raises(nn.SettingError, match=r"did you mean client.get_executor\(\)\?$"):
            run(plus, [0], [1], client)
        with pytest.raises(nn.WorkerError) as caught:
            run(fail, None, ["fine", "kill", "fine"], client.get_executor())
        assert str(caught.value).startswith(
            "work: a worker of the executor died, or was shut down, while it ran task 1. Most "
        )


def test_loky(importable):
    loky = pytest.importorskip("loky", reason="loky is not installed")
    executor = loky.get_reusable_executor(max_workers=2)
    check(executor)
    with pytest.raises(nn.WorkerError) as caught:
        run(fail, None, ["kill"], executor)
    assert str(caught.value).startswith(
        "work: a worker of the executor died, or was shut down, while it ran task 0. Most often "
    )
    loky.get_reusable_executor(max_workers=2, kill_workers=True).shutdown()


def test_mpi(importable, tmp_path):
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    beside = os.pathsep.join([os.environ["PATH"], str(pathlib.Path(sys.executable).parent)])
    mpiexec = shutil.which("mpiexec", path=beside)
    if mpiexec is None:
        pytest.skip("there is no mpiexec: install MPICH or Open MPI")
    program = tmp_path / "on_mpi.py"
    program.write_text(
        "from mpi4py.futures import MPIPoolExecutor\n"
        "import test_clusters\n"
        "if __name__ == '__main__':\n"
        "    with MPIPoolExecutor() as executor:\n"
        "        test_clusters.check(executor)\n"
        "    print('all the same')\n"
    )
    done = subprocess.run(
        [mpiexec, "-n", "3", sys.executable, "-m", "mpi4py.futures", str(program)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "all the same\n"), done.stderr


@pytest.mark.parametrize("library", ["loky", "distributed"])
def test_functions_of_the_main_program(importable, tmp_path, library):
    pytest.importorskip(library, reason=f"{library} is not installed")
    made = {
        "loky": "loky.get_reusable_executor(max_workers=2)",
        "distributed": "distributed.Client(n_workers=2, threads_per_worker=1, "
        "dashboard_address=None).get_executor()",
    }
    program = tmp_path / "program.py"
    program.write_text(
        f"import {library}, functools, tinynn as nn\n"
        "def part(k):\n"
        "    return [[float(k), x] for x in range(9)], [[x / 9] for x in range(9)]\n"
        "if __name__ == '__main__':\n"
        "    network = nn.Sequential(nn.Dense(2, 1), seed=0)\n"
        "    parts = [functools.partial(part, k) for k in range(4)] + [lambda: part(9)]\n"
        f"    nn.fit_parts(network, parts, epochs=2, executor={made[library]})\n"
        "    same = nn.Sequential(nn.Dense(2, 1), seed=0)\n"
        "    nn.fit_parts(same, parts, epochs=2)\n"
        "    print(network.state() == same.state())\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
