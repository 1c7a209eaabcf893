"""The self-test: what it says where all is well, and that each of its checks sees a planted bug."""

from __future__ import annotations

import json
import math
import sys
import tempfile

import pytest

import tinynn as nn
from tinynn import activations, network, selftest
from tinynn.cli import main
from tinynn.engines.lists import ListsEngine
from tinynn.selftest import Wrong, check_near, outcome


@pytest.fixture(scope="module")
def whole_run():
    lines = []
    return selftest.run(lines.append, "1.2.3"), lines


def test_all_is_well_here_in_one_screen(whole_run):
    found, lines = whole_run
    assert found["ok"] and found["failed"] == []
    assert [check["check"] for check in found["checks"]] == [
        "original program", "worked example", "random numbers", "gradients", "optimizers", "iris",
        "files", "engine lists", "engine unrolled", "engine packed", "engine loops",
        "engine native",
    ]  # fmt: skip
    assert len(lines) <= 25 and max(map(len, lines)) <= 80
    assert lines[0].startswith(f"tinynn 1.2.3 on {found['interpreter']} {found['version']}")
    assert lines[1] == f"{found['platform']}, 64-bit floats"
    assert lines[3] == "ok      original program  0e+00  0.98977040 after 10000 iterations"
    assert lines[-1].startswith("12 checks, ") and lines[-1].endswith(" skipped, all others passed")


def test_exactness_and_speed_are_measured(whole_run):
    found, _ = whole_run
    off = {check["check"]: check["off"] for check in found["checks"] if check["state"] == "ok"}
    assert off["original program"] < 1e-12 and off["engine lists"] < 1e-12
    assert 0.0 < off["gradients"] < 1e-6 and 0.0 < off["engine unrolled"] < 1e-9
    assert set(found["speed"]) == {"original", "sample", "row"}
    assert all(0.0 < speed["microseconds"] < 1e8 for speed in found["speed"].values())
    pure = {*nn.engines.choice.ENGINES} - {"native"}
    assert {speed["by"] for speed in found["speed"].values()} <= pure
    native = "engine native" in off
    assert set(found["native_speed"]) == ({"original", "sample", "row"} if native else set())
    assert {speed["by"] for speed in found["native_speed"].values()} <= {"native"}
    assert json.loads(json.dumps(found)) == found


def test_natives_times_stand_behind_those_of_the_pure_engines(whole_run):
    found, _ = whole_run
    speed = {"original": {"microseconds": 1360.4, "by": "neural_net"}}
    native = {"original": {"microseconds": 987.64, "by": "native"}}
    lines = selftest.summary({**found, "speed": speed, "native_speed": native})
    assert lines[0] == (
        "     1.4 ms original program, 10,000 iterations (neural_net); native 987.6 µs"
    )
    assert len(lines[0]) <= 80
    lines = selftest.summary({**found, "speed": speed, "native_speed": {}})
    assert lines[0] == "     1.4 ms original program, 10,000 iterations (neural_net)"
    assert [selftest.duration(t) for t in (0.2345, 12.34, 1234.5)] == [
        "0.23 µs",
        "12.3 µs",
        "1.2 ms",
    ]


def test_a_look_at_this_interpreter(whole_run, monkeypatch):
    found, lines = whole_run
    assert found["has"]["math.sumprod"] == hasattr(math, "sumprod")
    assert found["has"]["array"] and found["has"]["threads"]
    monkeypatch.setattr("threading.Thread", raiser(RuntimeError("can't start new thread")))
    here = selftest.here()
    assert not here["has"]["threads"]
    summary = selftest.summary({**found, **here, "memory": 0.0})
    assert any(line.startswith("unavailable: ") and "threads" in line for line in summary)
    assert not any("memory" in line for line in summary)
    assert (found["memory"] > 1.0) == any(line.endswith("MB of memory") for line in lines)


# --- planted bugs: each check, what is broken, and what the check says ---


def raiser(error):
    def fails(*arguments, **settings):
        raise error

    return fails


def changed(function, by):
    """Return a function whose result is off by a factor."""

    def wrong(*arguments, **settings):
        result = function(*arguments, **settings)
        return [by * x for x in result] if isinstance(result, list) else by * result

    return wrong


