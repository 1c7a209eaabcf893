"""Training: the laws of going on, batches, streams, weights of samples, history, divergence."""

from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.engines.choice import runs_native
from tinynn.lesson.more_losses import Poisson
from tinynn.lesson.plateau import ReduceOnPlateau
from tinynn.lesson.schedules import Cosine, Exponential, InverseScaling, Step
from tinynn.training.batches import BatchStream, TableBatches, epoch_batches

ROOT = Path(__file__).resolve().parent.parent
X = [[math.sin(3.0 * i), math.cos(5.0 * i)] for i in range(11)]
T = [[0.5 + 0.4 * a * b] for a, b in X]

OPTIMIZERS = [
    nn.SGD(0.1),
    nn.SGD(0.1, momentum=0.9, dampening=0.2, weight_decay=0.01),
    nn.SGD(0.1, momentum=0.9, nesterov=True),
    nn.Adagrad(0.1, lr_decay=0.1),
    nn.RMSprop(0.01, centered=True, momentum=0.5),
    nn.Adam(0.02),
    nn.Adam(0.02, amsgrad=True, weight_decay=0.01),
    nn.AdamW(0.02),
]
SCHEDULES = [
    Step(0.2, step_size=3, gamma=0.5),
    Exponential(0.2, gamma=0.9, per="step"),
    Cosine(0.2, length=9, warmup=2),
    Cosine(0.2, length=30, per="step"),
    InverseScaling(0.2),
    ReduceOnPlateau(0.2, patience=0, threshold=0.2, factor=0.7),
]


@pytest.fixture(autouse=True)
def lists_unless_told_otherwise(monkeypatch):
    """The definition is tested, or the engine that TINYNN_ENGINE names."""
    monkeypatch.setenv("TINYNN_ENGINE", os.environ.get("TINYNN_ENGINE", "lists"))


def network(seed=1, noisy=False):
    layers = [nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 1), nn.Sigmoid()]
    if noisy:
        layers[2:2] = [nn.BatchNorm(), nn.Dropout(0.3)]
    return nn.Sequential(*layers, seed=seed)


def everything(model):
    """Return copies of all that training changes."""
    training = {key: value for key, value in model.training.items() if key != "run"}
    return copy.deepcopy((model.state(), training))


def close(model, other, tolerance=1e-12):
    """Return whether two networks have the same numbers but for rounding."""
    return all(
        row == pytest.approx(wanted, rel=tolerance, abs=tolerance)
        for one, two in zip(model.parameters(), other.parameters())
        for row, wanted in zip(one.rows(), two.rows())
    )


# --- training twice is training once for twice as long ---


