"""Measuring: all results are checked first; then the implementations take turns in rounds."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import Callable, Iterator, NamedTuple, Sequence

from .jobs import Job, NotMeant, Refused, Sample
from .peers.contract import Peer
from .peers.lists_peer import ListsPeer
from .processes import ProcessJob, size_of
from .results import MEASURED, SKIPPED, WRONG, Row, Spread, TaskResult
from .tasks.kinds import Command, Prediction, Processes, Sizes, Task, Training

WARM_UP_RUNS = 15  # of the time for one run, on PyPy
SHORT_RUNS = 7  # of which the fastest tells what is done once
PYPY = sys.implementation.name == "pypy"
Say = Callable[[str], None]


class Plan(NamedTuple):
    """How long to measure: rounds (repeats), seconds for a task, seconds for one run.

    Training tasks run for `longer` times as many epochs.
    """

    mode: str
    least_rounds: int
    most_rounds: int
    task_seconds: float
    run_seconds: float
    longer: int = 1


TINY = Plan("tiny", 1, 1, 0.0, 0.0)
QUICK = Plan("quick", 3, 9, 0.7, 0.06)
FULL = Plan("full", 7, 31, 20.0, 1.0, 5)


class Entry(NamedTuple):
    """A row to fill, and the job that fills it."""

    row: Row
    job: Job


def run_task(task: Task, peers: Sequence[Peer], plan: Plan, say: Say) -> TaskResult:
    """Return the task's result: a row for each peer that can do it, or should but cannot."""
    if isinstance(task, Training) and not (task.original or task.falling_rate):
        task = replace(task, amount=plan.longer * task.amount)
    result = TaskResult(
        task.name, task.title, task.unit, task.quantity, task.baseline, task.over, task.amount,
        list(task.notes),
    )  # fmt: skip
    if isinstance(task, Sizes):
        result.rows = _sizes(task)
        return result
    entries = _entries(task, peers, result, say)
    expected = _expected(task)
    ready: list[tuple[Entry, int]] = []
    with others_set_aside():
        for entry in entries:
            sample = _check(task, entry, expected, plan, say)
            if sample is None:
                continue
            if not plan.run_seconds:
                _fill(task, entry, task.check_amount, [sample])
                continue
            amount = _amount(task, entry, sample, plan, say)
            if amount and PYPY:
                amount = _warmed_up(task, entry, amount, plan, say)
            if entry.row.status == MEASURED:
                ready.append((entry, amount))
    with others_set_aside():  # now including what the first runs imported and made
        _take_turns(task, ready, plan, say)
        for entry, amount in ready:
            if isinstance(task, Training) and entry.row.name.startswith("tinynn"):
                _one_time_work(task, entry, amount, say)
    if task.over:
        _subtract(result, task.over)
    return result


def _entries(task: Task, peers: Sequence[Peer], result: TaskResult, say: Say) -> list[Entry]:
    """Add a row for each implementation to the result; return those with a job."""
    makers: list[tuple[Row, Callable[[], Job]]] = []
    if isinstance(task, Processes):
        for command in task.commands:
            makers.append((Row(command.name, command.title), _process_maker(command)))
    for peer in peers:
        if isinstance(task, (Training, Prediction)):
            makers.append((Row(peer.name, peer.title), _maker(task, peer)))
    entries: list[Entry] = []
    for row, maker in makers:
        try:
            job = maker()
        except NotMeant:
            continue
        except Refused as refused:
            row.status, row.reason = SKIPPED, str(refused)
            say(f"    {row.title}: skipped: {refused}")
        except Exception as error:
            _failed(row, error, say)
        else:
            entries.append(Entry(row, job))
            row.version = _version(row.name, peers)
        result.rows.append(row)
    return entries


def _maker(task: Task, peer: Peer) -> Callable[[], Job]:
    def make() -> Job:
        if isinstance(task, Training):
            return peer.training(task)
        assert isinstance(task, Prediction)
        return peer.prediction(task)

    return make