def original():
    return selftest.original_program({})


def failure(check, name="it"):
    found = outcome(name, check)
    assert found["state"] == "FAILED" and found["off"] == 0.0 and found["check"] == name
    return found["text"]


def test_another_start_is_seen(monkeypatch):
    monkeypatch.setattr("tinynn.lesson.neural_net.numpy_legacy_stream", nn.rng.stream)
    assert failure(original) == (
        "weights of seed 1[0]: expected -0.165955990594852, got -0.7312715117751976"
    )


def test_a_sigmoid_that_is_off_is_seen(monkeypatch):
    monkeypatch.setattr("tinynn.lesson.neural_net.sigmoid", changed(activations.sigmoid, 1 + 1e-7))
    assert failure(original).startswith(
        "answer after 10[0]: expected 0.6598092104791048, got 0.659809214"
    )


def test_another_sigmoid_is_seen(monkeypatch):
    sigmoid = changed(activations.sigmoid, 1 + 1e-9)
    monkeypatch.setattr(nn.Sigmoid, "function", staticmethod(sigmoid))
    assert failure(selftest.worked_example).startswith(
        "first answer[0]: expected 0.7513650695523157, got 0.751365070"
    )


def test_other_random_numbers_are_seen(monkeypatch):
    monkeypatch.setattr(network, "stream", lambda seed: nn.rng.stream(seed + 1))
    assert failure(selftest.random_numbers).startswith(
        "weights of seed 1[0]: expected -0.8956210336414472, got "
    )


def test_a_wrong_derivative_is_seen(monkeypatch):
    wrong = changed(nn.Softplus.__dict__["derivative"].__func__, 1.00001)
    monkeypatch.setattr(nn.Softplus, "derivative", staticmethod(wrong))
    assert failure(selftest.gradients).startswith("Softplus, ")


def test_a_wrong_derivative_of_a_loss_is_seen(monkeypatch):
    monkeypatch.setattr(nn.Huber, "row_derivative", changed(nn.Huber.row_derivative, 1.00001))
    assert failure(selftest.gradients).startswith("huber, ")


@pytest.mark.parametrize("optimizer", [nn.SGD, nn.Adagrad, nn.RMSprop, nn.Adam, nn.AdamW])
def test_a_wrong_optimizer_is_seen(monkeypatch, optimizer):
    monkeypatch.setattr(optimizer, "update", changed(optimizer.update, 1 + 1e-9))
    assert failure(selftest.optimizers).startswith(f"{optimizer.name}[")


def test_training_that_learns_nothing_is_seen(monkeypatch):
    monkeypatch.setattr(selftest, "fit", lambda *arguments, **settings: None)
    assert failure(selftest.flowers) == "correct flowers: expected at least 27 of 30, got 10"


def test_files_that_lose_digits_are_seen(monkeypatch):
    def loaded(path):
        net = nn.network.load(path)
        net.layers[0].W[0][0] = float(f"{net.layers[0].W[0][0]:.9g}")
        return net

    monkeypatch.setattr(selftest, "load", loaded)
    assert failure(selftest.files).startswith("weights after loading[0]: expected ")


def test_half_a_file_that_is_taken_is_seen(monkeypatch):
    monkeypatch.setattr(selftest, "load", lambda path: selftest.flower_network())
    assert failure(selftest.files) == "half a file: expected a FormatError, got a network"


@pytest.mark.parametrize("broken", ["training", "prediction", "original"])
def test_a_wrong_engine_is_seen(monkeypatch, broken):
    class Engine(ListsEngine):
        def program(self, recipe, memory):
            if broken == "training" and len(recipe.network.layers) == 4:
                memory = {}  # forgets the momentum that there was
                recipe = recipe._replace(optimizer=nn.SGD(0.05))
            program = super().program(recipe, memory)
            if broken == "original" and len(recipe.network.layers) == 2:
                train = program.train
                program.train = lambda batches, rates, step: train(batches[1:], rates[1:], step)
            return program

        def predictor(self, network):
            predict = super().predictor(network)
            return changed(predict, 1 + 1e-8) if broken == "prediction" else predict

    monkeypatch.setattr(selftest, "ENGINES", {"lists": ListsEngine(), "new": Engine()})
    monkeypatch.setattr("tinynn.engines.choice.ENGINES", selftest.ENGINES)
    # The engines' own comparison with the lesson would see it first (tests/test_agreement.py).
    for check in ("disagreement", "prediction_disagreement"):
        monkeypatch.setattr(f"tinynn.engines.agreement.{check}", lambda *_: None)
    said = failure(lambda: selftest.engine("new", {}))
    assert said.startswith("weights[" if broken == "training" else "answer["), said


