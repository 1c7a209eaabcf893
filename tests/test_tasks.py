"""Tasks on executors: order, what travels, what goes wrong and how it is told."""

import multiprocessing
import random
import statistics
import sys
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from executor_tasks import Counted, fail, plus, process
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.training import tasks
from tinynn.training.tasks import run_tasks

FORK = "fork" in multiprocessing.get_all_start_methods()


def processes(method, workers=2):
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method))


def run(function, shared, items, executor=None, **more):
    names = [f"task {k}" for k in range(len(items))]
    done = run_tasks("work", function, shared, items, names, executor, **more)
    return [one.result for one in done]


class Late(Executor):
    """Runs tasks in this process in batches of three, from the last to the first."""

    def __init__(self):
        self.waiting, self.most = [], 0

    def submit(self, function, *arguments):
        future = Future()
        self.waiting.append((future, function, arguments))
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) == 3:
            self.flush()
        return future

    def flush(self):
        while self.waiting:
            future, function, arguments = self.waiting.pop()
            future.set_running_or_notify_cancel()
            future.set_result(function(*arguments))


def test_results_come_in_the_order_of_the_tasks():
    assert run(plus, [10], range(9)) == list(range(10, 19))
    assert run(plus, [10], range(9), Late()) == list(range(10, 19))
    with ThreadPoolExecutor(3) as pool:
        assert run(plus, [10], range(9), pool) == list(range(10, 19))
    assert run(plus, [10], [], None) == []


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_are_sent_what_is_shared_about_once_each(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    Counted.pickled = 0
    with processes(method) as pool:
        assert run(plus, Counted(5), range(20), pool) == list(range(5, 25))
        # A process that was forked after the run began has it already.
        assert Counted.pickled == (method == "spawn")
        assert run(plus, Counted(6), range(20), pool) == list(range(6, 26))
    assert Counted.pickled == 1 + (method == "spawn")
    assert not tasks._own


def test_threads_share_the_object_itself():
    lock = threading.Lock()  # which cannot be pickled
    with ThreadPoolExecutor(2) as pool:
        assert run(plus, [3, lock], [1, 2], pool) == [4, 5]


@pytest.mark.skipif(not FORK, reason="no fork here")
def test_several_processes_do_the_work():
    with processes("fork") as pool:
        assert len(set(run(process, [0], range(8), pool))) == 2


@pytest.mark.parametrize("where", ["here", "threads", "processes"])
@pytest.mark.parametrize(
    ("task", "kind", "message"),
    [
        ("bad", nn.WorkerError, "work, task 1: ValueError: boom"),
        ("refused", nn.DataError, "work, task 1: inputs need numbers, got none"),
    ],
)
def test_an_error_names_its_task(where, task, kind, message):
    pool = {"here": lambda: None, "threads": lambda: ThreadPoolExecutor(2),
            "processes": lambda: ProcessPoolExecutor(2)}[where]()  # fmt: skip
    try:
        with pytest.raises(kind) as caught:
            run(fail, None, ["fine", task, "fine"], pool)
        assert str(caught.value) == message
        assert isinstance(caught.value, nn.TinynnError)
    finally:
        if pool:
            pool.shutdown()


def test_a_worker_that_dies_is_named():
    with ProcessPoolExecutor(1) as pool, pytest.raises(nn.WorkerError) as caught:
        run(fail, None, ["kill"], pool)
    assert str(caught.value) == (
        "work: a worker of the executor died, or was shut down, while it ran task 0. Most often it "
        "ran out of memory or was killed; use fewer workers or less data, or executor=None to run "
        "the tasks here"
    )
    with ProcessPoolExecutor(1) as pool, pytest.raises(nn.WorkerError) as caught:
        run(fail, None, ["kill"] * 9, pool)
    assert "while it ran one of 2 tasks in flight: task 0, task 1. Most" in str(caught.value)


def test_what_cannot_be_sent_is_told():
    with ProcessPoolExecutor(1) as pool:
        run(process, None, [0], pool)  # so that it does not fork later
        with pytest.raises(nn.SettingError) as caught:
            run(plus, [threading.Lock()], [1], pool)
        assert str(caught.value) == (
            "work has to send its arguments to the workers of the executor, which needs them to be "
            "pickled: TypeError: cannot pickle '_thread.lock' object; define functions and classes "
            "at the top of a module, or use executor=None"
        )
        with pytest.raises(nn.WorkerError) as caught:
            run(plus, [0], [threading.Lock()], pool)
    assert str(caught.value) == (
        "work, task 0: TypeError: cannot pickle '_thread.lock' object; the executor could not "
        "send, run or receive this task: workers need to import all functions and classes in it "
        "from the top of a module; executor=None runs it here"
    )


class OfTheCaller:
    """Something that workers cannot import."""


def test_what_workers_cannot_import_is_told(monkeypatch):
    monkeypatch.delitem(sys.modules, "cloudpickle", raising=False)
    with processes("spawn", 1) as pool:
        monkeypatch.setattr(OfTheCaller, "__module__", "not_there")
        monkeypatch.setitem(sys.modules, "not_there", sys.modules[__name__])
        with pytest.raises(nn.WorkerError) as caught:
            run(plus, [0, OfTheCaller()], [1], pool)
    assert str(caught.value) == (
        "work, task 0: ModuleNotFoundError: No module named 'not_there'; workers need to import "
        "what the tasks share from a module"
    )


def test_an_executor_that_was_shut_down():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(nn.WorkerError, match="work, task 0: RuntimeError: cannot schedule new"):
        run(plus, [0], [1], pool)


@pytest.mark.parametrize(
    ("executor", "got"),
    [
        (4, "4; did you mean ProcessPoolExecutor(4)?"),
        ("processes", "'processes'"),
        (ThreadPoolExecutor, "<class 'concurrent.futures.thread.ThreadPoolExecutor'>"),
    ],
)
def test_other_things_than_executors_are_refused(executor, got):
    with pytest.raises(nn.SettingError) as caught:
        run(plus, [0], [1], executor)
    assert str(caught.value) == (
        f"work needs executor to be a concurrent.futures.Executor or None, got {got}"
    )


def test_no_more_than_two_tasks_per_worker_are_in_flight():
    class Watched(ThreadPoolExecutor):
        flying = most = 0

        def submit(self, *arguments):
            future = super().submit(*arguments)
            Watched.flying += 1
            Watched.most = max(Watched.most, Watched.flying)
            future.add_done_callback(self.landed)
            return future

        def landed(self, future):
            Watched.flying -= 1

    with Watched(2) as pool:
        run(process, [0], range(20), pool)
    assert Watched.most <= 4


def test_ctrl_c_cancels_what_has_not_begun():
    with ThreadPoolExecutor(1) as pool:
        seen = []
        submit = pool.submit
        pool.submit = lambda *arguments: seen.append(submit(*arguments)) or seen[-1]
        with pytest.raises(KeyboardInterrupt):
            run(fail, None, ["interrupt", *["fine"] * 9], pool)
    assert len(seen) <= 3
    with pytest.raises(KeyboardInterrupt):
        run(fail, None, ["interrupt"])


def test_an_error_cancels_what_has_not_begun():
    class Held(Executor):
        futures = []  # noqa: RUF012

        def submit(self, *arguments):
            future = Future()
            if len(self.futures) == 2:
                future.set_exception(ValueError("no"))
            self.futures.append(future)
            return future

    with pytest.raises(nn.WorkerError, match="work, task 2: ValueError: no;"):
        run(plus, [0], range(9), Held())
    assert [future.cancelled() for future in Held.futures] == [True, True, False, *[True] * 6]


class Bare:
    """Two workers with nothing in common with this process, one of which takes the next task."""

    _max_workers = 2

    def __init__(self, rng, count):
        self.rng, self.left = rng, count
        self.sent, self.queue, self.stores = 0, [], [{}, {}]

    def submit(self, work, function, key, payload, task):
        self.sent += payload is not None
        self.queue.append((Future(), function, key, payload, task))
        future = self.queue[-1][0]
        if len(self.queue) == min(4, self.left):  # no more come before some are done
            for _ in range(len(self.queue) if self.left <= 4 else self.rng.randint(1, 4)):
                self.take()
        return future

    def take(self):
        future, *rest = self.queue.pop(0)
        worker = self.rng.randrange(2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tasks, "_own", {})
            patch.setattr(tasks, "_received", self.stores[worker])
            patch.setattr(tasks.os, "getpid", lambda: worker)
            answer = tasks.work(*rest)
        self.left -= answer[0]
        future.set_result(answer)


@given(st.randoms(use_true_random=False))
def test_whichever_worker_takes_a_task_the_results_are_the_same(rng):
    assert run(plus, [7], range(40), Bare(rng, 40)) == list(range(7, 47))


def test_what_is_shared_is_mostly_sent_once_to_each():
    sent = []
    for seed in range(100):
        executor = Bare(random.Random(seed), 40)
        run(plus, [7], range(40), executor)
        sent.append(executor.sent)
    assert min(sent) >= 2 and statistics.mean(sent) < 4, sent


def test_a_caller_that_stops_early_cancels_the_rest():
    with ThreadPoolExecutor(1) as pool:
        done = run_tasks("work", process, [0], range(50), ["one"] * 50, pool)
        next(done)
        done.close()
    assert not tasks._own


def test_progress(capsys, monkeypatch):
    run(plus, [0], range(30), progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        f"work: {k} of 30" for k in range(3, 31, 3)
    ]
    run(plus, [0], range(3))  # not a terminal
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run(plus, [0], range(2))
    assert capsys.readouterr().err == (
        "\r\x1b[Kwork: 1 of 2, 0 s left\r\x1b[Kwork: 2 of 2, 0 s left\r\x1b[K"
    )
    run(plus, [0], range(3), progress=False)
    assert capsys.readouterr().err == ""