def _process_maker(command: Command) -> Callable[[], Job]:
    return lambda: ProcessJob(command)


def _version(name: str, peers: Sequence[Peer]) -> str:
    for peer in peers:
        if peer.name == name:
            try:
                return peer.version()
            except Refused:
                return ""
    return ""


def _expected(task: Task) -> list[float] | None:
    """Return the numbers that all results have to match, computed by good list code."""
    if isinstance(task, Processes):
        return list(task.printed) if task.printed else None
    job: Job
    if isinstance(task, Training):
        job = ListsPeer().training(task)
    else:
        assert isinstance(task, Prediction)
        job = ListsPeer().prediction(task)
    job.reset()
    job.run(task.check_amount)
    return job.result()


def _check(
    task: Task, entry: Entry, expected: list[float] | None, plan: Plan, say: Say
) -> Sample | None:
    """Return what the check took, or None if it failed or its result is wrong."""
    row, job = entry
    if job.whole and plan.run_seconds and _sample(entry, task.amount, say) is None:
        return None
    sample = _sample(entry, task.check_amount, say)
    if sample is None:
        return None
    row.first_run = sample.cpu
    result = job.result()
    if expected is not None:
        row.tolerance = job.tolerance
        row.reason = trouble(row, expected, result)
        if row.reason:
            row.status = WRONG
            say(f"    {row.title}: WRONG, not measured: {row.reason}")
            return None
    return sample


def _sample(entry: Entry, amount: int, say: Say) -> Sample | None:
    """Return what one run from the start takes; None, with a reason in the row, if it fails."""
    row, job = entry
    try:
        job.reset()
        gc.collect()  # the previous run's garbage must not cost this one
        return job.measure(amount)
    except Refused as refused:
        row.status, row.reason = SKIPPED, str(refused)
        say(f"    {row.title}: skipped: {refused}")
    except Exception as error:  # of one implementation; the others are still measured
        _failed(row, error, say)
    return None


def _failed(row: Row, error: Exception, say: Say) -> None:
    row.status, row.reason = WRONG, f"failed with {type(error).__name__}: {error}"
    say(f"    {row.title}: WRONG, not measured: {row.reason}")


def trouble(row: Row, expected: list[float], result: list[float]) -> str:
    """Return what is wrong with a result, or ""; store the difference in its row."""
    if len(result) != len(expected):
        return f"has {len(result)} numbers, the reference {len(expected)}"
    row.difference = max(abs(a - b) for a, b in zip(result, expected))
    assert row.tolerance is not None
    if not row.difference <= row.tolerance:  # also when it is NaN
        allowed = f"at most {row.tolerance:.0e} is allowed"
        return f"differs from the reference by {row.difference:.2g}; {allowed}"
    return ""


def _amount(task: Task, entry: Entry, first: Sample, plan: Plan, say: Say) -> int:
    """Return how much to measure: all of the task, or as much as takes a reasonable time.

    Two runs of different lengths separate what is done once from what is done for each epoch. A
    part of a task is long enough if what is done once is less than a tenth of it.
    """
    limit, amount = plan.run_seconds, task.check_amount
    if entry.job.whole or task.amount <= amount:
        return task.amount
    if first.cpu > 5 * limit:
        return max(1, int(amount * limit / first.cpu))
    more = min(task.amount, amount * (2 if first.cpu > limit else 4))
    short, long = _sample(entry, amount, say), _sample(entry, more, say)
    if short is None or long is None:
        return 0
    each = (long.cpu - short.cpu) / (more - amount)
    if each <= 0.0:
        each = max(long.cpu, 1e-9) / more
    once = max(0.0, short.cpu - each * amount)
    longest = 5 * limit if isinstance(task, Training) else limit
    if once + each * task.amount <= longest:
        return task.amount
    return max(1, min(task.amount, int(max(limit - once, 9 * once) / each)))


