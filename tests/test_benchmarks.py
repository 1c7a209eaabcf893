"""The benchmarks measure what they say: wrong results are caught, absent peers named, tables right.

Those on handwritten digits are tested in test_digits.py.

No time that is measured here decides anything.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tinynn.engines.choice import runs_native

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # benchmarks is no part of the installed package

from benchmarks import command, environment, map as benchmark_map, measure, readme, tables  # noqa: E402
from benchmarks.jobs import FLOAT64, Job, Refused, Sample  # noqa: E402
from benchmarks.peers import all_peers  # noqa: E402
from benchmarks.peers.contract import Peer  # noqa: E402
from benchmarks.peers.lists_peer import ListsPeer, ListsTraining  # noqa: E402
from benchmarks.peers.numpy_peer import NumpyPeer  # noqa: E402
from benchmarks.peers.tinynn_peer import TinynnPeer, peers as tinynn_peers  # noqa: E402
from benchmarks.results import (  # noqa: E402
    MEASURED,
    SKIPPED,
    WRONG,
    Results,
    Row,
    Spread,
    TaskResult,
    from_json,
)
from benchmarks.tasks import TASKS  # noqa: E402
from benchmarks.tasks.kinds import Prediction, Processes, Training  # noqa: E402

BY_NAME = {task.name: task for task in TASKS}
SMALL = ("original", "xor", "sgd-2-4-1", "iris-16", "moons", "micrograd-demo", "predict-4-10-3")


@pytest.fixture(autouse=True)
def left_to_itself(monkeypatch):
    """Spare the tests the garbage collections before each measurement: no time decides anything."""
    monkeypatch.setattr(measure.gc, "collect", lambda: 0)


def tiny(name, peers):
    said = []
    return measure.run_task(BY_NAME[name], peers, measure.TINY, said.append), said


@pytest.mark.parametrize("name", SMALL)
def test_tinynn_numpy_and_lists_compute_the_same(name):
    result, _ = tiny(name, [*tinynn_peers(), ListsPeer(), NumpyPeer()])
    rows = {row.name: row for row in result.rows}
    assert rows["tinynn"].status == rows["lists"].status == MEASURED
    assert [row.reason for row in result.rows if row.status == WRONG] == []
    for row in result.rows:
        if row.status == MEASURED:
            assert row.difference <= row.tolerance
            assert row.cpu.median > 0.0


@pytest.mark.skipif(not runs_native(), reason="machine code cannot run here")
@pytest.mark.parametrize(
    "name", [task.name for task in TASKS if isinstance(task, (Training, Prediction))]
)
def test_native_is_measured_in_every_training_and_prediction(name):
    result, _ = tiny(name, [TinynnPeer("native")])
    (mine,) = result.rows
    assert (mine.name, mine.status, mine.reason) == ("tinynn-native", MEASURED, "")
    assert mine.tolerance == FLOAT64


class OneWeightOff(ListsTraining):
    """A planted bug: one bias is not trained."""

    def run(self, amount):
        kept = self.bs[0][0]
        super().run(amount)
        self.bs[0][0] = kept


class NotANumber(ListsTraining):
    def result(self):
        return [float("nan"), *super().result()[1:]]


class Crashing(ListsTraining):
    def run(self, amount):
        raise ZeroDivisionError("on purpose")


class OneTooFew(ListsTraining):
    def result(self):
        return super().result()[1:]


def planted(job):
    class Planted(Peer):
        name = title = "planted"

        def version(self):
            return ""

        def training(self, task):
            return job(task)

    return Planted()


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (OneWeightOff, "differs from the reference by "),
        (NotANumber, "differs from the reference by nan; at most 1e-09 is allowed"),
        (OneTooFew, "has 16 numbers, the reference 17"),
        (Crashing, "failed with ZeroDivisionError: on purpose"),
    ],
)
def test_a_wrong_implementation_is_caught_and_not_measured(job, reason):
    result, said = tiny("xor", [planted(job), ListsPeer()])
    wrong, right = result.rows
    assert wrong.status == WRONG
    assert wrong.cpu is None
    assert wrong.reason.startswith(reason)
    assert said == [f"    planted: WRONG, not measured: {wrong.reason}"]
    assert right.status == MEASURED
    assert Results("tiny", {}, [result]).wrong == [f"xor: planted: {wrong.reason}"]
    assert f"| planted | **WRONG**: {wrong.reason} |" in tables.task_table(result)


def test_an_implementation_that_goes_wrong_only_in_the_rounds_is_caught():
    class Tired(ListsTraining):
        runs = 0

        def run(self, amount):
            self.runs += 1
            if self.runs > 3:
                raise OverflowError("tired")
            super().run(amount)

    said = []
    plan = measure.Plan("test", 3, 3, 60.0, 1e-6)
    result = measure.run_task(BY_NAME["xor"], [planted(Tired), ListsPeer()], plan, said.append)
    assert result.rows[0].status == WRONG
    assert result.rows[0].cpu is None
    assert len(result.rows[1].cpu.samples) == 3


def test_all_take_turns_from_the_same_starting_weights():
    order = []

    def recorder(letter):
        class Recorded(ListsTraining):
            def reset(self):
                super().reset()
                order.append(letter)

        peer = planted(Recorded)
        peer.name = letter
        return peer

    plan = measure.Plan("test", 3, 3, 60.0, 1e-9)  # so short that nothing is run to see how long
    measure.run_task(BY_NAME["xor"], [recorder("a"), recorder("b")], plan, str)
    assert order == ["a", "b", *"ab", *"ba", *"ab"]


class Absent(Peer):
    name = "absent"
    title = "Absent"
    module = distribution = "no_such_module_anywhere"

    def training(self, task):
        return ListsTraining(self.load())


def test_absent_peers_are_skipped_loudly():
    result, said = tiny("xor", [Absent(), ListsPeer()])
    reason = "not installed (pip install no_such_module_anywhere)"
    assert [(row.status, row.reason) for row in result.rows] == [(SKIPPED, reason), (MEASURED, "")]
    assert said == [f"    Absent: skipped: {reason}"]
    assert f"| Absent | skipped: {reason} |" in tables.task_table(result)
    results = Results("tiny", environment.describe({}, "test"), [result])
    assert "Not available, so not measured: Absent." in tables.headline(results)
    with pytest.raises(Refused) as error:
        Absent().version()
    assert str(error.value) == reason


def test_a_peer_that_breaks_on_import_is_skipped_with_what_broke(tmp_path, monkeypatch):
    (tmp_path / "broken_peer_module.py").write_text("raise OSError('no such library')\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    class Broken(Absent):
        module = "broken_peer_module"

    result, _ = tiny("xor", [Broken()])
    assert result.rows[0].reason == "cannot be imported: OSError: no such library"


def test_peers_that_are_not_meant_for_a_task_get_no_row():
    onnxruntime = next(peer for peer in all_peers() if peer.name == "onnxruntime")
    result, said = tiny("xor", [onnxruntime])
    assert (result.rows, said) == ([], [])


def test_an_engine_that_refuses_is_skipped_with_its_own_words(monkeypatch):
    import tinynn

    def refusing(*arguments, **settings):
        raise tinynn.EngineError("the packed engine cannot be used: too small")

    monkeypatch.setattr(tinynn, "fit", refusing)
    result, _ = tiny("xor", [TinynnPeer("packed")])
    row = result.rows[0]
    assert (row.status, row.reason) == (SKIPPED, "the packed engine cannot be used: too small")


def test_a_process_is_run_and_its_output_checked():
    task = next(task for task in TASKS if task.name == "original-process")
    commands = tuple(c for c in task.commands if c.name == "tinynn-neuralnet")
    changed = Processes(task.name, task.title, unit="process", commands=commands, printed=(0.98,))
    result = measure.run_task(changed, [], measure.TINY, str)
    assert result.rows[0].reason == (
        "differs from the reference by 0.0098; at most 1e-08 is allowed"
    )


def test_data_and_weights_are_the_same_every_time():
    for task in TASKS:
        if isinstance(task, Training):
            assert task.start() == task.start()
            assert task.start()[0][0] is not task.start()[0][0]
            X, T = task.data()
            assert len(X) == len(T)
            assert (len(X[0]), len(T[0])) == (task.sizes[0], task.sizes[-1])
    zeros = [v == 0.0 for row in BY_NAME["784-30-10"].data().inputs for v in row]
    assert abs(sum(zeros) / len(zeros) - 0.81) < 0.02
    assert all(v != 0.0 for row in BY_NAME["784-30-10-dense"].data().inputs for v in row)


def test_what_slows_numpy_down_is_unset_and_everyone_gets_one_thread():
    variables = {
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENBLAS_L2_SIZE": "1",
        "TINYNN_ENGINE": "lists",
        "OMP_NUM_THREADS": "8",
        "MKL_NUM_THREADS": "1",
        "HOME": "/",
    }
    changed = environment.prepare(variables)
    assert variables == {"HOME": "/", **dict.fromkeys(environment.ONE_THREAD, "1")}
    assert changed == {
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENBLAS_L2_SIZE": "1",
        "TINYNN_ENGINE": "lists",
        "OMP_NUM_THREADS": "8",
        **{
            name: None
            for name in environment.ONE_THREAD
            if name not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
        },
    }
    assert environment.prepare(variables) == {}


def test_the_benchmarks_start_anew_once_if_numpy_was_there_first(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", sys)
    started = []
    monkeypatch.setattr(os, "execv", lambda path, words: started.append(words[1:]))
    monkeypatch.delenv("TINYNN_BENCHMARKS_RESTARTED", raising=False)
    changed = {"OPENBLAS_CORETYPE": "Prescott"}
    environment.restart_if_late(changed, ["--tiny"])
    assert started == [["-m", "benchmarks", "--tiny"]]
    assert environment.restart_if_late({}, ["--tiny"]) == changed  # the new process
    assert environment.restart_if_late({}, ["--tiny"]) == {}  # one that had nothing to change
    assert len(started) == 1


def test_the_command_is_noted_without_folders():
    words = ["--tiny", "--out", str(ROOT / "somewhere")]
    noted = environment.command_line("benchmarks", words)
    assert noted == "python3 -m benchmarks --tiny --out somewhere"


def row(name, title, *samples, **more):
    spread = Spread.of(list(samples)) if samples else None
    return Row(name, title, cpu=spread, wall=spread, **more)


def made_up():
    first = TaskResult("a", "Task A", "step", "time", "numpy", "", 10, ["A note."])
    first.rows = [
        row(
            "tinynn", "tinynn", 1e-6, 2e-6, 3e-6, note="unrolled", difference=2e-16, tolerance=1e-9
        ),
        row("lists", "good lists", 4.1e-6, difference=0.0, tolerance=1e-9, part="1 of 10 epochs"),
        row("numpy", "NumPy", 24e-6, difference=1e-12, tolerance=1e-9),
        row("torch", "PyTorch", status=SKIPPED, reason="not installed (pip install torch)"),
    ]
    second = TaskResult("b", "Task B", "call", "time", "numpy", "", 1)
    second.rows = [row("tinynn", "tinynn", 1.29e-3), row("numpy", "NumPy", 40e-6)]
    third = TaskResult("size", "Size", "installation", "size", "numpy", "", 1)
    third.rows = [
        Row("tinynn", "tinynn", cpu=Spread.of([434e3]), note="requires nothing"),
        Row("numpy", "NumPy", cpu=Spread.of([57.4e6])),
    ]
    about = {
        "date": "2024-01-02 03:04 UTC",
        "command": "python3 -m benchmarks",
        "interpreter": "CPython 3.11.7",
        "processor": "Some CPU",
        "system": "Linux 6.1",
        "versions": {"numpy": "1.26.0"},
    }
    return Results("quick", about, [first, second, third])


TASK_TABLE = """\
### Task A

