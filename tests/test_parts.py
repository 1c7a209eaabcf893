"""Training on parts: compared with training on the whole table, with any executor, to the bit."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import pytest
from executor_tasks import (
    absent,
    deadly,
    rows_of,
    weighted_rows_of,
    wild,
    wrong_kind,
    wrong_width,
)
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.lesson.parameters import rows_of as listed
from tinynn.lesson.schedules import Exponential
from tinynn.training import parts as training_parts

PARTS = [partial(rows_of, k, 30 + 10 * k) for k in range(4)]


def network(*more):
    return nn.Sequential(nn.Dense(3, 5), nn.Tanh(), *more, nn.Dense(5, 1), seed=1)


def whole(parts=PARTS):
    X, T = [], []
    for part in parts:
        x, t = part()[:2]
        X += x
        T += t
    return X, T


def numbers(model):
    return {name: [x for row in listed(v) for x in row] for name, v in model.state().items()}


def close(a, b, tolerance=1e-9):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name] == pytest.approx(b[name], rel=tolerance, abs=tolerance)


# --- one part is what fit does ------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings_",
    [
        {},
        {"optimizer": "sgd", "shuffle": False, "batch_size": None},
        {"optimizer": nn.SGD(0.1, momentum=0.9), "clip_norm": 0.5, "seed": 7},
        {"optimizer": nn.RMSprop(Exponential(0.01, 0.95, per="step")), "batch_size": 7},
        {"optimizer": nn.Adam(nn.lesson.plateau.ReduceOnPlateau(0.01, patience=1))},
    ],
)
@pytest.mark.parametrize("engine", ["lists", "unrolled"])
def test_one_part_is_what_fit_does(settings_, engine):
    def made():  # unrolled has no layers that need the whole batch
        return network(*[nn.Dropout(0.3), nn.BatchNorm(5)][: 2 if engine == "lists" else 1])

    a, b = made(), made()
    found = nn.fit_parts(a, PARTS[:1], epochs=6, engine=engine, **settings_)
    wanted = nn.fit(b, *PARTS[0](), epochs=6, engine=engine, **settings_)
    assert a.state() == b.state()
    assert (found.loss, found.learning_rate) == (wanted.loss, wanted.learning_rate)
    assert a.training["memory"] == b.training["memory"]
    assert a.training["steps"] == b.training["steps"]
    assert (found.engine, found.stopped_by) == ("parts", "epochs")
    assert found.engine_reason == (
        f"the networks of the parts are averaged after each epoch; each is trained by {engine}"
    )
    # And on with it, there and here.
    nn.fit_parts(a, PARTS[:1], epochs=2, engine=engine, **settings_)
    nn.fit(b, *PARTS[0](), epochs=2, engine=engine, **settings_)
    assert a.state() == b.state()


def test_an_average_is_weighted_by_rows():
    model, singles = network(nn.BatchNorm(5)), []
    for k, part in enumerate(PARTS):
        one = network(nn.BatchNorm(5))
        nn.fit(one, *part(), epochs=1, seed=3 + k, optimizer="adam")
        singles.append(one)
    nn.fit_parts(model, PARTS, epochs=1, seed=3)
    shares = [30 / 180, 40 / 180, 50 / 180, 60 / 180]
    wanted = {}
    for name in model.state():
        columns = zip(*[numbers(one)[name] for one in singles])
        wanted[name] = [sum(s * x for s, x in zip(shares, column)) for column in columns]
    close(numbers(model), wanted, 1e-12)
    assert model.training["steps"] == 2  # of 32 rows at most in the largest part
    for slot in ("m", "v"):
        rows = [one.training["memory"]["0.W"][slot] for one in singles]
        mean = [sum(s * r[1][2] for s, r in zip(shares, rows))]
        assert [model.training["memory"]["0.W"][slot][1][2]] == pytest.approx(mean, rel=1e-12)


# --- steps from all rows ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings_",
    [
        {"optimizer": "adam"},
        {"optimizer": nn.SGD(0.1, momentum=0.9, weight_decay=0.01), "clip_norm": 0.2},
        {"optimizer": "rmsprop", "clip_value": 0.01},
        {"optimizer": "lbfgs"},
        {"optimizer": nn.LBFGS(weight_decay=0.1, decay_biases=False)},
    ],
)
def test_steps_are_those_of_the_whole_table(settings_):
    a, b = network(), network()
    found = nn.fit_parts(a, PARTS, average="step", epochs=12, **settings_)
    wanted = nn.fit(
        b, *whole(), batch_size=None, shuffle=False, epochs=12, engine="lists", **settings_
    )
    assert found.loss == pytest.approx(wanted.loss, rel=1e-9)
    close(numbers(a), numbers(b), 1e-7)
    assert found.stopped_by == wanted.stopped_by


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.booleans())
@settings(max_examples=15)
def test_a_gradient_is_the_same_however_the_table_is_cut(lengths, weighted):
    X, T = rows_of(9, sum(lengths))
    weights = [1.0 + i % 4 for i in range(len(X))] if weighted else None
    parts, start = [], 0
    for length in lengths:
        cut = slice(start, start + length)
        start += length
        given_ = (X[cut], T[cut], *([weights[cut]] if weights else []))
        parts.append(lambda given_=given_: given_)
    a, b = network(), network()
    nn.fit_parts(a, parts, average="step", epochs=1, optimizer=nn.SGD(0.5))
    nn.fit(b, X, T, sample_weight=weights, batch_size=None, epochs=1, optimizer=nn.SGD(0.5),
           shuffle=False, engine="lists")  # fmt: skip
    close(numbers(a), numbers(b), 1e-12)


# --- executors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
@pytest.mark.parametrize("average", ["epoch", "step"])
@pytest.mark.parametrize("keep", [0, 1, 9])
def test_any_executor_gives_the_same_bits(pool, average, keep):
    parts = [partial(weighted_rows_of, k) for k in range(5)]
    a, b = network(), network()
    held_out = rows_of(99)
    more = {"average": average, "epochs": 3, "keep": keep, "validation": held_out,
            "metrics": [nn.metrics.r2_score]}  # fmt: skip
    here = nn.fit_parts(a, parts, **more)
    with pool(2) as executor:
        there = nn.fit_parts(b, parts, executor=executor, **more)
    assert a.state() == b.state()
    assert (here.loss, here.validation_loss) == (there.loss, there.validation_loss)
    assert here.metrics == there.metrics and len(here.metrics["r2_score"]) == 3
    assert a.training == b.training
    assert not training_parts._loaded


def test_parts_are_read_once_if_they_are_kept():
    reads = []

    def part(k):
        reads.append(k)
        return rows_of(k)

    parts = [partial(part, k) for k in range(3)]
    nn.fit_parts(network(), parts, epochs=2, keep=3)
    assert reads == [0, 1, 2]
    nn.fit_parts(network(), parts, epochs=2, keep=1)
    assert reads == [0, 1, 2] * 3
    nn.fit_parts(network(), parts[:1], epochs=5, average="step")
    assert reads == [0, 1, 2] * 3 + [0]


def test_what_is_shared_has_neither_training_nor_rows():
    model = network()
    nn.fit(model, *rows_of(1), epochs=1, engine="lists")
    bare = training_parts._bare(model)
    assert bare.state() == model.state()
    assert bare.training == {} and model.training
    assert [len(layer.X) for layer in bare.layers] == [1, 1, 1]


def test_callbacks_stop_and_remember(tmp_path):
    stopping = nn.EarlyStopping(patience=2)
    model = network()
    found = nn.fit_parts(
        model, PARTS, epochs=50, optimizer=nn.SGD(3.0), callbacks=[stopping],
        validation=rows_of(99), loss_threshold=1e-9,
    )  # fmt: skip
    assert found.stopped_by == "early stopping" and found.epochs < 50
    X, T = rows_of(99)
    errors = [(y[0] - t[0]) ** 2 for y, t in zip(model.predict(X), T)]
    assert sum(errors) / len(errors) == pytest.approx(min(found.validation_loss))


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("average", ["epoch", "step"])
@pytest.mark.parametrize(
    ("part", "kind", "message"),
    [
        (absent, nn.WorkerError,
         "fit_parts, epoch 1, part 2 of 2: FileNotFoundError: [Errno 2] No such file or directory: "
         "'there is no such file'"),
        (wrong_width, nn.ShapeError,
         "fit_parts, epoch 1, part 2 of 2: inputs need 3 columns, got 2"),
        (wrong_kind, nn.DataError,
         "fit_parts, epoch 1, part 2 of 2: a part needs to return (inputs, targets) or (inputs, "
         "targets, sample weights), got [1.0]"),
    ],
)  # fmt: skip
def test_a_part_that_cannot_be_used_is_named(average, part, kind, message):
    model = network()
    before = model.state()
    with pytest.raises(kind) as caught:
        nn.fit_parts(model, [PARTS[0], part], average=average)
    assert str(caught.value) == message
    assert model.state() == before and model.training == {}
    assert not training_parts._loaded


@pytest.mark.parametrize(
    ("average", "what"),
    [
        ("epoch", "batch 1 leaves the finite numbers"),
        ("step", "the loss became inf"),
    ],
)
def test_divergence_names_the_part(average, what):
    model = network()
    before = model.state()
    with pytest.raises(nn.DivergenceError) as caught:
        nn.fit_parts(model, [PARTS[0], wild], average=average)
    assert str(caught.value) == (
        f"training diverged in epoch 1: part 2 of 2: {what}. The network is as it was after the "
        "last whole epoch; lower the learning rate, scale the inputs, or set clip_norm"
    )
    assert caught.value.epoch == 1
    assert caught.value.history.stopped_by == "divergence"
    assert model.state() == before


class Flaky:
    """A part that kills its worker when it is read for the third time."""

    def __init__(self, path):
        self.path = str(path)

    def __call__(self):
        with open(self.path, "a+") as file:
            file.write("x")
            if file.tell() == 3:
                deadly()
        return rows_of(5)


def test_a_dead_worker_leaves_the_last_whole_epoch(tmp_path):
    parts = [PARTS[0], Flaky(tmp_path / "reads")]
    a, b = network(), network()
    with ProcessPoolExecutor(2) as pool, pytest.raises(nn.WorkerError) as caught:
        nn.fit_parts(a, parts, epochs=5, executor=pool, keep=0)
    assert str(caught.value).startswith(
        "fit_parts: a worker of the executor died, or was shut down, while it ran "
    )
    assert "epoch 3, part 2 of 2" in str(caught.value)
    nn.fit_parts(b, [PARTS[0], partial(rows_of, 5)], epochs=2)
    assert a.state() == b.state()
    assert a.training["memory"] == b.training["memory"]
    # It can go on from there.
    nn.fit_parts(a, [PARTS[0], partial(rows_of, 5)], epochs=1)
    nn.fit_parts(b, [PARTS[0], partial(rows_of, 5)], epochs=1)
    assert a.state() == b.state()


@pytest.mark.parametrize("average", ["epoch", "step"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_run_goes_on_from_its_file(tmp_path, average, optimizer):
    if (average, optimizer) == ("epoch", "lbfgs"):
        pytest.skip("refused")
    path = tmp_path / "run.json"

    class Broken(nn.Callback):
        def after_epoch(self, trainer):
            if trainer.epoch == 3:
                trainer.save(path)
                raise RuntimeError("killed")

    more = {"average": average, "optimizer": optimizer}
    a, b, c = network(), network(), network()
    wanted = nn.fit_parts(a, PARTS, epochs=7, **more)
    with pytest.raises(RuntimeError):
        nn.fit_parts(b, PARTS, epochs=7, callbacks=[Broken()], resume=path, **more)
    found = nn.fit_parts(c, PARTS, epochs=7, resume=path, **more)
    assert a.state() == c.state()
    assert found.loss == wanted.loss
    assert a.training["steps"] == c.training["steps"]
    with pytest.raises(nn.SettingError, match="a run that differs in parts, so it cannot go on"):
        nn.fit_parts(network(), PARTS[:2], epochs=7, resume=path, **more)


def test_ctrl_c_keeps_the_last_whole_epoch():
    counted = []

    def interrupted():
        counted.append(1)
        if len(counted) == 3:
            raise KeyboardInterrupt
        return rows_of(5)

    a, b = network(), network()
    found = nn.fit_parts(a, [PARTS[0], interrupted], epochs=5, keep=0)
    assert (found.stopped_by, found.epochs) == ("interrupted", 2)
    nn.fit_parts(b, [PARTS[0], partial(rows_of, 5)], epochs=2)
    assert a.state() == b.state()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parts": []},
         "fit_parts needs parts to be a list of functions that return (inputs, targets), got []; "
         "functools.partial(read, path) makes one"),
        ({"parts": [PARTS[0], "b.csv"]},
         "fit_parts needs parts to be a list of functions that return (inputs, targets), got "
         "'b.csv'; functools.partial(read, path) makes one"),
        ({"average": "epochs"},
         "fit_parts needs average to be one of 'epoch', 'step', got 'epochs'; did you mean "
         "'epoch'?"),
        ({"optimizer": "lbfgs"},
         'fit_parts needs average="step" for LBFGS, which compares exact gradients'),
        ({"model": network(nn.Dropout(0.5)), "average": "step"},
         'average="step" needs a network that gives a row the same outputs each time, got '
         "Dropout(rate=0.5), which depends on chance or on the rest of the batch in training; "
         "leave it out, or use another average"),
        ({"metrics": [nn.metrics.r2_score]},
         "fit_parts needs validation=(inputs, targets) for metrics, got none"),
        ({"keep": -1}, "fit_parts needs keep to be a whole number, at least 0, got -1"),
        ({"batch_size": 0}, "fit_parts needs batch_size to be a whole number, at least 1, got 0"),
        ({"engine": "fast"},
         "an engine needs to be one of auto, lists, unrolled, packed, loops, native, got 'fast' "
         "(engine='fast')"),
        ({"executor": 3},
         "fit_parts needs executor to be a concurrent.futures.Executor or None, got 3; did you "
         "mean ProcessPoolExecutor(3)?"),
    ],
)  # fmt: skip
def test_messages(changes, message):
    arguments = {"model": network(), "parts": PARTS, **changes}
    with pytest.raises(nn.SettingError) as caught:
        nn.fit_parts(arguments.pop("model"), arguments.pop("parts"), **arguments)
    assert str(caught.value) == message
