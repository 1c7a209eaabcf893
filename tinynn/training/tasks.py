"""Tasks on an executor: fits and parts that run one after another here, or on many workers.

An executor is any `concurrent.futures.Executor`: processes or threads of this machine, loky's,
Dask's `Client.get_executor()`, `mpi4py.futures.MPIPoolExecutor`. Results come in the order of the
tasks and do not depend on the executor.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Generator,
    Iterator,
    NamedTuple,
    NoReturn,
    Sequence,
    Tuple,
)

from ..checks.words import counted, excerpt, listed
from ..errors import SettingError, TinynnError

if TYPE_CHECKING:  # slow to import, and needed only where there is an executor
    from concurrent.futures import Executor, Future

    Futures = dict[Future[Any], int]

Function = Callable[[Any, Any], Any]
Answer = Tuple[bool, Any, float]  # whether the worker had what is shared, the result, the seconds

AHEAD = 2  # tasks in flight per worker: one that runs, and one that waits for it
WORKERS = 16  # how many workers an executor is taken to have that does not say it
SHARED_KEPT = 2  # how many shared objects of earlier runs a worker keeps
_own: dict[str, Any] = {}  # what the runs of this process share, by their names
_received: dict[str, tuple[Any]] = {}  # what the runs of other processes have sent to this one


class WorkerError(TinynnError, RuntimeError):
    """A task failed in a worker by an error that is not tinynn's own, or the worker died."""


class Done(NamedTuple):
    """The result of a task, and the seconds that it took its worker."""

    result: Any
    seconds: float


def run_tasks(
    who: str,
    function: Function,
    shared: Any,
    tasks: Sequence[Any],
    names: Sequence[str],
    executor: Executor | None = None,
    progress: bool | None = None,
) -> Generator[Done, None, None]:
    """Yield function(shared, task) for each task, in order; see `Crew` for the arguments."""
    with Crew(who, function, shared, executor) as crew:
        yield from crew.run(tasks, names, progress)


class Crew:
    """The workers of an executor, or this process alone, for rounds of tasks that share an object.

    who:      what messages call the caller
    function: of the top of a module, so that workers can import it; it must not change `shared`
    shared:   what all tasks need, such as a table. A worker that lacks it says so, and is then sent
              it: mostly once, not with each task. Threads share the object itself, and
              new processes that are forked have it already
    executor: None to run the tasks one after another, here

    Raises SettingError for anything but an executor.
    """

    def __init__(
        self, who: str, function: Function, shared: Any, executor: Executor | None
    ) -> None:
        self.who, self.function, self.shared, self.executor = who, function, shared, executor
        if executor is not None:
            check_executor(who, executor)
        self.key = os.urandom(16).hex()
        self.payload: bytes | None = None

    def __enter__(self) -> Crew:
        _own[self.key] = self.shared
        return self

    def __exit__(self, *_: object) -> None:
        del _own[self.key]

    def run(
        self, tasks: Sequence[Any], names: Sequence[str], progress: bool | None = False
    ) -> Generator[Done, None, None]:
        """Yield function(shared, task) for each task, in order, as `Done`.

        names:    what messages call the tasks
        progress: whether to show a line of progress on standard error; None: only on a terminal

        At most two tasks per worker are in flight. Tasks that have not begun are cancelled when the
        caller stops, be it by Ctrl-C, an error or `close`.

        If a task raises a TinynnError, it is raised with the task's name in front; any other
        Exception becomes a WorkerError, and so does the death of a worker.
        """
        meter = ProgressLine(self.who, len(tasks), progress)
        try:
            if self.executor is None:
                for task, name in zip(tasks, names):
                    try:
                        _, result, seconds = _call(self.function, self.shared, task)
                    except TinynnError as error:
                        _raise_named(error, self.who, name)
                    meter.add()
                    yield Done(result, seconds)
            else:
                yield from self._submitted(self.executor, tasks, names, meter)
        finally:
            meter.clear()

    def _submitted(
        self, executor: Executor, tasks: Sequence[Any], names: Sequence[str], meter: ProgressLine
    ) -> Iterator[Done]:
        from concurrent.futures import FIRST_COMPLETED, wait

        waiting = deque(range(len(tasks)))
        lacking: set[int] = set()  # tasks that what is shared has to go along with
        missed: dict[int, int] = {}  # how often each worker, by its process, lacked it
        flying: Futures = {}
        found: dict[int, Done] = {}
        most = AHEAD * _workers(executor)
        try:
            for number in range(len(tasks)):
                while number not in found:
                    while waiting and len(flying) < most:
                        k = waiting.popleft()
                        sent = self._pickled() if k in lacking else None
                        lacking.discard(k)
                        try:
                            future = executor.submit(work, self.function, self.key, sent, tasks[k])
                        except Exception as error:
                            self._raise_failed(error, k, names, [*flying.values(), k])
                        flying[future] = k
                    wait(flying, return_when=FIRST_COMPLETED)
                    again = self._landed(flying, found, names)
                    for _ in range(len(found) + number - meter.done):
                        meter.add()
                    for k, worker in reversed(again):
                        waiting.appendleft(k)
                        # It may come to another worker. The one that lacked it then meets no more
                        # tasks than are in flight before it would have come.
                        if missed.setdefault(worker, 0) % most == 0:
                            lacking.add(k)
                        missed[worker] += 1
                yield found.pop(number)
        finally:
            for future in flying:
                future.cancel()

    def _landed(
        self, flying: Futures, found: dict[int, Done], names: Sequence[str]
    ) -> list[tuple[int, int]]:
        """Move the tasks that are done to `found`; return those that workers could not do, and who.

        They lacked what is shared.
        """
        again = []
        # All that have failed are looked at in order, so that messages do not vary.
        for future, k in sorted(flying.items(), key=lambda item: item[1]):
            if not future.done():
                continue
            try:
                had, result, seconds = future.result()
            except Exception as error:
                self._raise_failed(error, k, names, sorted(flying.values()))
            del flying[future]
            if had:
                found[k] = Done(result, seconds)
            else:
                again.append((k, result))
        return again

    def _pickled(self) -> bytes:
        """Return what is shared, pickled once."""
        if self.payload is None:
            # Dask and loky load cloudpickle, which takes functions of the main program, too.
            pickler = sys.modules.get("cloudpickle") or __import__("pickle")
            try:
                self.payload = pickler.dumps(self.shared)
            except Exception as error:
                raise SettingError(
                    f"{self.who} has to send its arguments to the workers of the executor, which "
                    f"needs them to be pickled: {_words(error)}; define functions and classes at "
                    "the top of a module, or use executor=None"
                ) from error
        return self.payload

    def _raise_failed(
        self, error: Exception, task: int, names: Sequence[str], flying: list[int]
    ) -> NoReturn:
        """Raise what a submitted task ended with, as an error that names the task."""
        from concurrent.futures import BrokenExecutor, CancelledError

        if isinstance(error, TinynnError):
            _raise_named(error, self.who, names[task])
        if type(error).__name__ == "KilledWorker":  # Dask's, which tells the task
            flying = [task]
        elif not isinstance(error, (BrokenExecutor, CancelledError)):
            raise WorkerError(
                f"{self.who}, {names[task]}: {_words(error)}; the executor could not send, run or "
                "receive this task: workers need to import all functions and classes in it from "
                "the top of a module; executor=None runs it here"
            ) from error
        running = listed([names[k] for k in flying], 4)
        one = f"one of {counted(len(flying), 'task')} in flight: {running}"
        raise WorkerError(
            f"{self.who}: a worker of the executor died, or was shut down, while it ran "
            f"{running if len(flying) == 1 else one}. Most often it ran out of memory or was "
            "killed; use fewer workers or less data, or executor=None to run the tasks here"
        ) from error