def _one_time_work(task: Training, entry: Entry, amount: int, say: Say) -> None:
    """Fill in what is done once in a run, and what a unit costs without it.

    Both come from the fastest of the rounds and the fastest of some runs of `check_amount`.
    """
    row, few = entry.row, task.check_amount
    if row.cpu is None or amount < 4 * few:
        return
    samples = [_sample(entry, few, say) for _ in range(SHORT_RUNS)]
    short = min([sample.cpu for sample in samples if sample is not None], default=0.0)
    each = (min(row.cpu.samples) * amount * task.units - short) / (amount - few)
    if short > 0.0 and each > 0.0:
        row.once, row.each = max(0.0, short - each * few), each / task.units


def _warmed_up(task: Task, entry: Entry, amount: int, plan: Plan, say: Say) -> int:
    """Run until PyPy has had time to compile; return how much to measure then."""
    spent = 0.0
    while spent < WARM_UP_RUNS * plan.run_seconds:
        sample = _sample(entry, amount, say)
        if sample is None:
            return 0
        spent += sample.cpu
    again = _sample(entry, task.check_amount, say)
    return _amount(task, entry, again, plan, say) if again else 0


def _take_turns(task: Task, ready: list[tuple[Entry, int]], plan: Plan, say: Say) -> None:
    """Fill the rows from rounds in which each entry runs once; each round starts with another."""
    samples: list[list[Sample]] = [[] for _ in ready]
    spent = 0.0
    for number in range(plan.most_rounds):
        if number >= plan.least_rounds and spent > plan.task_seconds:
            break
        for k in range(len(ready)):
            turn = (k + number) % len(ready)
            entry, amount = ready[turn]
            enough = bool(samples[turn]) and samples[turn][-1].wall > 2 * plan.task_seconds
            if enough or entry.row.status != MEASURED:
                continue
            sample = _sample(entry, amount, say)
            if sample is not None:
                spent += sample.wall
                samples[turn].append(sample)
    for (entry, amount), taken in zip(ready, samples):
        if entry.row.status != MEASURED:
            continue
        _fill(task, entry, amount, taken)
        if amount < task.amount and isinstance(task, Training):
            entry.row.part = f"{amount:,} of {task.amount:,} epochs measured"


def _fill(task: Task, entry: Entry, amount: int, samples: list[Sample]) -> None:
    """Put samples of `amount` of work each into a row, per unit of work."""
    row, job = entry
    units = amount * task.units
    row.amount, row.note = amount, job.note
    row.cpu = Spread.of([sample.cpu / units for sample in samples])
    row.wall = Spread.of([sample.wall / units for sample in samples])


@contextmanager
def others_set_aside() -> Iterator[None]:
    """Hide all objects that exist now from the garbage collector.

    The collector stays on: the work that a job makes for it is the job's cost. But the job should
    not pay for all the other libraries that happen to be loaded in this process.
    """
    gc.collect()
    if not hasattr(gc, "freeze"):  # PyPy
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _subtract(result: TaskResult, name: str) -> None:
    """Subtract the median of one row from all others."""
    bare = result.row(name)
    if bare is None or bare.cpu is None or bare.wall is None:
        return
    cpu, wall = bare.cpu.median, bare.wall.median
    for row in result.rows:
        if row is not bare and row.cpu is not None and row.wall is not None:
            row.cpu = Spread.of([max(0.0, sample - cpu) for sample in row.cpu.samples])
            row.wall = Spread.of([max(0.0, sample - wall) for sample in row.wall.samples])


def _sizes(task: Sizes) -> list[Row]:
    rows = []
    for package in task.packages:
        row = Row(package.name, package.title)
        try:
            size = size_of(package)
        except Refused as refused:
            row.status, row.reason = SKIPPED, str(refused)
        else:
            row.cpu, row.note = Spread.of([float(size["bytes"])]), size["note"]
        rows.append(row)
    return rows