| implementation | against NumPy | CPU time per step | middle half | wall time | \
off by at most | note |
|---|---|---|---|---|---|---|
| tinynn | 12× faster | 2.00 µs | 1.00 µs – 3.00 µs | 2.00 µs | 2e-16 of 1e-09 | unrolled |
| good lists | 5.9× faster | 4.10 µs | one sample | 4.10 µs | 0 | 1 of 10 epochs |
| NumPy | 1 | 24.0 µs | one sample | 24.0 µs | 1e-12 of 1e-09 |  |
| PyTorch | skipped: not installed (pip install torch) |  |  |  |  |  |

A note.
"""

HEADLINE = """\
| task | tinynn | than NumPy | than good lists |
|---|---|---|---|
| Task A | 2.00 µs per step, unrolled | 12× faster | 2.0× faster |
| Task B | 1.29 ms per call | **32× slower** | – |
| Size | 434 kB, requires nothing | 132× smaller | – |

Of 2 tasks measured with both, tinynn is faster than NumPy in 1 and slower in 1. Slower is in bold.

CPython 3.11.7, Some CPU, Linux 6.1, one thread each; numpy 1.26.0; 2024-01-02 03:04 UTC; \
`python3 -m benchmarks`. Not available, so not measured: PyTorch.
"""


def test_the_tables_are_as_they_should_be():
    results = made_up()
    assert tables.task_table(results.tasks[0]) == TASK_TABLE
    assert tables.headline(results) == HEADLINE
    report = tables.report(results)
    assert TASK_TABLE in report
    assert HEADLINE in report
    assert "- processor: Some CPU\n" in report


HEADLINE_WITH_NATIVE = """\
Pure Python, `engine="auto"`: behind the time is the engine that it chose.