@pytest.mark.parametrize("noisy", [False, True], ids=["plain", "noisy"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_twice_is_once_for_twice_as_long(optimizer, noisy):
    options = {"optimizer": optimizer, "batch_size": 4, "seed": 3}
    once, twice = network(noisy=noisy), network(noisy=noisy)
    history = nn.fit(once, X, T, epochs=7, **options)
    first = nn.fit(twice, X, T, epochs=3, **options)
    second = nn.fit(twice, X, T, epochs=4, **options)
    assert everything(twice) == everything(once)
    assert first.loss + second.loss == history.loss
    assert twice.training["epochs"] == 7 and twice.training["steps"] == 21


@pytest.mark.parametrize("size", [None, 4])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_schedules_go_on_too(schedule, size):
    options = {"optimizer": nn.SGD(schedule, momentum=0.5), "batch_size": size}
    once, twice, thrice = network(), network(), network()
    history = nn.fit(once, X, T, epochs=10, **options)
    rates = nn.fit(twice, X, T, epochs=4, **options).learning_rate
    rates += nn.fit(twice, X, T, epochs=6, **options).learning_rate
    assert everything(twice) == everything(once)
    assert rates == history.learning_rate
    for _ in range(10):
        nn.fit(thrice, X, T, epochs=1, **options)
    assert everything(thrice) == everything(once)
    assert len(set(rates)) > 2


@pytest.mark.parametrize("schedule", [0.05, SCHEDULES[-1]], ids=repr)
def test_a_saved_network_goes_on_as_if_it_had_never_stopped(tmp_path, schedule):
    options = {"optimizer": nn.Adam(schedule), "batch_size": 4, "seed": 5}
    once, saved = network(noisy=True), network(noisy=True)
    nn.fit(once, X, T, epochs=8, **options)
    nn.fit(saved, X, T, epochs=3, **options)
    saved.save(tmp_path / "model.json", training=True)
    loaded = nn.load(tmp_path / "model.json")
    assert everything(loaded) == everything(saved)
    nn.fit(loaded, X, T, epochs=5, **options)
    assert everything(loaded) == everything(once)


def test_a_network_saved_without_its_training_starts_anew(tmp_path):
    model = network()
    nn.fit(model, X, T, epochs=3)
    model.save(tmp_path / "model.json")
    loaded = nn.load(tmp_path / "model.json")
    assert loaded.training == {}
    nn.fit(loaded, X, T, epochs=3)
    nn.fit(model, X, T, epochs=3, restart=True)
    assert everything(loaded) == everything(model)


def test_a_checkpoint_goes_on_in_another_process(tmp_path):
    path = tmp_path / "model.json"
    schedule = ReduceOnPlateau(0.1, patience=0, threshold=0.3)
    options = {"optimizer": nn.RMSprop(schedule, momentum=0.5), "batch_size": 4, "seed": 2}
    once, model = network(noisy=True), network(noisy=True)
    nn.fit(once, X, T, epochs=7, **options)
    nn.fit(model, X, T, epochs=3, callbacks=[nn.Checkpoint(path)], **options)
    code = """if True:
        import json, sys
        import tinynn as nn
        from tinynn.lesson.schedules import ReduceOnPlateau
        path, X, T = json.loads(sys.argv[1])
        model = nn.load(path)
        schedule = ReduceOnPlateau(0.1, patience=0, threshold=0.3)
        nn.fit(model, X, T, epochs=4, optimizer=nn.RMSprop(schedule, momentum=0.5), batch_size=4,
               seed=2, callbacks=[nn.Checkpoint(path)])
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", code, json.dumps([str(path), X, T])]
    subprocess.run(command, check=True, env=environment)
    assert everything(nn.load(path)) == everything(once)


def test_restart_forgets_the_memory_but_not_the_weights():
    options = {"optimizer": nn.Adam(SCHEDULES[-1]), "batch_size": 4}
    model = network()
    nn.fit(model, X, T, epochs=5, **options)
    fresh = network()
    fresh.restore(model.state())
    nn.fit(model, X, T, epochs=4, restart=True, **options)
    nn.fit(fresh, X, T, epochs=4, **options)
    assert everything(model) == everything(fresh)


def test_another_optimizer_starts_with_a_memory_of_its_own():
    model = network()
    nn.fit(model, X, T, epochs=2, optimizer=nn.Adam(0.02))
    nn.fit(model, X, T, epochs=2, optimizer=nn.Adam(0.03))
    assert model.training["epochs"] == 2
    nn.fit(model, X, T, epochs=2, optimizer=nn.Adam(0.03))
    assert model.training["epochs"] == 4
    nn.fit(model, X, T, epochs=2, optimizer="sgd")
    assert model.training["epochs"] == 2 and set(model.training["memory"]["0.W"]) == set()


def test_data_of_different_sizes_one_after_the_other():
    model = network()
    nn.fit(model, X, T, epochs=2, batch_size=4)
    nn.fit(model, X[:1], T[:1], epochs=3, batch_size=4)
    nn.fit(model, X * 2, T * 2, epochs=1, batch_size=4)
    assert (model.training["epochs"], model.training["steps"]) == (6, 6 + 3 + 6)


def test_one_schedule_can_serve_trainings_that_take_turns():
    optimizer = nn.SGD(ReduceOnPlateau(0.2, patience=0, threshold=0.2))
    before = repr(optimizer), optimizer.learning_rate.state()
    alone, one, other = network(1), network(1), network(2)
    nn.fit(alone, X, T, epochs=6, optimizer=optimizer)
    for _ in range(6):
        nn.fit(one, X, T, epochs=1, optimizer=optimizer)
        nn.fit(other, X[:3], T[:3], epochs=1, optimizer=optimizer)
    assert everything(one) == everything(alone)
    assert (repr(optimizer), optimizer.learning_rate.state()) == before


# --- the same whatever looks on ---


class Onlooker(nn.Callback):
    def on_batch_end(self, trainer):
        pass


@pytest.mark.parametrize("size", [None, 1, 4, 11, 50])
@pytest.mark.parametrize(
    "options",
    [
        {"callbacks": [Onlooker()]}, {"validation": (X[:3], T[:3])}, {"time_budget": 1e6},
        {"loss_threshold": -1.0}, {"metrics": {"n": lambda t, y: 0.0}},
    ],
    ids=lambda options: next(iter(options)),
)  # fmt: skip
def test_looking_on_changes_nothing(size, options):
    optimizer = nn.Adam(Exponential(0.05, gamma=0.99))
    plain, watched = network(), network()
    history = nn.fit(plain, X, T, epochs=40, batch_size=size, optimizer=optimizer)
    other = nn.fit(watched, X, T, epochs=40, batch_size=size, optimizer=optimizer, **options)
    assert everything(watched) == everything(plain)
    assert other.loss == history.loss
    assert other.learning_rate == history.learning_rate
    assert history.learning_rate == pytest.approx([0.05 * 0.99**k for k in range(40)])


def test_a_rate_per_step_is_recorded_as_it_was_at_the_end_of_each_epoch():
    history = nn.fit(
        network(), X, T, epochs=9, batch_size=4,
        optimizer=nn.SGD(Exponential(0.1, gamma=0.9, per="step")),
    )  # fmt: skip
    assert history.learning_rate == pytest.approx([0.1 * 0.9 ** (3 * k + 2) for k in range(9)])


def test_the_history_of_many_epochs_is_whole():
    history = nn.fit(network(), X, T, epochs=500, batch_size=None)
    assert history.epochs == len(history.loss) == len(history.seconds) == 500
    assert len(history.learning_rate) == 500
    assert history.seconds == sorted(history.seconds)
    assert (history.stopped_by, history.engine) == ("epochs", os.environ["TINYNN_ENGINE"])
    assert history.best_epoch == history.loss.index(min(history.loss)) + 1
    loss = f"{history.loss[-1]:.6g}"
    assert repr(history) == (
        f"<History: 500 epochs, loss {loss}; stopped by epochs; engine {history.engine}>"
    )


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows():
    seen = []

    class Note(nn.Callback):
        def on_batch_end(self, trainer):
            seen.append(trainer.batch_loss)

    history = nn.fit(network(), X, T, epochs=1, batch_size=4, callbacks=[Note()])
    assert len(seen) == 3
    assert history.loss == [pytest.approx((4 * seen[0] + 4 * seen[1] + 3 * seen[2]) / 11)]


def test_a_nan_is_never_the_best_epoch():
    history = nn.History()
    history.loss = [3.0, 2.0, 5.0]
    assert history.best_epoch == 2
    history.validation_loss = [math.nan, 4.0, math.inf]
    assert history.best_epoch == 2
    assert nn.History().best_epoch == 0


# --- batches and shuffling ---


@given(
    st.integers(1, 60), st.one_of(st.none(), st.integers(1, 70)), st.booleans(),
    st.integers(0, 5), st.integers(0, 5),
)  # fmt: skip
def test_each_epoch_shows_every_row_once(samples, size, shuffle, seed, epoch):
    batches = epoch_batches(samples, size, shuffle, seed, epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(samples))
    size = min(size or samples, samples)
    assert all(len(batch) == size for batch in batches[:-1])
    plan = TableBatches(samples, size, shuffle, seed)
    assert plan.per_epoch == len(batches)
    assert plan.smallest == min(map(len, batches)) == len(batches[-1])
    assert list(plan.batches(epoch, 1)) == epoch_batches(samples, size, shuffle, seed, epoch)
    assert list(plan.batches(epoch, 3)) == [
        batch for k in range(3) for batch in epoch_batches(samples, size, shuffle, seed, epoch + k)
    ]
    if not shuffle or len(batches) == 1:
        assert [i for batch in batches for i in batch] == list(range(samples))
    assert batches == epoch_batches(samples, size, shuffle, seed, epoch)


def test_orders_differ_by_epoch_and_seed():
    orders = {
        tuple(i for batch in epoch_batches(30, 7, True, seed, epoch) for i in batch)
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


def test_shuffling_is_fair():
    """Each row comes first about as often: 50 times of 500, five standard deviations are 34."""
    first = [epoch_batches(10, 3, True, 0, epoch)[0][0] for epoch in range(500)]
    assert all(16 <= first.count(i) <= 84 for i in range(10))


def test_the_global_random_stream_is_left_alone():
    import random

    state = random.getstate()
    nn.fit(network(noisy=True), X, T, epochs=3, batch_size=4, validation_split=0.3)
    assert random.getstate() == state


def test_the_seed_decides_the_order_and_the_noise():
    def trained(seed, noisy, **options):
        model = network(noisy=noisy)
        nn.fit(model, X, T, epochs=3, seed=seed, **{"batch_size": 4, **options})
        return model.state()

    assert trained(0, False) == trained(0, False) != trained(1, False)
    assert trained(0, False, shuffle=False) == trained(1, False, shuffle=False)
    assert trained(0, True, batch_size=None) != trained(1, True, batch_size=None)


def test_each_epoch_has_noise_of_its_own():
    masks = []

    class Watched(nn.Dropout):
        def forward(self, X, training=False):
            Y = super().forward(X, training)
            if training:
                masks.append(tuple(map(tuple, self.factors)))
            return Y

    model = nn.Sequential(Watched(0.5), nn.Dense(2, 1))
    nn.fit(model, X, T, epochs=6, batch_size=6)
    assert len(masks) == len(set(masks)) == 12


# --- validation ---


def test_validation_loss_is_measured_after_each_epoch():
    apart = X[:4], T[:4]
    losses = []

    class Note(nn.Callback):
        def on_epoch_end(self, trainer):
            losses.append(nn.MeanSquaredError()(trainer.model.predict(apart[0]), apart[1]))

    history = nn.fit(network(), X, T, epochs=5, validation=apart, callbacks=[Note()])
    assert history.validation_loss == pytest.approx(losses, rel=1e-12)
    assert history.monitored is history.validation_loss
    weighted = nn.fit(
        network(), X, T, epochs=1, validation=(*apart, [1.0, 0.0, 0.0, 0.0])
    ).validation_loss
    alone = nn.fit(network(), X, T, epochs=1, validation=(X[:1], T[:1])).validation_loss
    assert weighted == pytest.approx(alone)


def test_a_share_of_the_rows_is_set_apart_with_its_weights():
    rows = [[float(i)] for i in range(40)]
    weights = [float(i + 1) for i in range(40)]
    trainer = nn.Trainer(nn.Sequential(nn.Dense(1, 1)), optimizer=nn.SGD(1e-5), seed=4)
    trainer.fit(rows, rows, epochs=1, validation_split=0.25, sample_weight=weights)
    kept, apart = trainer.data, trainer.validation
    assert (len(kept.X), len(apart.X)) == (30, 10)
    assert sorted(kept.X + apart.X) == rows
    assert sorted(kept.X) == kept.X and sorted(apart.X) == apart.X
    for data in (kept, apart):
        assert data.T == data.X
        assert data.weights == [x + 1.0 for (x,) in data.X]
    assert apart.X != rows[-10:] != rows[:10]
    again = nn.Trainer(nn.Sequential(nn.Dense(1, 1)), optimizer=nn.SGD(1e-5), seed=4)
    again.fit(rows, rows, epochs=1, validation_split=0.25)
    assert again.validation.X == apart.X


def test_metrics_are_measured_on_the_validation_data_else_on_the_training_data():
    def rows(t, y):
        assert len(t) == len(y)
        return float(len(t))

    history = nn.fit(network(), X, T, epochs=2, metrics=[rows])
    assert history.metrics == {"rows": [11.0, 11.0]}
    history = nn.fit(network(), X, T, epochs=2, metrics={"count": rows}, validation=(X[:3], T[:3]))
    assert history.metrics == {"count": [3.0, 3.0]}


# --- weights of samples and classes ---


@given(st.lists(st.integers(0, 3), min_size=11, max_size=11).filter(any))
@settings(max_examples=15)
def test_a_whole_weight_counts_a_row_so_often(weights):
    weighted, repeated = network(), network()
    options = {"epochs": 5, "batch_size": None, "optimizer": nn.SGD(0.5, momentum=0.5)}
    one = nn.fit(weighted, X, T, sample_weight=weights, **options)
    rows = [i for i, n in enumerate(weights) for _ in range(n)]
    two = nn.fit(repeated, [X[i] for i in rows], [T[i] for i in rows], **options)
    assert close(weighted, repeated)
    assert one.loss == pytest.approx(two.loss)


def test_equal_weights_are_no_weights_and_their_scale_does_not_matter():
    plain, equal, scaled = network(), network(), network()
    varied = [1.0, 2.0, 3.0, 1.0, 0.5, 0.0, 2.0, 1.0, 1.0, 4.0, 2.5]
    nn.fit(plain, X, T, epochs=4, batch_size=4)
    nn.fit(equal, X, T, epochs=4, batch_size=4, sample_weight=[7] * 11)
    assert close(plain, equal)
    nn.fit(equal, X, T, epochs=4, batch_size=4, sample_weight=varied, restart=True)
    nn.fit(scaled, X, T, epochs=4, batch_size=4)
    nn.fit(scaled, X, T, epochs=4, batch_size=4, sample_weight=[64 * w for w in varied],
           restart=True)  # fmt: skip
    assert close(equal, scaled, 1e-9)


def test_a_batch_whose_weights_are_all_zero_does_not_count():
    history = nn.fit(
        network(), X[:4], T[:4], epochs=3, batch_size=2, shuffle=False,
        sample_weight=[0, 0, 1, 2], optimizer=nn.SGD(0.1),
    )  # fmt: skip
    alone = nn.fit(
        network(), X[2:4], T[2:4], epochs=3, batch_size=2, shuffle=False, sample_weight=[1, 2],
        optimizer=nn.SGD(0.1),
    )  # fmt: skip
    assert history.loss == pytest.approx(alone.loss)


def test_class_weights_are_sample_weights():
    labels = [0, 2, 1, 0, 2, 2, 0, 1, 2, 0, 0]

    def trained(**options):
        model = nn.Sequential(nn.Dense(2, 3), nn.Softmax(), seed=1)
        nn.fit(model, X, labels, loss="ce", epochs=3, batch_size=4, **options)
        return model

    by_class = trained(class_weight={0: 1.0, 1: 3.0, 2: 0.5})
    table = {0: 1.0, 1: 3.0, 2: 0.5}
    assert close(by_class, trained(sample_weight=[table[k] for k in labels]))
    balanced = [11 / (3 * labels.count(k)) for k in labels]
    assert close(trained(class_weight="balanced"), trained(sample_weight=balanced))
    both = trained(class_weight={1: 2.0}, sample_weight=[1.0 + k for k in range(11)])
    product = [(1.0 + i) * (2.0 if k == 1 else 1.0) for i, k in enumerate(labels)]
    assert close(both, trained(sample_weight=product))
    assert not close(by_class, trained())


def test_class_weights_of_one_output_are_of_the_classes_0_and_1():
    labels = [1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]

    def trained(**options):
        model = nn.Sequential(nn.Dense(2, 1), nn.Sigmoid(), seed=1)
        nn.fit(model, X, labels, loss="bce", epochs=3, **options)
        return model

    balanced = [11 / (2 * labels.count(k)) for k in labels]
    assert close(trained(class_weight="balanced"), trained(sample_weight=balanced))


# --- streams ---


def in_batches(size, weights=None):
    cuts = range(0, len(X), size)
    if weights:
        return [(X[i : i + size], T[i : i + size], weights[i : i + size]) for i in cuts]
    return [(X[i : i + size], T[i : i + size]) for i in cuts]


@pytest.mark.parametrize("weights", [None, [float(i % 3) + 0.5 for i in range(11)]])
@pytest.mark.parametrize("kind", ["list", "tuple", "function", "generator function"])
def test_a_stream_is_the_same_as_a_table_in_order(kind, weights):
    batches = in_batches(4, weights)
    opened = []

    def generate():
        opened.append(1)
        yield from batches

    source = {
        "list": batches, "tuple": tuple(batches), "function": lambda: iter(batches),
        "generator function": generate,
    }[kind]  # fmt: skip
    streamed, table = network(noisy=True), network(noisy=True)
    one = nn.fit(streamed, source, epochs=3)
    two = nn.fit(table, X, T, epochs=3, batch_size=4, shuffle=False, sample_weight=weights)
    assert everything(streamed) == everything(table)
    assert one.loss == two.loss
    assert len(opened) == (3 if kind == "generator function" else 0)


def test_an_iterator_serves_for_one_epoch():
    streamed, table = network(), network()
    nn.fit(streamed, iter(in_batches(4)), epochs=1)
    nn.fit(table, X, T, epochs=1, batch_size=4, shuffle=False)
    assert everything(streamed) == everything(table)


def test_a_stream_is_not_read_by_a_training_that_is_stopped_before():
    batches = iter(in_batches(4))
    stop = nn.Callback()
    stop.on_epoch_begin = lambda trainer: trainer.stop("not now")
    nn.fit(network(), batches, epochs=1, callbacks=[stop])
    assert len(list(batches)) == 3


def test_a_stream_may_have_different_batches_and_none_fits_it_beforehand():
    model = network()
    history = nn.fit(model, [(X[:1], T[:1]), (X, T), (X[3:5], T[3:5])], epochs=2)
    assert model.training["steps"] == 6
    assert history.epochs == 2


def test_an_iterator_is_not_touched_before_it_is_known_to_serve():
    batches = iter(in_batches(4))
    with pytest.raises(nn.DataError) as caught:
        nn.fit(network(), batches, epochs=2)
    assert str(caught.value) == (
        "2 epochs need batches that can be read 2 times, got an iterator, which can be read only "
        "once; "
        "give a function that returns a new one, or epochs=1"
    )
    assert len(list(batches)) == 3


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "a stream needs at least one batch in each epoch, got none"),
        (
            lambda: [],
            "a stream needs at least one batch in each epoch, got none; the function needs to "
            "return "
            "a new iterator each time",
        ),
        (
            lambda: 5,
            "a stream's function needs to return an iterator of batches, got int",
        ),
        (
            5,
            "fit needs inputs with targets, or a stream of batches, got int without targets",
        ),
        (
            None,
            "fit needs inputs with targets, or a stream of batches, got NoneType without targets",
        ),
        (
            {"a": 1},
            "a stream needs batches of (inputs, targets) or (inputs, targets, sample weights), got "
            "str as batch 0; for a table, give its targets too",
        ),
        (
            [[1.0, 2.0, 3.0, 4.0]],
            "a stream needs batches of (inputs, targets) or (inputs, targets, sample weights), got "
            "list of 4 as batch 0; for a table, give its targets too",
        ),
    ],
)  # fmt: skip
def test_what_is_no_stream_changes_nothing(source, message):
    model = network()
    weights = model.state()
    with pytest.raises(nn.DataError) as caught:
        nn.fit(model, source, epochs=1)
    assert str(caught.value) == message
    assert model.state() == weights


def test_an_iterator_that_a_function_returns_twice_is_noticed():
    batches = iter(in_batches(4))
    model = network()
    with pytest.raises(nn.DataError):
        nn.fit(model, lambda: batches, epochs=2)
    assert (model.training["epochs"], model.training["steps"]) == (1, 3)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (([[1.0, 2.0], [3.0]], T[:2]),
         "batch 2: inputs need rows of equal length, got 2 columns in row 0 and 1 in row 1"),
        (([[1.0, 2.0], [math.nan, 1.0]], T[:2]),
         "batch 2: inputs need finite numbers, got nan in row 1, column 0; "
         "fill or drop missing values first"),
        (([[1.0, 2.0, 3.0]], T[:1]), "batch 2: inputs need 2 columns, got 3"),
        ((X[:3], T[:2]),
         "batch 2: inputs and batch 2: targets need the same number of rows, got 3 and 2"),
        ((X[:2], [[0.5], [7.0]]),
         "batch 2: targets need to be within the range of the last layer, Sigmoid(), from 0 to 1, "
         "got 7.0 in row 1, column 0; scale the targets, or end with a Dense layer"),
        ((X[:2], T[:2], [1.0, -1.0]),
         "batch 2: sample weights need to be at least 0, got -1.0 in row 1"),
    ],
)  # fmt: skip
def test_a_bad_batch_in_the_middle_of_a_stream_is_named_and_changes_nothing(bad, message):
    model, until = network(), network()
    with pytest.raises(nn.TinynnError) as caught:
        nn.fit(model, [*in_batches(6), bad, *in_batches(6)], epochs=1)
    assert str(caught.value) == message
    nn.fit(until, in_batches(6), epochs=1)
    assert model.state() == until.state()
    assert (model.training["epochs"], model.training["steps"]) == (0, 2)
    assert model.training["memory"] == until.training["memory"]


def test_an_error_in_a_users_generator_comes_through():
    def broken():
        yield in_batches(4)[0]
        raise OSError("the disk is gone")

    model = network()
    with pytest.raises(OSError, match="the disk is gone"):
        nn.fit(model, broken, epochs=3)
    assert (model.training["epochs"], model.training["steps"]) == (0, 1)


def test_batch_normalization_needs_two_rows_in_each_batch():
    model = network(noisy=True)
    with pytest.raises(nn.ShapeError) as caught:
        nn.fit(model, X, T, batch_size=5)
    assert str(caught.value) == (
        "the network needs at least 2 rows in each batch, got 1 in the last of 11 rows; "
        "choose a different batch_size"
    )
    with pytest.raises(nn.ShapeError) as caught:
        nn.fit(model, [(X, T), (X[:1], T[:1])], epochs=1)
    assert str(caught.value) == (
        "the network needs at least 2 rows in each batch, got 1 in batch 1; "
        "choose a different batch_size"
    )
    assert model.training["steps"] == 1


# --- partial_fit ---


def test_partial_fit_is_one_epoch_more():
    options = {"optimizer": nn.Adam(0.02), "batch_size": 4, "seed": 1}
    by_parts, whole = network(noisy=True), network(noisy=True)
    trainer = nn.Trainer(by_parts, **options)
    losses = [trainer.partial_fit(X, T) for _ in range(4)]
    history = nn.fit(whole, X, T, epochs=4, **options)
    assert everything(by_parts) == everything(whole)
    assert losses == history.loss


def test_partial_fit_takes_rows_of_one_class():
    trainer = nn.Trainer(nn.Sequential(nn.Dense(2, 1), nn.Sigmoid(), seed=1), loss="bce")
    assert trainer.partial_fit(X[:3], [1, 1, 1]) > trainer.partial_fit(X[:3], [1, 1, 1])
    assert trainer.partial_fit([X[0]], [0], sample_weight=[2.0]) > 0.0


def test_partial_fit_checks_its_rows_and_lets_ctrl_c_through():
    model = network()
    trainer = nn.Trainer(model, callbacks=[Raise(KeyboardInterrupt(), "on_epoch_begin")])
    with pytest.raises(nn.ShapeError) as caught:
        trainer.partial_fit([[1.0]], [[0.5]])
    assert str(caught.value) == "inputs need 2 columns, got 1"
    with pytest.raises(KeyboardInterrupt):
        trainer.partial_fit(X, T)
    assert trainer.history.stopped_by == "interrupted"


class Raise(nn.Callback):
    """Raises an error at one call of one of its methods."""

    def __init__(self, error, name, at=0):
        self.left = at

        def method(trainer):
            self.left -= 1
            if self.left == -1:
                raise error

        setattr(self, name, method)


# --- divergence ---


def diverging(**options):
    """Return a network, and the error that its training ends with: row 7 is as large as can be."""
    model = nn.Sequential(nn.Dense(2, 1, weights=[[0.1], [0.1]]))
    rows = [*X[:7], [1e300, -1e300], *X[8:]]
    with pytest.raises(nn.DivergenceError) as caught, pytest.warns(nn.UnscaledInputWarning):
        nn.fit(model, rows, T, batch_size=4, shuffle=False, optimizer=nn.Adam(0.01), **options)
    return model, caught.value


@pytest.mark.parametrize("callbacks", [[], [Onlooker()]], ids=["", "watched"])
def test_divergence_names_epoch_and_batch_and_leaves_the_last_finite_weights(callbacks):
    model, error = diverging(callbacks=callbacks)
    assert str(error) == (
        "training diverged in epoch 1, batch 2: the loss became inf. The network keeps its "
        "last finite weights. The learning rate was 0.01, the largest input is 1e+300 in row 7, "
        "column 1; "
        "lower the rate, scale the inputs, or set clip_norm"
    )
    assert (error.epoch, error.batch) == (1, 2)
    assert isinstance(error, ArithmeticError)
    assert error.history.stopped_by == "divergence"
    assert error.history.epochs == 0
    until = nn.Sequential(nn.Dense(2, 1, weights=[[0.1], [0.1]]))
    nn.fit(until, X[:4], T[:4], epochs=1, optimizer=nn.Adam(0.01), batch_size=None)
    assert model.state() == until.state()
    assert model.training["memory"] == until.training["memory"]
    assert (model.training["epochs"], model.training["steps"]) == (0, 1)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("callbacks", [[], [Onlooker()]], ids=["", "watched"])
def test_divergence_after_many_epochs_keeps_their_history(callbacks, stream):
    """A rate that grows without bound: z doubles its distance again and again, until it is gone."""
    model, same = (nn.Sequential(nn.Dense(1, 1, weights=[[1.0]], bias=False)) for _ in range(2))
    rows, targets = [[1.0], [1.0], [1.0]], [[0.0], [0.0], [0.0]]
    options = {"optimizer": nn.SGD(2.0), "epochs": 400, "callbacks": callbacks}
    with pytest.raises(nn.DivergenceError) as caught:
        if stream:
            nn.fit(model, [(rows[:2], targets[:2]), (rows[2:], targets[2:])], **options)
        else:
            nn.fit(model, rows, targets, batch_size=2, **options)
    error = caught.value
    # Each update multiplies w by 1 - 2 rate = -3, and the loss, w^2, overflows first.
    updates = math.ceil(math.log(math.sqrt(sys.float_info.max), 3.0))
    assert (error.epoch - 1) * 2 + error.batch - 1 == updates
    assert model.training["steps"] == updates
    assert model.training["epochs"] == error.history.epochs == error.epoch - 1
    assert len(error.history.learning_rate) == len(error.history.seconds) == error.epoch - 1
    assert abs(model.layers[0].W[0][0]) == pytest.approx(3.0**updates)
    nn.fit(same, rows, targets, batch_size=2, optimizer=nn.SGD(2.0), epochs=error.epoch - 1)
    assert same.training["epochs"] == error.epoch - 1


def test_training_can_go_on_after_a_divergence():
    model, _ = diverging()
    until = nn.Sequential(nn.Dense(2, 1, weights=[[0.1], [0.1]]))
    options = {"batch_size": None, "optimizer": nn.Adam(0.01)}
    nn.fit(until, X[:4], T[:4], epochs=1, **options)
    until.training["epochs"] = 0  # the epoch that diverged was not finished
    nn.fit(model, X, T, epochs=5, **options)
    nn.fit(until, X, T, epochs=5, **options)
    assert everything(model) == everything(until)


@pytest.mark.filterwarnings("ignore::tinynn.UnscaledInputWarning")
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_huge_rates_and_inputs_end_in_finite_numbers(optimizer):
    """Whether training survives or diverges: nothing that stays behind is infinite or NaN."""
    for scale, rate in ((1e300, 1e-3), (1e160, 1.0), (1.0, 1e200), (1e3, 1e30)):
        changed = copy.deepcopy(optimizer)
        changed.learning_rate = rate
        model = nn.Sequential(nn.Dense(2, 3), nn.ReLU(), nn.BatchNorm(), nn.Dense(3, 1), seed=1)
        rows = [[scale * x for x in row] for row in X]
        try:
            nn.fit(model, rows, T, epochs=20, batch_size=4, optimizer=changed)
        except nn.DivergenceError as error:
            assert error.batch in (1, 2, 3)
        left = [model.state(), model.training]
        json.dumps(left, allow_nan=False)


def test_unscaled_inputs_are_warned_of_where_fit_was_called():
    rows = [[1.0, 1000.0 * b] for a, b in X]
    with pytest.warns(nn.UnscaledInputWarning) as caught:
        nn.fit(network(), rows, T, epochs=1)
    assert str(caught[0].message).startswith("inputs in column 1 have a mean size of")
    assert caught[0].filename == __file__


# --- odd, but legal ---


def test_one_row():
    model = network()
    history = nn.fit(model, [[1.0, 2.0]], [[0.25]], epochs=50, optimizer=nn.Adam(0.1))
    assert history.loss[-1] < history.loss[0]
    assert model.training["steps"] == 50


def test_whole_numbers_tuples_and_arrays():
    from array import array

    wanted = network()
    nn.fit(wanted, [[0.0, 1.0], [1.0, 1.0]], [[0.0], [1.0]], epochs=2)
    for inputs, targets in (
        ([[0, 1], [1, 1]], [0, 1]),
        (((0, 1), (True, 1)), ((0,), (1,))),
        ([array("d", [0, 1]), array("i", [1, 1])], array("d", [0, 1])),
        ([range(2), [1, 1]], range(2)),
    ):
        model = network()
        nn.fit(model, inputs, targets, epochs=2)
        assert model.state() == wanted.state()


def test_numpy_arrays():
    np = pytest.importorskip("numpy")
    wanted, model = network(), network()
    weights = [1.0 + i for i in range(11)]
    nn.fit(wanted, X, T, epochs=2, sample_weight=weights, validation=(X[:2], T[:2]))
    inputs, targets = np.array(X), np.array(T)
    before = inputs.copy(), targets.copy()
    nn.fit(model, inputs, targets, epochs=np.int64(2), sample_weight=np.array(weights),
           validation=(inputs[:2], targets[:2, 0]), batch_size=np.int64(32))  # fmt: skip
    assert model.state() == wanted.state()
    assert type(model.layers[0].W[0][0]) is float
    assert (inputs == before[0]).all() and (targets == before[1]).all()


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Tanh()], [nn.Dropout(0.5)], [nn.Linear(), nn.Dropout(0.2)], [nn.LayerNorm(2)],
        [nn.Dense(2, 2), nn.Dropout(0.5)], [nn.Dropout(0.5), nn.Dense(2, 2)],
        [nn.Dense(2, 2, bias=False), nn.BatchNorm()],
    ],
    ids=repr,
)  # fmt: skip
def test_odd_networks_train(layers):
    model = nn.Sequential(*layers, seed=1)
    targets = [[0.1, -0.1]] * 11
    history = nn.fit(model, X, targets, epochs=3, batch_size=4, clip_norm=1.0)
    assert history.epochs == 3
    assert all(map(math.isfinite, history.loss))


def test_the_callers_data_are_left_alone():
    inputs, targets = copy.deepcopy((X, T))
    weights = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    options = {"sample_weight": weights, "validation": (inputs, targets)}
    before = copy.deepcopy((inputs, targets, options))
    nn.fit(network(), inputs, targets, epochs=2, **options)
    assert (inputs, targets, options) == before


def test_a_trainer_can_train_again_and_again():
    trainer = nn.Trainer(network(), batch_size=4)
    first = trainer.fit(X, T, epochs=2, validation=(X, T))
    second = trainer.fit(X, T, epochs=3)
    assert (first.epochs, second.epochs) == (2, 3)
    assert first.validation_loss and not second.validation_loss
    assert trainer.history is second


# --- when to stop ---


def test_a_loss_threshold_ends_training():
    options = {"optimizer": nn.Adam(0.05), "epochs": 500}
    loss = nn.fit(network(), X, T, **options).loss
    history = nn.fit(network(), X, T, loss_threshold=loss[40], **options)
    assert history.stopped_by == "loss threshold"
    assert history.loss == loss[: history.epochs]
    assert history.loss[-1] <= loss[40] < history.loss[-2]


class Slow(nn.Layer):
    """Takes its time."""

    def forward(self, X, training=False):
        time.sleep(0.01)
        return X

    def backward(self, dY, wants_dX=True):
        return dY


@pytest.mark.parametrize("stream", [False, True])
def test_a_time_budget_ends_training_within_an_epoch(stream):
    model = nn.Sequential(Slow(), nn.Dense(2, 1))
    rows, targets = X * 100, T * 100
    if stream:
        batches = [([x], [t]) for x, t in zip(rows, targets)]
        history = nn.fit(model, batches, time_budget=0.1, epochs=5)
    else:
        history = nn.fit(model, rows, targets, batch_size=1, time_budget=0.1, epochs=5)
    assert history.stopped_by == "time budget"
    assert history.epochs == 1
    assert 1 < model.training["steps"] < 1100


def test_an_epoch_cut_short_has_the_mean_loss_of_the_batches_that_were_made():
    rows, targets, weights = [[1.0, 0.0]] * 500, [[1.0]] * 500, [0.5] * 499 + [1.0]
    for options in ({"batch_size": 3}, {"batch_size": 1, "sample_weight": weights}):
        model = nn.Sequential(Slow(), nn.Dense(2, 1))
        loss = nn.losses.MeanSquaredError()(model.predict(rows), targets)
        still = {"optimizer": nn.SGD(1e-12), "loss": "mse", "shuffle": False, "time_budget": 0.05}
        history = nn.fit(model, rows, targets, **still, **options)
        assert history.stopped_by == "time budget" and model.training["steps"] < 100
        assert history.loss == pytest.approx([loss], rel=1e-6)


def test_a_time_budget_that_is_enough_changes_nothing():
    history = nn.fit(network(), X, T, epochs=20, batch_size=3, time_budget=1e6)
    assert history.stopped_by == "epochs"


# --- engines ---


def test_the_environment_names_the_engine(monkeypatch):
    monkeypatch.setenv("TINYNN_ENGINE", "lists")
    history = nn.fit(network(), X, T, epochs=1)
    assert (history.engine, history.engine_reason) == ("lists", "set by TINYNN_ENGINE=lists")
    monkeypatch.setenv("TINYNN_ENGINE", "warp")
    model = network()
    nn.fit(model, X, T, epochs=1, engine="lists")
    before = everything(model)
    with pytest.raises(nn.SettingError) as caught:
        nn.fit(model, X, T, epochs=1, optimizer="sgd", restart=True)
    assert "got 'warp' (TINYNN_ENGINE=warp)" in str(caught.value)
    assert everything(model) == before
    monkeypatch.setenv("TINYNN_ENGINE", "")
    assert nn.fit(model, X, T, epochs=1).stopped_by == "epochs"


def test_a_stream_object_reads_only_what_is_asked_for():
    read = []

    def batches():
        for i in range(5):
            read.append(i)
            yield [[1.0]], [[1.0]]

    stream = iter(BatchStream(batches, 3))
    assert next(stream) == ([[1.0]], [[1.0]], None)
    assert read == [0]


@pytest.mark.parametrize("engine", ["lists", "unrolled", "native"])
def test_a_validation_loss_beyond_the_floats_is_infinite(engine):
    if engine == "native" and not runs_native():
        pytest.skip("no machine code runs here")
    model = nn.Sequential(nn.Dense(1, 1), seed=1)
    model.layers[0].W[0][0] = 1.0
    history = nn.fit(
        model, [[0.1], [0.2]], [[1.0], [2.0]], loss=Poisson(), optimizer=nn.SGD(0.01), epochs=2,
        validation=([[1e6]], [[1.0]]), engine=engine,
    )  # fmt: skip
    assert history.validation_loss == [math.inf] * 2 and model.layers[0].W[0][0] > 0.9