def check_executor(who: str, executor: Any) -> None:
    """Raise SettingError for anything but an executor."""
    mend = ""
    if hasattr(executor, "get_executor"):
        mend = "; did you mean client.get_executor()?"
    elif isinstance(executor, int):
        mend = f"; did you mean ProcessPoolExecutor({executor})?"
    elif not isinstance(executor, type) and callable(getattr(executor, "submit", None)):
        return
    raise SettingError(
        f"{who} needs executor to be a concurrent.futures.Executor or None, "
        f"got {excerpt(executor)}{mend}"
    )


class ProgressLine:
    """How many tasks are done: one line on a terminal, else about ten in all."""

    def __init__(self, who: str, total: int, wanted: bool | None) -> None:
        self.who, self.total, self.done = who, total, 0
        self.live = sys.stderr.isatty()
        self.shown = self.live if wanted is None else wanted
        self.started = time.monotonic()

    def add(self) -> None:
        """Count one more task."""
        self.done += 1
        if not self.shown or not (self.live or self.done % max(1, self.total // 10) == 0):
            return
        left = (time.monotonic() - self.started) / self.done * (self.total - self.done)
        text = f"{self.who}: {self.done} of {self.total}, {left:.0f} s left"
        sys.stderr.write(f"\r\x1b[K{text}" if self.live else f"{text}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Clear the line."""
        if self.shown and self.live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def work(function: Function, key: str, sent: bytes | None, task: Any) -> Answer:
    """Run a task in a worker; return (False, its process, 0) if it lacks what is shared."""
    if key in _own:
        return _call(function, _own[key], task)
    found = _received.get(key)
    if found is None:
        if sent is None:
            return False, os.getpid(), 0.0
        import pickle

        try:
            found = (pickle.loads(sent),)
        except Exception as error:
            raise WorkerError(
                f"{_words(error)}; workers need to import what the tasks share from a module"
            ) from error
        for earlier in list(_received)[: 1 - SHARED_KEPT]:
            _received.pop(earlier, None)
        _received[key] = found
    return _call(function, found[0], task)


def _call(function: Function, shared: Any, task: Any) -> Answer:
    began = time.monotonic()
    try:
        result = function(shared, task)
    except TinynnError:
        raise
    except Exception as error:
        # The error's own class may be unknown where the message is read.
        raise WorkerError(_words(error)) from error
    return True, result, time.monotonic() - began


def _words(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {lines[0][:500]}"


def _workers(executor: Any) -> int:
    """Return how many workers an executor has. The interface has no word for it: each has one."""
    client = getattr(executor, "_client", None)  # of Dask
    if client is not None:
        return max(1, int(sum(client.nthreads().values())))
    for name in ("num_workers", "_max_workers"):
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    return WORKERS


def _raise_named(error: TinynnError, who: str, name: str) -> NoReturn:
    """Raise an error again with the task's name in front of its message."""
    error.args = (f"{who}, {name}: {error}", *error.args[1:])
    raise error