| task | tinynn | than NumPy | than good lists |
|---|---|---|---|
| Task A | 2.00 µs per step, unrolled | 12× faster | 2.0× faster |
| Task B | 1.29 ms per call | **32× slower** | – |
| Size | 434 kB, requires nothing | 132× smaller | – |

Machine code that Python writes, `engine="native"`:

| task | tinynn native | than NumPy | than good lists | than pure tinynn |
|---|---|---|---|---|
| Task A | 200 ns per step | 120× faster | 20× faster | 10× faster |
| Task B | 41.0 µs per call | about equal | – | 31× faster |

Of 2 tasks measured with both, pure tinynn is faster than NumPy in 1 and slower in 1. Of 2 tasks \
measured with both, tinynn native is faster than NumPy in 1 and slower in 0. Slower is in bold.
"""


def with_native():
    results = made_up()
    results.tasks[0].rows.append(row("tinynn-native", "tinynn, native", 0.2e-6))
    results.tasks[1].rows.append(row("tinynn-native", "tinynn, native", 41e-6))
    return results


def test_native_has_a_table_of_its_own_below_the_pure_one():
    assert tables.headline(with_native()).startswith(HEADLINE_WITH_NATIVE)
    lines = tables.headline(with_native(), ("b", "size")).splitlines()
    assert [line for line in lines if line.startswith("| ") and "task" not in line] == [
        "| Task B | 1.29 ms per call | **32× slower** |",
        "| Size | 434 kB, requires nothing | 132× smaller |",
        "| Task B | 41.0 µs per call | about equal | 31× faster |",
    ]


def test_what_native_does_once_has_a_table(tmp_path):
    results = with_native()
    assert tables.one_time_work(results) == "Not measured yet.\n"
    results.tasks[0].row("tinynn-native").once = 0.0087
    results.tasks[0].row("tinynn-native").each = 0.1e-6
    text = tables.one_time_work(from_json(results.to_json()))
    assert text.startswith(
        "| training | once | then | NumPy |\n|---|---|---|---|\n"
        "| Task A | 8.70 ms | 100 ns per step | 24.0 µs per step |\n\nCPython 3.11.7, Some CPU, "
    )
    path = tmp_path / "README.md"
    markers = (readme.START, readme.END, readme.NATIVE_START, readme.NATIVE_END)
    path.write_text("\n".join(markers), encoding="utf-8")
    assert readme.update(path, results)
    assert f"{readme.NATIVE_START}\n\n{text}\n{readme.NATIVE_END}" in path.read_text("utf-8")


def test_one_time_work_is_what_a_short_run_and_a_longer_one_have_in_common():
    class Costly(ListsTraining):
        def measure(self, amount):
            self.run(amount)
            return Sample(0.5 + 0.01 * amount, 1.0)

    plan = measure.Plan("test", 1, 1, 1e-9, 1.0)
    peer = planted(Costly)
    peer.name = "tinynn-planted"
    result = measure.run_task(BY_NAME["iris-16"], [peer], plan, str)
    (costly,) = result.rows
    assert costly.once == pytest.approx(0.5)
    assert costly.each == pytest.approx(0.01 / 10)  # an epoch has 10 steps


def test_what_native_loses_is_bold_even_against_pure_tinynn():
    results = with_native()
    results.tasks[1].row("tinynn-native").cpu = Spread.of([2.6e-3])
    assert "| Task B | 2.60 ms per call | **65× slower** | – | **2.0× slower** |" in (
        tables.headline(results)
    )
    assert "tinynn native is faster than NumPy in 1 and slower in 1." in tables.headline(results)


def test_where_native_cannot_run_the_headline_says_why():
    results = made_up()
    for task in results.tasks[:2]:
        reason = "the native engine, set by engine='native', cannot be used: it is Monday"
        task.rows.append(row("tinynn-native", "tinynn, native", status=SKIPPED, reason=reason))
    lines = tables.headline(results).splitlines()
    assert lines[:7] == HEADLINE.splitlines()[:7]
    assert lines[8] == f"The native engine was not measured: {reason}."


def test_a_short_headline_counts_all_tasks():
    assert tables.headline(made_up(), ("b",)).splitlines()[:5] == [
        "| task | tinynn | than NumPy |",
        "|---|---|---|",
        "| Task B | 1.29 ms per call | **32× slower** |",
        "",
        "Of 2 tasks measured with both, tinynn is faster than NumPy in 1 and slower in 1. Slower "
        "is in bold.",
    ]


def test_the_front_page_shows_a_loss_and_both_readmes_have_the_newest_results():
    path = command.newest(command.KEPT)
    results = from_json(path.read_text(encoding="utf-8"), path.name)
    shown = tables.headline(results, readme.ON_FRONT_PAGE)
    measured = [task for task in results.tasks if task.name in readme.ON_FRONT_PAGE]
    native = [task for task in measured if task.row("tinynn-native")]
    rows = len(native) and len(native) + 1  # and the line of titles
    assert len(measured) == len(readme.ON_FRONT_PAGE) == 6
    assert ("\n" + shown).count("\n| ") == 7 + rows
    assert " slower**" in shown
    assert shown in readme.FRONT_PAGE.read_text(encoding="utf-8")
    page = readme.PAGE.read_text(encoding="utf-8")
    assert tables.headline(results) in page
    assert f"{readme.NATIVE_START}\n\n{tables.one_time_work(results)}" in page


def test_without_the_baseline_good_lists_are_it():
    task = made_up().tasks[0]
    task.rows = [row for row in task.rows if row.name != "numpy"]
    assert "| against good lists |" in tables.task_table(task)
    task.rows = task.rows[:1]
    assert "There are no ratios: the baseline, numpy, was not measured." in tables.task_table(task)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (12.4, "12× faster"),
        (1.06, "1.1× faster"),
        (1.04, "about equal"),
        (0.96, "about equal"),
        (0.5, "2.0× slower"),
        (1 / 1234, "1,234× slower"),
    ],
)
def test_ratios_in_words(ratio, words):
    assert tables.times(ratio) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.5e-9, "2.50 ns"),
        (99.96e-6, "100 µs"),
        (0.0123, "12.3 ms"),
        (1.0, "1.00 s"),
        (75, "75.0 s"),
    ],
)
def test_times_with_units(value, text):
    assert tables.seconds(value) == text


def test_the_median_and_the_quartiles():
    spread = Spread.of([5.0, 1.0, 2.0, 3.0, 4.0])
    assert (spread.low, spread.median, spread.high) == (2.0, 3.0, 4.0)
    assert spread.samples == [5.0, 1.0, 2.0, 3.0, 4.0]


def test_one_row_is_subtracted_from_the_others_and_has_no_ratio():
    task = TaskResult("import", "Import", "process", "time", "numpy", "bare", 1)
    task.rows = [row("bare", "bare", 2.0), row("tinynn", "tinynn", 3.0), row("numpy", "NumPy", 9.0)]
    measure._subtract(task, "bare")
    assert [r.cpu.median for r in task.rows] == [2.0, 1.0, 7.0]
    assert task.ratio("tinynn", "numpy") == 7.0
    assert task.ratio("bare", "numpy") is None


def test_results_come_back_from_json():
    results = made_up()
    again = from_json(results.to_json())
    assert again == results
    assert json.loads(results.to_json())["format"] == "tinynn benchmark results"
    with pytest.raises(ValueError) as error:
        from_json("{}", "x.json")
    assert str(error.value) == 'x.json needs to be JSON with "format": "tinynn benchmark results"'


def test_figures_of_another_run_are_taken_from_the_same_machine_only():
    mine, other = made_up(), made_up()
    mine.about["interpreter"] = "PyPy 7.3.11"
    for task in mine.tasks:
        task.rows = [row for row in task.rows if row.name != "numpy"]
    mine.take("numpy", other)
    assert mine.tasks[0].row("numpy").title == "NumPy (CPython 3.11.7)"
    assert round(mine.tasks[0].ratio("tinynn", "numpy"), 9) == 12.0
    other.about["processor"] = "Another CPU"
    with pytest.raises(ValueError) as error:
        mine.take("numpy", other)
    assert str(error.value) == (
        "figures for numpy need the processor 'Some CPU', got 'Another CPU'"
    )


def test_the_readme_gets_the_table_between_its_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"# Title\n\n{readme.START}\nold\n{readme.END}\n\nEnd.\n", encoding="utf-8")
    assert readme.update(path, made_up())
    assert path.read_text(encoding="utf-8") == (
        f"# Title\n\n{readme.START}\n\n{HEADLINE}\n{readme.END}\n\nEnd.\n"
    )
    assert not readme.update(path, made_up())


def test_a_readme_that_cannot_be_updated_stays_as_it_was(tmp_path):
    path = tmp_path / "README.md"
    with pytest.raises(ValueError) as error:
        readme.update(path, made_up())
    assert str(error.value) == (
        "README.md does not exist; create it with <!-- benchmark:start --> and "
        "<!-- benchmark:end --> in it"
    )
    path.write_text("# Title\n", encoding="utf-8")
    with pytest.raises(ValueError) as error:
        readme.update(path, made_up())
    assert str(error.value) == (
        "README.md needs the marker <!-- benchmark:start --> once, got it 0 times; put "
        "<!-- benchmark:start --> and <!-- benchmark:end -->, each on its own line, where the "
        "table should go"
    )
    with pytest.raises(ValueError, match="before <!-- benchmark:end -->, got them the other way"):
        readme.with_table(f"{readme.END}\n{readme.START}", "table")
    results = made_up()
    results.mode = "tiny"
    with pytest.raises(ValueError, match="got those of a tiny one"):
        readme.update(path, results)
    assert path.read_text(encoding="utf-8") == "# Title\n"


@pytest.fixture
def own_environment(monkeypatch):
    for name in environment.ONE_THREAD:
        monkeypatch.setenv(name, os.environ.get(name, "1"))


def test_the_command_runs_prints_and_writes(capsys, tmp_path, own_environment):
    words = ["--tiny", "--only", "xor", "--only", "size", "--peer", "tinynn*", "--peer", "lists"]
    assert command.main([*words, "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "### XOR 2-4-1, full batch of 4" in out
    written = sorted(tmp_path.iterdir())
    assert all(f"written: {path}\n" in err for path in written)
    assert [path.suffix for path in written] == [".json", ".md"]
    assert command.main([*words[:3], *words[5:], "--json"]) == 0
    content = capsys.readouterr().out
    assert from_json(content).tasks[0].name == "xor"
    assert str(ROOT) not in content


def in_the_clone():
    """Return what a run could have written: other tests have caches of their own there."""
    top = {path for path in ROOT.iterdir() if not path.name.startswith(".")}
    return top | {path for path in (ROOT / "benchmarks").rglob("*") if path.suffix != ".pyc"}


@pytest.mark.parametrize("program", [command, benchmark_map], ids=["benchmarks", "map"])
def test_a_complete_run_leaves_nothing_in_the_clone(
    program, capsys, tmp_path, monkeypatch, own_environment
):
    """A complete run, but of one task: its results go to the user's cache, and it says where."""
    pytest.importorskip("numpy")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "TASKS", [BY_NAME["xor"]])
    monkeypatch.setattr(command, "all_peers", lambda: [ListsPeer()])
    monkeypatch.setattr(benchmark_map, "grid", lambda tiny: [((2, 4, 1), 4)])
    monkeypatch.setattr(program, "QUICK", measure.TINY._replace(mode="quick"))
    before = in_the_clone()
    assert program.main([]) == 0
    assert in_the_clone() == before
    written = sorted((tmp_path / "cache" / "tinynn" / "benchmarks").iterdir())
    assert {".json", ".md"} <= {path.suffix for path in written}
    err = capsys.readouterr().err
    assert all(f"written: {path}\n" in err for path in written)


