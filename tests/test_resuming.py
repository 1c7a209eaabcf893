"""Trainings that are cut short and resumed: they end as if they had never stopped."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from resumable import RECIPES, numbers, table

import tinynn as nn
from tinynn.cli import main
from tinynn.engines.choice import runs_native
from tinynn.errors import EngineError, FormatError, SettingError
from tinynn.estimators.saving import to_dict
from tinynn.training import resuming
from tinynn.training.updates import Updates

ENGINES = ["auto", "lists", "unrolled", "packed", "loops", "native"]
ROOT = Path(nn.__file__).parent.parent


class CutError(BaseException):
    """Ends a training, as the end of its process would."""


class Cut(nn.Callback):
    """Raises an error at the beginning of an epoch, counted over the whole run."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_begin(self, trainer):
        if trainer.epoch == self.epoch:
            raise CutError


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    """Write after each epoch."""
    monkeypatch.setattr(resuming, "SECONDS", -1.0)
    monkeypatch.setattr(resuming, "SHARE", 1e9)


def can_run(recipe, engine):
    if engine == "native" and not runs_native():
        pytest.skip("native cannot run here")
    try:
        return RECIPES[recipe](engine)
    except EngineError:
        return None


def resumed(recipe, engine, path, cuts):
    """Return the numbers of a run that was cut at these epochs."""
    for cut in cuts:
        try:
            RECIPES[recipe](engine, path, [Cut(cut)])
        except CutError:
            continue
    return numbers(*RECIPES[recipe](engine, path))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_cut_at_any_epoch_ends_with_the_same_numbers(tmp_path, recipe, engine):
    whole = can_run(recipe, engine) if recipe != "tiny" or engine in ("auto", "unrolled") else None
    if whole is None:
        return  # the engine refuses this recipe, or does nothing particular with it
    rng = random.Random(f"{recipe} {engine}")
    first, second = sorted(rng.sample(range(1, whole[1].epochs + 1), 2))
    cuts = [first, second, second]  # the last one before anything was trained again
    path = tmp_path / "run.json"
    assert resumed(recipe, engine, path, cuts) == numbers(*whole)
    assert os.listdir(tmp_path) == [path.name]


def ends_after(writes, monkeypatch):
    """Let the process end after so many writes of the file of a run."""
    write, written = resuming.RunFile.write, []

    def writes_and_ends(self, *given):
        if len(written) < writes:
            written.append(write(self, *given))
        if len(written) == writes:
            raise CutError

    monkeypatch.setattr(resuming.RunFile, "write", writes_and_ends)


@pytest.mark.parametrize(
    "recipe, engine",
    [
        # Weights that outgrow the lanes of the file in the update it was written after.
        pytest.param("normalized", "packed"),
        *(
            pytest.param(recipe, engine, marks=pytest.mark.slow)
            for recipe in RECIPES
            for engine in ENGINES
            if recipe != "tiny" and (recipe, engine) != ("normalized", "packed")
        ),
    ],
)
def test_a_run_cut_after_any_write_ends_with_the_same_numbers(
    tmp_path, recipe, engine, monkeypatch
):
    whole = can_run(recipe, engine)
    if whole is None:
        return  # the engine refuses this recipe
    for writes in count(1):
        path = tmp_path / f"{writes}.json"
        with monkeypatch.context() as patch:
            ends_after(writes, patch)
            try:
                RECIPES[recipe](engine, path)
                break  # it has come to its end without so many writes
            except CutError:
                pass
        assert numbers(*RECIPES[recipe](engine, path)) == numbers(*whole), writes
    assert writes > 3


@pytest.mark.parametrize("recipe, engine", [("momentum", "packed"), ("whole_table", "lists")])
def test_without_the_state_of_the_engine_they_would_not(tmp_path, recipe, engine, monkeypatch):
    whole = can_run(recipe, engine)
    if whole is None:
        pytest.skip(f"{engine} cannot run here")
    monkeypatch.setattr(Updates, "resume_engine", lambda self: None)
    assert resumed(recipe, engine, tmp_path / "run.json", [8]) != numbers(*whole)


@pytest.mark.parametrize("left_out", ["best_loss", "counted_from", "best_state", "schedule"])
def test_without_the_state_of_early_stopping_or_a_schedule_they_would_not(
    tmp_path, monkeypatch, left_out
):
    whole = RECIPES["plateau"]("lists")
    if left_out == "schedule":
        restore = nn.schedules.ReduceOnPlateau.restore
        monkeypatch.setattr(
            nn.schedules.ReduceOnPlateau, "restore", lambda self, state: restore(self, {})
        )
    else:
        kinds = {**nn.EarlyStopping.remembers}
        del kinds[left_out]
        monkeypatch.setattr(nn.EarlyStopping, "remembers", kinds)
    cut = whole[1].best_epoch + 10
    assert resumed("plateau", "lists", tmp_path / "run.json", [cut]) != numbers(*whole)