# --- what cannot be checked is skipped, with the reason ---


def test_no_file_system_is_no_failure(monkeypatch):
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", raiser(OSError("read-only file system")))
    found = outcome("files", selftest.files)
    assert (
        found["state"] == "skipped"
        and found["text"] == "files cannot be written here: read-only file system"
    )


def test_files_are_left_here_where_there_is_no_place_for_them(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "tempfile", None)
    assert selftest.temporary_path() == "tinynn-selftest.json"
    assert outcome("files", selftest.files)["state"] == "ok"
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_is_not_there_or_refuses_is_no_failure(monkeypatch):
    class Engine(ListsEngine):
        def refuses(self, recipe, batch_size):
            return "it is Monday"

    class Absent(dict):
        def __missing__(self, name):
            raise ImportError(name)

    monkeypatch.setattr(selftest, "ENGINES", Absent({"new": Engine()}))
    assert outcome("", lambda: selftest.engine("new", {}))["text"] == "it is Monday"
    assert outcome("", lambda: selftest.engine("old", {}))["text"] == "not in this build"


def test_floats_of_32_bits_are_not_held_against_differences(monkeypatch):
    monkeypatch.setattr(selftest, "EPSILON", 2.0**-23)
    assert outcome("", selftest.gradients)["text"] == "this check needs 64-bit floats"
    assert selftest.here()["float_bits"] == 32
    assert check_near("it", [1.0, 2.001], [1.0, 2.0]) == pytest.approx(0.001)
    with pytest.raises(Wrong):
        check_near("it", [1.01], [1.0])


@pytest.mark.parametrize("got", [[math.nan], [1.0, 2.0], [], [math.inf]])
def test_what_is_no_number_is_not_near(got):
    with pytest.raises(Wrong):
        check_near("it", got, [1.0])


# --- a failure, all the way ---


def test_a_failing_check_keeps_no_other_from_running(monkeypatch, capsys):
    monkeypatch.setattr(selftest, "gradients", raiser(ZeroDivisionError("float division by zero")))
    monkeypatch.setattr(selftest, "flowers", raiser(Wrong("flowers: " + "far " * 30)))
    monkeypatch.setattr(selftest, "ENGINES", {})
    assert main(["selftest"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "FAILED  gradients                expected no error, got ZeroDivisionError: " in "".join(
        lines
    )
    assert [line[:7].strip() for line in lines[3:10]] == ["ok"] * 3 + [
        "FAILED", "ok", "FAILED", "ok",
    ]  # fmt: skip
    assert lines[8].endswith("far far f…") and len(lines[8]) == 80
    assert lines[-1] == "7 checks, 0 skipped, 2 FAILED: gradients, iris"
    assert main(["selftest", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"] and found["failed"] == ["gradients", "iris"]
    assert found["checks"][5]["text"].count("far") == 30
    assert main(["selftest", "--quiet"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_the_optimizers_numbers_are_pytorchs():
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # in which NAdam keeps a number
    try:
        for name, reached in selftest.REACHED.items():
            if name == "lion":
                continue  # which PyTorch does not have
            w = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
            settings = {"momentum": 0.9} if name == "sgd" else {}
            kind = getattr(torch.optim, type(nn.optimizers.by_name(name)).__name__)
            optimizer = kind([w], lr=0.1, **settings)
            for _ in range(10):
                optimizer.zero_grad()
                (w[0] ** 2 + 3 * w[1] ** 2).backward()
                optimizer.step()
            assert reached == pytest.approx(w.tolist(), rel=1e-14, abs=1e-20)
    finally:
        torch.set_default_dtype(before)