def test_without_a_home_results_go_to_the_temporary_directory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(command, "gettempdir", lambda: str(tmp_path))
    assert command.own_folder() == tmp_path / "tinynn-benchmarks"


def test_the_command_says_what_there_is(capsys):
    assert command.main(["--list"]) == 0
    out = capsys.readouterr().out
    assert out.split()[0] == "original"
    assert out.splitlines()[-1].startswith("implementations: tinynn, tinynn-lists, ")
    assert "tinynn-native, " in out and out.endswith(", onnxruntime\n")
    assert command.main(["--only", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("unknown task 'nothing'; available: original, xor")
    assert command.main(["--out", str(Path(__file__) / "folder")]) == 2  # and nothing is measured


def test_a_wrong_result_makes_the_command_fail(capsys, monkeypatch, own_environment):
    monkeypatch.setattr(command, "all_peers", lambda: [planted(NotANumber), ListsPeer()])
    assert command.main(["--tiny", "--only", "xor"]) == 1
    assert "WRONG: xor: planted: differs from the reference by nan" in capsys.readouterr().err


def test_the_newest_full_run_goes_into_the_readme(tmp_path):
    for stem in ("2024-01-01-00-00-cpython-3.11.7-full", "2024-01-03-00-00-cpython-3.11.7-quick"):
        (tmp_path / f"{stem}.json").write_text("{}")
    assert command.newest(tmp_path).name == "2024-01-01-00-00-cpython-3.11.7-full.json"
    with pytest.raises(ValueError) as error:
        command.newest(tmp_path / "none")
    assert str(error.value) == "there are no results in none; name a results file"


def test_a_map_is_not_taken_for_a_quick_run(tmp_path):
    names = ["2024-01-01-00-00-cpython-3.11.7-quick", "2024-01-03-00-00-cpython-3.11.7-map-quick"]
    for stem in names:
        (tmp_path / f"{stem}.json").write_text("{}")
    assert command.newest(tmp_path).stem == names[0]
    assert command.newest_of(tmp_path, "map-quick").stem == names[1]
    assert command.newest_of(tmp_path, "digits") is None


def test_the_map_runs_and_draws(capsys, tmp_path, own_environment):
    pytest.importorskip("numpy")
    assert benchmark_map.main(["--tiny", "--out", str(tmp_path)]) == 0
    assert "| 4-10-3 | 83 |" in capsys.readouterr().out
    written = {path.suffix: path for path in tmp_path.iterdir()}
    assert sorted(written) == [".json", ".md", ".svg"]
    assert written[".svg"].read_text(encoding="utf-8").startswith("<svg")


def test_a_map_of_one_engine_says_which(capsys, tmp_path, own_environment, monkeypatch):
    pytest.importorskip("numpy")
    monkeypatch.setattr(benchmark_map, "grid", lambda tiny: [((2, 4, 1), 4)])
    words = ["--tiny", "--engine", "unrolled", "--out", str(tmp_path)]
    assert benchmark_map.main(words) == 0
    written = {path.suffix: path for path in tmp_path.iterdir()}
    assert all(path.stem.endswith("-map-unrolled-tiny") for path in written.values())
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("tinynn unrolled against NumPy, ") and first.endswith("Slower in bold.")
    assert "tinynn unrolled or NumPy: " in written[".svg"].read_text(encoding="utf-8")
    content = from_json(written[".json"].read_text(encoding="utf-8"))
    assert content.about["engine"] == "unrolled"
    assert [row.name for row in content.tasks[0].rows] == ["tinynn-unrolled", "numpy"]


def test_a_map_of_an_engine_that_cannot_run_fails_and_says_why(
    capsys, own_environment, monkeypatch
):
    pytest.importorskip("numpy")
    monkeypatch.setattr(benchmark_map, "grid", lambda tiny: [((2, 4, 1), 4)])
    assert benchmark_map.main(["--tiny", "--engine", "packed"]) == 1  # 4 outputs are too few
    err = capsys.readouterr().err
    assert "tinynn, packed: skipped: the packed engine" in err
    assert "at least one cell measured with both tinynn packed and NumPy, got none" in err


def test_every_cell_of_natives_map_has_as_many_rows():
    small, wide = (2, 4, 1), (784, 128, 10)
    for sizes in (small, wide):
        task = benchmark_map.cell(sizes, 64, 1.0, "native")
        assert 20_000 <= task.amount * task.units < 20_064
    assert benchmark_map.cell(wide, 64, 1.0).amount == 1024 // 64
    results = Results("map-native", {"interpreter": "CPython 3.11.7", "engine": "native"}, [])
    assert benchmark_map.table(results).startswith(
        "tinynn native against NumPy, CPython 3.11.7, CPU time to train on a sample; no input 0; "
        "20,000 rows in each cell. Slower in bold.\n"
    )


def test_the_map_says_who_is_faster():
    tasks = []
    for name, ratio in (("2-4-1/1", 12.0), ("2-4-1/4", 0.25), ("4-10-3/1", 1.0)):
        task = TaskResult(name, name, "sample", "time", "numpy", "", 1)
        task.rows = [row("tinynn", "tinynn", 1.0, note="lists"), row("numpy", "NumPy", ratio)]
        tasks.append(task)
    results = Results("map", {"interpreter": "CPython 3.11.7", "density": 0.19}, tasks)
    assert benchmark_map.table(results).splitlines() == [
        "tinynn against NumPy, CPython 3.11.7, CPU time to train on a sample; 19% of the inputs "
        "not 0. Slower in bold; behind it the engine that ran.",
        "",
        "| network | parameters | batch 1 | batch 4 |",
        "|---|---|---|---|",
        "| 2-4-1 | 17 | 12× faster (lists) | **4.0× slower** (lists) |",
        "| 4-10-3 | 83 | about equal (lists) | – |",
    ]
    picture = benchmark_map.picture(results)
    assert "12×" in picture
    assert "1/4.0" in picture


def test_the_tolerance_of_a_plain_job_is_that_of_float64():
    assert Job.tolerance == FLOAT64