def kills(recipe, engine, folder, times):
    """Kill a run so many times, and check that it always ends with the same numbers."""
    whole = can_run(recipe, engine)
    if whole is None:
        return
    wanted, rng, path = numbers(*whole), random.Random(f"{recipe} {engine}"), folder / "run.json"
    done = 0
    while done < times:
        result = run_until(recipe, engine, path, rng.uniform(0.0, 0.3))
        if result is None:
            done += 1
            if path.exists():
                nn.load(path)
                json.loads(path.read_text())
        else:
            assert result == wanted
            path.unlink()
    while result is None:
        result = run_until(recipe, engine, path, 600.0)
    assert result == wanted
    assert os.listdir(folder) == [path.name]


def run_until(recipe, engine, path, seconds):
    """Return the numbers of a process, or None if it was killed after so many seconds."""
    script = str(Path(__file__).with_name("resumable.py"))
    process = subprocess.Popen(
        [sys.executable, script, recipe, engine, str(path)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    with process:
        first = process.stdout.readline()
        if first != "begun\n":  # a finished run
            return first.strip()
        try:
            return process.communicate(timeout=seconds)[0].strip()
        except subprocess.TimeoutExpired:
            process.kill()
            return None


needs_signals = pytest.mark.skipif(os.name != "posix", reason="kills by POSIX signals")


@needs_signals
@pytest.mark.parametrize("engine", ENGINES)
def test_a_killed_process_can_be_resumed(tmp_path, engine):
    kills("momentum" if engine in ("auto", "packed") else "plateau", engine, tmp_path, 2)


@needs_signals
@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_process_killed_50_times_can_be_resumed(tmp_path, engine):
    recipes = [recipe for recipe in RECIPES if recipe != "tiny"]
    for recipe in recipes:
        folder = tmp_path / recipe
        folder.mkdir()
        kills(recipe, engine, folder, 50 // len(recipes))


# --- Estimators ---


def labelled(rows=60):
    rng = random.Random(5)
    X = [[rng.gauss(0.0, 1.0), rng.choice("abc"), rng.gauss(5.0, 2.0)] for _ in range(rows)]
    return X, ["yes" if x[0] + 0.3 * x[2] > 1.5 else "no" for x in X]


def chunks():
    X, y = labelled(200)
    return ((X[k : k + 50], y[k : k + 50]) for k in range(0, 200, 50))


def numbered():
    X, y = labelled()
    return X, [x[0] + (label == "yes") for x, label in zip(X, y)]


def new_classifier(**settings):
    settings = {"hidden_layer_sizes": (8,), "max_iter": 30, "random_state": 3, **settings}
    return nn.Classifier(**settings)


FITS = {
    "early stopping": lambda callbacks, **options: new_classifier(
        early_stopping=True, n_iter_no_change=5, dropout=0.1, callbacks=callbacks
    ).fit(*labelled(), **options),
    "convergence": lambda callbacks, **options: new_classifier(
        max_iter=200, tol=1e-3, n_iter_no_change=3, callbacks=callbacks, learning_rate_init=0.1
    ).fit(*labelled(), **options),
    "lbfgs": lambda callbacks, **options: new_classifier(
        solver="lbfgs", callbacks=callbacks
    ).fit(*labelled(), **options),
    "numbers": lambda callbacks, **options: nn.Regressor(
        (8,), learning_rate="plateau", max_iter=40, random_state=1, early_stopping="loss",
        callbacks=callbacks,
    ).fit(*numbered(), **options),
    "stream": lambda callbacks, **options: new_classifier(
        max_iter=12, batch_size=16, callbacks=callbacks
    ).fit_stream(chunks, buffer_rows=60, **options),
}  # fmt: skip


def all_of(estimator):
    """Return what training has made of an estimator."""
    found = to_dict(estimator)
    del found["history"]["seconds"], found["history"]["engine_reason"]
    return found, estimator.n_iter_, estimator.loss_, estimator.best_loss_, estimator.t_


@pytest.mark.filterwarnings("ignore::tinynn.ConvergenceWarning")
@pytest.mark.parametrize("name", FITS)
def test_an_estimator_that_is_cut_short_ends_as_if_it_had_never_stopped(tmp_path, name):
    path = tmp_path / "run.json"
    whole = FITS[name](())
    for cut in (2, whole.n_iter_ // 2, whole.n_iter_):
        with pytest.raises(CutError):
            FITS[name]([Cut(cut)], resume=path)
        half = nn.load(path)
        assert type(half) is type(whole) and half.n_iter_ == cut - 1
    assert all_of(FITS[name]((), resume=path)) == all_of(whole)
    # What is finished is only read.
    assert all_of(FITS[name]([Cut(1)], resume=path)) == all_of(whole)
    rows = labelled()[0]
    assert nn.load(path).predict(rows) == whole.predict(rows)


def test_a_resumed_estimator_keeps_a_seed_that_nobody_chose(tmp_path):
    path = tmp_path / "run.json"
    options = {"random_state": None, "early_stopping": True, "max_iter": 4}
    with pytest.warns(nn.ConvergenceWarning):
        first = new_classifier(**options).fit(*labelled(), resume=path)
        again = new_classifier(**options).fit(*labelled(), resume=path)
    assert all_of(first) == all_of(again)


# --- What is said ---


def say(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


@pytest.mark.filterwarnings("ignore::tinynn.ConvergenceWarning")
def test_what_is_said_about_files_of_other_runs(tmp_path):
    path = tmp_path / "run.json"
    model, _ = RECIPES["momentum"]("lists", path)
    X, T = table(37, 20)
    fit = partial(
        nn.fit, loss="bce", optimizer=nn.SGD(0.3, momentum=0.9, nesterov=True, weight_decay=1e-3),
        batch_size=8, epochs=60, resume=path,
    )  # fmt: skip
    mend = "; delete the file to start anew, or give another"
    other = model.state()
    assert say(SettingError, lambda: fit(model, X[1:], T[1:])) == (
        f"{path} holds a run that differs in rows and data, so it cannot go on here{mend}"
    )
    assert say(SettingError, lambda: fit(model, X, T, batch_size=4)) == (
        f"{path} holds a run that differs in batch_size, so it cannot go on here{mend}"
    )
    assert say(SettingError, lambda: fit(model, X, T, optimizer="adam")) == (
        f"{path} holds a run that differs in optimizer, so it cannot go on here{mend}"
    )
    assert say(SettingError, lambda: fit(model, X, T, engine="loops")) == (
        f"{path} holds a run of the engine lists, which goes on with that engine only, got "
        "engine='loops'; leave it to \"auto\""
    )
    small = nn.Sequential(nn.Dense(20, 1), nn.Sigmoid())
    assert say(SettingError, lambda: fit(small, X, T)) == (
        f"{path} holds a run of {model!r}, and this is {small!r}{mend}"
    )
    assert say(SettingError, lambda: fit(model, X, T, restart=True)) == (
        "restart=True forgets the training that resume is to go on with"
    )
    assert say(SettingError, lambda: nn.fit(small, iter([(X, T)]), epochs=1, resume=path)) == (
        "resume needs a table, or a function that returns a new iterator of batches for each "
        "epoch: an iterator cannot be read again"
    )
    model.save(path)
    assert say(FormatError, lambda: fit(model, X, T)) == (
        f"{path} holds no run: it was not written by a training with resume"
    )
    new_classifier(max_iter=300).fit(*labelled()).save(path)
    assert say(FormatError, lambda: fit(model, X, T)) == (
        f"{path} needs to hold the run of a network, got 'classifier'"
    )
    assert model.state() == other


# --- The command line ---


def skewed(path, rows=1100):
    rng = random.Random(1)
    lines = ["a,b,kind,y"]
    for _ in range(rows):
        a, b, kind = rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0), rng.choice("xyz")
        lines.append(f"{a:.3f},{b:.3f},{kind},{2.718 ** (2.0 * a + (kind == 'x')):.4f}")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize("stream", ["--no-stream", "--stream"])
def test_the_command_goes_on_with_every_stage(tmp_path, monkeypatch, capsys, stream):
    table = skewed(tmp_path / "t.csv")
    command = ["train", table, "--target", "y", "--epochs", "3", "--engine", "unrolled", stream]
    assert main([*command, "--out", str(tmp_path / "whole.json")]) == 0
    write, left = resuming.RunFile.write, []

    def cut(self, model, run):
        write(self, model, run)
        left.append(run)
        if len(left) % 3 == 0:  # three steps forward in each process
            raise CutError

    monkeypatch.setattr(resuming.RunFile, "write", cut)
    command += ["--out", str(tmp_path / "parts.json"), "--resume", str(tmp_path / "run")]
    for _ in range(20):
        try:
            code = main(command)
            break
        except CutError:
            continue
    assert code == 0 and len(left) > 5
    parts = capsys.readouterr().out
    stages = ["network"] if stream == "--stream" else ["all-rows-1", "logarithms", "network"]
    assert sorted(os.listdir(tmp_path / "run")) == [f"{stage}.json" for stage in stages]
    assert f"going on from {tmp_path / 'run' / 'network.json'}\n" in parts
    found, wanted = (
        json.loads((tmp_path / name).read_text()) for name in ("parts.json", "whole.json")
    )
    for content in (found, wanted):
        del content["history"]["seconds"]
    assert found == wanted


def test_the_search_is_not_made_again(tmp_path, capsys):
    table = skewed(tmp_path / "t.csv", rows=200)
    command = ["train", table, "--target", "y", "--epochs", "3", "--search", "--hidden", "4"]
    command += ["--resume", str(tmp_path / "run"), "--out", str(tmp_path / "m.json")]
    assert main(command) == 0
    first, model = capsys.readouterr().out, (tmp_path / "m.json").read_text()
    assert "cross-validated" in first
    assert main(command) == 0
    second = capsys.readouterr().out
    assert "cross-validated" not in second and "chosen before: hidden " in second
    assert (tmp_path / "m.json").read_text() == model
    assert main([*command, "--seed", "2"]) == 2
    path = tmp_path / "run" / "search.json"
    assert capsys.readouterr().err == (
        f"tinynn: {path} is of a command with other options; delete it to choose anew\n"
    )
    assert main([*command[:4], "--resume", table]) == 2
    assert f"--resume needs a folder, got the file {table}" in capsys.readouterr().err
