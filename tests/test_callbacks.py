"""Callbacks: their order, stops and errors in each of them, Ctrl-C anywhere, and the ready-made."""

from __future__ import annotations

import copy
import csv
import io
import math
import re

import interrupts
import pytest

import tinynn as nn
from tinynn.training import more_callbacks
from tinynn.training.callbacks import Callbacks

X = [[math.sin(3.0 * i), math.cos(5.0 * i)] for i in range(10)]
T = [[0.5 + 0.4 * a * b] for a, b in X]
HOOKS = [
    "on_train_begin", "on_epoch_begin", "on_batch_begin", "on_batch_end", "on_epoch_end",
    "on_train_end",
]  # fmt: skip


@pytest.fixture(autouse=True)
def lists(monkeypatch):
    monkeypatch.setenv("TINYNN_ENGINE", "lists")


def network(seed=1):
    return nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1), nn.Sigmoid(), seed=seed)


def everything(model):
    training = {key: value for key, value in model.training.items() if key != "run"}
    return copy.deepcopy((model.state(), training))


class Log(nn.Callback):
    """Writes down each call, and what the trainer says then."""

    def __init__(self, name=""):
        self.calls = []
        self.name = name

    def _note(self, hook, trainer):
        self.calls.append((self.name + hook, trainer.epoch, trainer.batch))


for _hook in HOOKS:
    setattr(Log, _hook, lambda self, trainer, hook=_hook: self._note(hook, trainer))


class At(nn.Callback):
    """Does something at one call, counted from 0, of one method."""

    def __init__(self, hook, action, call=0):
        self.left = call

        def method(trainer):
            self.left -= 1
            if self.left == -1:
                action(trainer)

        setattr(self, hook, method)


def throw(error):
    def action(trainer):
        raise error

    return action


# --- order ---


def test_the_order_of_calls():
    log = Log()
    nn.fit(network(), X, T, epochs=2, batch_size=6, callbacks=[log])
    epoch = [
        ("on_epoch_begin", 0), ("on_batch_begin", 1), ("on_batch_end", 1), ("on_batch_begin", 2),
        ("on_batch_end", 2), ("on_epoch_end", 2),
    ]  # fmt: skip
    assert log.calls == [
        ("on_train_begin", 0, 0),
        *((name, 1, batch) for name, batch in epoch),
        *((name, 2, batch) for name, batch in epoch),
        ("on_train_end", 2, 2),
    ]


def test_callbacks_are_called_in_their_order():
    one, two = Log("1 "), Log("2 ")
    two.calls = one.calls
    nn.fit(network(), X, T, epochs=1, batch_size=None, callbacks=[one, two])
    assert [name for name, _, _ in one.calls] == [f"{n} {hook}" for hook in HOOKS for n in (1, 2)]


def test_what_callbacks_can_see():
    seen = []

    class See(nn.Callback):
        def on_batch_end(self, trainer):
            seen.append((trainer.batch_loss, trainer.learning_rate, trainer.epochs))

        def on_epoch_end(self, trainer):
            assert trainer.history.epochs == trainer.epoch
            assert trainer.model is model

    model = network()
    rates = nn.schedules.Exponential(0.1, gamma=0.5, per="step")
    history = nn.fit(model, X, T, epochs=2, batch_size=5, optimizer=nn.SGD(rates),
                     callbacks=[See()])  # fmt: skip
    assert [rate for _, rate, _ in seen] == [0.1, 0.05, 0.025, 0.0125]
    assert history.loss[0] == pytest.approx((seen[0][0] + seen[1][0]) / 2)
    assert {epochs for _, _, epochs in seen} == {2}


def test_methods_of_the_object_itself_count_too():
    callback = nn.Callback()
    epochs = []
    callback.on_epoch_end = lambda trainer: epochs.append(trainer.epoch)
    nn.fit(network(), X, T, epochs=3, callbacks=[callback])
    assert epochs == [1, 2, 3]
    assert Callbacks([callback]).watch("on_epoch_end")
    assert not Callbacks([callback]).watch("on_epoch_begin", "on_batch_end")


def test_a_stream_calls_them_alike():
    log, wanted = Log(), Log()
    nn.fit(network(), [(X[:6], T[:6]), (X[6:], T[6:])], epochs=2, callbacks=[log])
    nn.fit(network(), X, T, epochs=2, batch_size=6, callbacks=[wanted])
    assert log.calls == wanted.calls


# --- stop ---


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize(
    ("hook", "call", "epochs", "steps", "steps_unwatched"),
    [
        ("on_train_begin", 0, 0, 0, 0),
        ("on_epoch_begin", 0, 0, 0, 0),
        ("on_epoch_begin", 2, 2, 4, 4),
        ("on_batch_begin", 0, 1, 1, 1),
        ("on_batch_begin", 2, 2, 3, 3),
        ("on_batch_end", 3, 2, 4, 4),
        ("on_epoch_end", 1, 2, 4, 4),
        ("on_train_end", 0, 5, 10, 10),
    ],
)
def test_stop_from_every_method(hook, call, epochs, steps, steps_unwatched, watched, stream):
    model, log = network(), Log()
    callbacks = [At(hook, lambda trainer: trainer.stop("enough"), call)]
    callbacks += [log] if watched else []
    data = ([(X[:6], T[:6]), (X[6:], T[6:])],) if stream else (X, T)
    schedule = nn.schedules.ReduceOnPlateau(0.1)
    history = nn.fit(model, *data, epochs=5, batch_size=6, callbacks=callbacks,
                     optimizer=nn.SGD(schedule))  # fmt: skip
    assert history.stopped_by == ("epochs" if hook == "on_train_end" else "enough")
    assert history.epochs == epochs == len(history.seconds) == model.training.get("epochs", 0)
    assert model.training.get("steps", 0) == (steps if watched else steps_unwatched)
    if watched:
        names = [name for name, _, _ in log.calls]
        assert names.count("on_train_end") == 1 and names[-1] == "on_train_end"
        assert names.count("on_epoch_end") == epochs
        assert names.count("on_batch_end") == steps


def test_the_first_reason_counts_even_if_it_is_empty():
    stop = At("on_batch_end", lambda trainer: [trainer.stop(""), trainer.stop("late")])
    history = nn.fit(network(), X, T, epochs=5, callbacks=[stop])
    assert (history.stopped_by, history.epochs) == ("", 1)


# --- errors ---


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("hook", HOOKS)
def test_an_error_in_every_method_leaves_the_network_whole(hook, error):
    model, log = network(), Log()
    call = 0 if hook.startswith("on_train") else 1
    callbacks = [At(hook, throw(error), call), log]
    trainer = nn.Trainer(model, batch_size=6, callbacks=callbacks)
    swallowed = isinstance(error, KeyboardInterrupt) and hook != "on_train_end"
    if swallowed:
        history = trainer.fit(X, T, epochs=3)
        assert history.stopped_by == "interrupted"
    else:
        with pytest.raises(type(error)) as caught:
            trainer.fit(X, T, epochs=3)
        assert caught.value is error
        assert trainer.history.stopped_by == ("epochs" if hook == "on_train_end" else "error")
    names = [name for name, _, _ in log.calls]
    assert names.count("on_train_end") == 1 and names[-1] == "on_train_end"
    steps = model.training.get("steps", 0)
    until = network()
    states = [until.state()]
    nn.fit(until, X, T, epochs=3, batch_size=6, callbacks=[Steps(states)])
    assert model.state() == states[steps]
    assert model.training.get("epochs", 0) == trainer.history.epochs
    nn.fit(model, X, T, epochs=1)  # and it can be trained on


class Steps(nn.Callback):
    """Keeps the state after each update."""

    def __init__(self, states):
        self.states = states

    def on_batch_end(self, trainer):
        self.states.append(trainer.model.state())


def test_an_error_at_the_end_does_not_keep_the_others_from_their_end():
    one, two = Log(), Log()
    ends = [one, At("on_train_end", throw(ValueError("first"))), two]
    with pytest.raises(ValueError, match="first"):
        nn.fit(network(), X, T, epochs=1, callbacks=ends)
    assert one.calls[-1][0] == two.calls[-1][0] == "on_train_end"


def test_an_error_in_training_is_not_lost_in_one_at_the_end():
    callbacks = [
        At("on_epoch_end", throw(ValueError("first"))), At("on_train_end", throw(OSError("then")))
    ]  # fmt: skip
    with pytest.raises(OSError, match="then") as caught:
        nn.fit(network(), X, T, epochs=1, callbacks=callbacks)
    assert str(caught.value.__context__) == "first"


def test_a_divergence_error_of_another_network_comes_through_as_it_is():
    error = nn.DivergenceError("another")
    trainer = nn.Trainer(network(), callbacks=[At("on_epoch_end", throw(error))])
    with pytest.raises(nn.DivergenceError) as caught:
        trainer.fit(X, T, epochs=2)
    assert caught.value is error
    assert trainer.history.stopped_by == "error"


# --- Ctrl-C at every line ---


TRAINER = ("/trainer.py", "/updates.py", "/engines/lists.py", "/callbacks.py", "/history.py")
COMPILED = ("/engines/compiled.py", "/unrolled/engine.py")


def interrupt_at(line, call, files=TRAINER):
    """Run call() as `interrupts` does; return whether it came to the line, and whether Ctrl-C left
    the call.
    """
    reached, raised = interrupts.interrupt_at(line, files, call)
    if not isinstance(raised, (KeyboardInterrupt, type(None))):
        raise raised
    return reached, raised is not None


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("part", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_ctrl_c_at_any_line_leaves_whole_updates_that_are_counted(watched, part):
    rows, targets = X[:4], T[:4]
    options = {"optimizer": nn.Adam(0.05), "batch_size": 2, "seed": 1}

    def make():
        return nn.Sequential(nn.Dense(2, 2), nn.BatchNorm(), nn.Dense(2, 1), seed=1)

    def train(model, *callbacks):
        nn.fit(model, rows, targets, epochs=2, callbacks=callbacks, **options)

    states = [(make().state(), None)]
    memory = nn.Callback()
    memory.on_batch_end = lambda t: states.append(
        copy.deepcopy((t.model.state(), t.model.training["memory"]))
    )
    train(make(), memory)
    line, reached, swallowed = part, True, 0
    while reached:
        model = make()
        callbacks = [Log()] if watched else []
        reached, through = interrupt_at(line, lambda: train(model, *callbacks))  # noqa: B023
        steps = model.training.get("steps", 0)
        assert model.state() == states[steps][0], f"line {line}"
        if steps:
            assert model.training["memory"] == states[steps][1], f"line {line}"
        assert model.training.get("epochs", 0) in (steps // 2, steps // 2 - 1), f"line {line}"
        swallowed += reached and not through
        line += 7 + (part * 4)
    assert line > 1000 and swallowed > 50


def test_ctrl_c_while_a_compiled_engine_reads_changed_weights_loses_nothing():
    """Each epoch's weights are halved in a callback: the network is before or after that."""
    rows, targets = X[:4], T[:4]
    states = []

    def halve(trainer):
        states.append(trainer.model.state())
        W = trainer.model.layers[0].W
        trainer.model.layers[0].W = [[w / 2.0 for w in row] for row in W]
        states.append(trainer.model.state())

    def train(model):
        callback = nn.Callback()
        callback.on_epoch_end = halve
        options = {"optimizer": nn.Adam(0.05), "batch_size": 2, "engine": "unrolled"}
        nn.fit(model, rows, targets, epochs=2, callbacks=[callback], **options)

    first = network()
    states.append(first.state())
    train(first)
    allowed, line, reached = list(states), 0, True
    while reached:
        model = network()
        reached, _ = interrupt_at(line, lambda: train(model), COMPILED)  # noqa: B023
        assert model.state() in allowed, f"line {line}"
        line += 1
    assert line > 100


# --- callbacks that change things ---


def test_weights_changed_in_a_callback_count():
    def change(trainer):
        trainer.model.layers[0].W[0][:] = [0.1, 0.2, 0.3]

    def replace(trainer):
        W = trainer.model.layers[0].W
        trainer.model.layers[0].W = [[0.1, 0.2, 0.3], list(W[1])]

    models = [network(), network(), network()]
    nn.fit(models[0], X, T, epochs=4, callbacks=[At("on_epoch_end", change, 1)])
    nn.fit(models[1], X, T, epochs=4, callbacks=[At("on_epoch_end", replace, 1)])
    nn.fit(models[2], X, T, epochs=2)
    models[2].layers[0].W[0][:] = [0.1, 0.2, 0.3]
    nn.fit(models[2], X, T, epochs=2)
    assert everything(models[0]) == everything(models[1]) == everything(models[2])


def test_another_network_can_be_trained_in_a_callback_with_the_same_optimizer():
    optimizer = nn.Adam(nn.schedules.ReduceOnPlateau(0.1, patience=0, threshold=0.5))
    plain, watched, inner, alone = network(), network(), network(2), network(2)

    class Inner(nn.Callback):
        def on_batch_end(self, trainer):
            nn.fit(inner, X[:3], T[:3], epochs=1, optimizer=optimizer)

    nn.fit(plain, X, T, epochs=4, batch_size=5, optimizer=optimizer)
    nn.fit(watched, X, T, epochs=4, batch_size=5, optimizer=optimizer, callbacks=[Inner()])
    nn.fit(alone, X[:3], T[:3], epochs=8, optimizer=optimizer)
    assert everything(watched) == everything(plain)
    assert everything(inner) == everything(alone)


def test_the_same_network_can_be_trained_in_a_callback():
    def inner(optimizer):
        return lambda trainer: nn.fit(trainer.model, X, T, epochs=3, optimizer=optimizer)

    same, other, plain = network(), network(), network()
    nn.fit(same, X, T, epochs=4, callbacks=[At("on_epoch_end", inner("adam"), 1)])
    nn.fit(plain, X, T, epochs=7)
    assert everything(same) == everything(plain)
    nn.fit(other, X, T, epochs=4, callbacks=[At("on_epoch_end", inner("sgd"), 1)])
    # Another optimizer's memory does not stay: the outer training's is put back.
    assert other.training["optimizer"]["type"] == "adam"
    assert (other.training["epochs"], other.training["steps"]) == (4, 4)
    assert other.state() != plain.state()


def test_a_trainer_cannot_train_within_its_own_training():
    model = network()
    again = At("on_epoch_end", lambda trainer: trainer.fit(X, T, epochs=1))
    with pytest.raises(nn.SettingError) as caught:
        nn.fit(model, X, T, epochs=3, callbacks=[again])
    assert str(caught.value) == ("a Trainer can run only one training at a time; make another")
    assert model.training["epochs"] == 1


# --- EarlyStopping ---


class Measure(nn.Callback):
    """Lets the loss that is monitored follow a list, and keeps the state of each epoch."""

    def __init__(self, losses):
        self.losses, self.states = losses, []

    def on_epoch_end(self, trainer):
        trainer.history.validation_loss[-1] = self.losses[trainer.epoch - 1]
        self.states.append(trainer.model.state())


LOSSES = [5.0, 4.0, 2.0, 3.0, 2.5, 2.0, 4.0, 1.0, 1.0]
WAYS_OUT = {
    "the end": lambda: nn.Callback(),
    "a stop": lambda: At("on_epoch_end", lambda trainer: trainer.stop("enough"), 4),
    "Ctrl-C": lambda: At("on_epoch_end", throw(KeyboardInterrupt()), 4),
    "an error": lambda: At("on_epoch_end", throw(ValueError("mine")), 4),
    "an error at the end": lambda: At("on_train_end", throw(ValueError("mine"))),
    "divergence": lambda: At("on_epoch_end", lambda t: t.data.X[0].__setitem__(0, 1e300), 4),
}


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("way", WAYS_OUT)
def test_early_stopping_gives_back_the_best_weights_on_every_way_out(way, place):
    model, measure = nn.Sequential(nn.Dense(2, 1), seed=1), Measure(LOSSES)
    callbacks = [measure, nn.EarlyStopping(patience=6)]
    callbacks.insert(place, WAYS_OUT[way]())
    trainer = nn.Trainer(model, optimizer=nn.SGD(0.01), callbacks=callbacks)
    try:
        trainer.fit(X, T, epochs=6, validation=(X, T))
    except (ValueError, nn.DivergenceError) as error:
        assert way in ("divergence", "an error", "an error at the end"), error
    assert trainer.history.epochs == (6 if "end" in way else 5)
    assert model.state() == measure.states[2] != measure.states[-1]


def test_early_stopping_waits_as_long_as_it_is_told():
    for patience, epochs, best in ((1, 4, 3), (2, 5, 3), (4, 7, 3), (5, 9, 8)):
        measure = Measure(LOSSES)
        early = nn.EarlyStopping(patience=patience, restore_best=False)
        model = network()
        history = nn.fit(model, X, T, epochs=9, validation=(X, T), callbacks=[measure, early])
        assert (history.epochs, early.best_epoch) == (epochs, best)
        assert history.stopped_by == ("epochs" if epochs == 9 else "early stopping")
        assert model.state() == measure.states[-1]


def test_early_stopping_asks_for_an_improvement_by_min_delta():
    early = nn.EarlyStopping(patience=2, min_delta=1.5)
    measure = Measure([5.0, 4.0, 3.0, 2.9])
    history = nn.fit(network(), X, T, epochs=4, validation=(X, T), callbacks=[measure, early])
    assert history.epochs == 4 and early.best_epoch == 3


def test_early_stopping_without_validation_watches_the_training_loss():
    early = nn.EarlyStopping(patience=3)
    history = nn.fit(network(), X, T, epochs=60, optimizer=nn.SGD(30.0), callbacks=[early])
    assert early.best_epoch == history.best_epoch


def test_early_stopping_does_not_mind_nan():
    measure = Measure([5.0, math.nan, math.nan, math.nan])
    model = network()
    history = nn.fit(model, X, T, epochs=4, validation=(X, T),
                     callbacks=[measure, nn.EarlyStopping(patience=2)])  # fmt: skip
    assert (history.epochs, history.stopped_by) == (3, "early stopping")
    assert model.state() == measure.states[0]


def test_early_stopping_remembers_nothing_of_an_earlier_training():
    early = nn.EarlyStopping(patience=3)
    first, second = network(1), network(2)
    nn.fit(first, X, T, epochs=3, callbacks=[early])
    before = second.state()
    with pytest.raises(ValueError, match="mine"):
        nn.fit(second, X, T, callbacks=[At("on_train_begin", throw(ValueError("mine"))), early])
    assert second.state() == before
    with pytest.raises(ValueError, match="mine"):
        fresh = nn.EarlyStopping()
        nn.fit(second, X, T, callbacks=[At("on_train_begin", throw(ValueError("mine"))), fresh])
    assert second.state() == before


def falling(values):
    """Return a metric whose values follow a list."""
    left = iter(values)
    return lambda targets, outputs: next(left)


def test_early_stopping_watches_what_it_is_told():
    scores = [0.1, 0.5, 0.4, 0.45, 0.2]
    early = nn.EarlyStopping(patience=2, monitor="score", mode="max")
    states = []
    note = nn.LambdaCallback(on_epoch_end=lambda trainer: states.append(trainer.model.state()))
    model = network()
    history = nn.fit(model, X, T, epochs=5, metrics={"score": falling(scores)},
                     callbacks=[note, early])  # fmt: skip
    assert (history.epochs, early.best_epoch, early.best_loss) == (4, 2, 0.5)
    assert model.state() == states[1]
    early = nn.EarlyStopping(patience=1, monitor="loss")
    measure = Measure([1.0, 2.0, 3.0, 4.0])  # of the validation, which counts for nothing
    assert nn.fit(network(), X, T, epochs=4, validation=(X, T), optimizer=nn.SGD(0.01),
                  callbacks=[measure, early]).epochs == 4  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "epochs", "best"),
    [
        ({"patience": 3, "baseline": 2.5}, 6, 3),  # 2.0 counts, and nothing after it is better
        ({"patience": 2, "baseline": 2.5}, 2, 2),  # nothing is below it in time
        ({"patience": 8, "baseline": 1.5}, 9, 8),
        ({"patience": 3, "start_from_epoch": 3}, 9, 8),  # 3.0, 2.5, 2.0, 4.0, 1.0
        ({"patience": 1, "start_from_epoch": 6}, 9, 8),
        ({"patience": 2, "start_from_epoch": 20}, 9, 0),
    ],
)
def test_early_stopping_counts_from_an_epoch_and_below_a_baseline(settings, epochs, best):
    early = nn.EarlyStopping(**settings)
    history = nn.fit(network(), X, T, epochs=9, validation=(X, T),
                     callbacks=[Measure(LOSSES), early])  # fmt: skip
    assert (history.epochs, early.best_epoch) == (epochs, best)


def test_early_stopping_names_what_there_is_to_watch():
    with pytest.raises(nn.SettingError) as caught:
        nn.fit(network(), X, T, epochs=2, metrics={"score": falling([1.0, 2.0])},
               callbacks=[nn.EarlyStopping(monitor="scores")])  # fmt: skip
    assert str(caught.value) == (
        "EarlyStopping needs monitor to be one of 'loss', 'score', got 'scores'; "
        "did you mean 'score'?"
    )
    with pytest.raises(nn.SettingError, match="did you mean 'validation_loss', with validation"):
        nn.fit(network(), X, T, epochs=2, callbacks=[nn.EarlyStopping(monitor="val_loss")])


def test_the_early_stopping_of_minimal_files_is_the_same():
    for patience in (1, 2, 4):
        found = []
        for kind in (nn.EarlyStopping, nn.callbacks.LossStopping):
            model, early = network(), kind(patience)
            history = nn.fit(model, X, T, epochs=9, validation=(X, T),
                             callbacks=[Measure(LOSSES), early])  # fmt: skip
            found.append((history.epochs, early.best_epoch, model.state()))
        assert found[0] == found[1]


# --- CSVLog and LambdaCallback ---


def test_a_log_has_a_line_for_each_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(more_callbacks, "SECONDS_BETWEEN", 0.0)
    path = tmp_path / "log.csv"
    seen = []
    watch = nn.LambdaCallback(on_epoch_end=lambda trainer: seen.append(path.read_text()))
    history = nn.fit(network(), X, T, epochs=3, validation=(X, T), callbacks=[
        nn.CSVLog(path), watch,
    ], metrics={'a "b", c': falling([0.25, 0.5, 1.0])})  # fmt: skip
    lines = path.read_text().splitlines()
    assert lines[0] == 'epoch,loss,validation_loss,"a ""b"", c",learning_rate,seconds'
    assert seen[0].splitlines() == lines[:2] and seen[2].splitlines() == lines
    for k, row in enumerate(csv.reader(lines[1:])):
        assert row == [
            str(k + 1), repr(history.loss[k]), repr(history.validation_loss[k]),
            repr([0.25, 0.5, 1.0][k]), repr(history.learning_rate[k]), repr(history.seconds[k]),
        ]  # fmt: skip


def test_a_log_is_written_now_and_then_and_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(more_callbacks, "SECONDS_BETWEEN", 1e9)
    path, seen = tmp_path / "log.csv", []
    watch = nn.LambdaCallback(on_epoch_end=lambda trainer: seen.append(path.read_text()))
    nn.fit(network(), X, T, epochs=5, callbacks=[nn.CSVLog(path), watch])
    assert len(seen[0].splitlines()) == 2 and seen[4] == seen[0]
    assert len(path.read_text().splitlines()) == 6


def test_a_log_goes_on_where_it_is_asked_to(tmp_path):
    path = tmp_path / "log.csv"
    for append, count in ((False, 2), (True, 4), (True, 6), (False, 2)):
        log = nn.CSVLog(path, separator=";", append=append)
        nn.fit(network(), X, T, epochs=2, callbacks=[log])
        lines = path.read_text().splitlines()
        assert lines[0] == "epoch;loss;learning_rate;seconds" and len(lines) == 1 + count


def test_the_log_of_a_resumed_training_has_every_epoch_once(tmp_path):
    path, run = tmp_path / "log.csv", tmp_path / "run.json"
    stop = At("on_epoch_begin", throw(OSError("full")), 3)
    with pytest.raises(OSError, match="full"):
        nn.fit(network(), X, T, epochs=6, resume=run, callbacks=[nn.CSVLog(path), stop])
    assert len(path.read_text().splitlines()) == 4
    nn.fit(network(), X, T, epochs=6, resume=run, callbacks=[nn.CSVLog(path), nn.Callback()])
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == [
        "epoch", "1", "2", "3", "4", "5", "6",
    ]  # fmt: skip


def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OSError, match=r"log\.csv"):
        nn.fit(network(), X, T, epochs=1, callbacks=[nn.CSVLog(tmp_path / "no" / "log.csv")])


def test_functions_are_called_when_their_time_comes_and_no_others():
    called = []
    callback = nn.LambdaCallback(
        on_train_begin=lambda trainer: called.append("begin"),
        after_epoch=lambda trainer: called.append(trainer.epoch),
    )
    nn.fit(network(), X, T, epochs=2, callbacks=[callback])
    assert called == ["begin", 1, 2]
    listed = Callbacks([callback])
    assert listed.watch("after_epoch") and not listed.watch("on_batch_end", "on_epoch_end")


def test_early_stopping_gives_back_running_statistics_too():
    model = nn.Sequential(nn.Dense(2, 2), nn.BatchNorm(), nn.Dense(2, 1), seed=1)
    measure = Measure([1.0, 2.0, 3.0])
    nn.fit(model, X, T, epochs=3, validation=(X, T), callbacks=[measure, nn.EarlyStopping()])
    assert model.state() == measure.states[0]


def test_ctrl_c_gives_back_the_best_weights_where_there_is_validation_data():
    for validation in (None, (X[:3], [[0.0], [1.0], [0.0]])):
        model, states = network(), []
        note = nn.Callback()
        note.on_epoch_end = lambda trainer, states=states: states.append(trainer.model.state())
        stop = At("on_batch_begin", throw(KeyboardInterrupt()), 30)
        history = nn.fit(model, X, T, epochs=99, validation=validation, callbacks=[note, stop],
                         optimizer=nn.SGD(20.0))  # fmt: skip
        assert (history.stopped_by, history.epochs) == ("interrupted", 30)
        best = history.best_epoch if validation else 30
        assert model.state() == states[best - 1]
        assert validation is None or best < 30


# --- Checkpoint ---


def test_checkpoint_saves_every_so_many_epochs(tmp_path):
    path = tmp_path / "model.json"
    model = network()
    nn.fit(model, X, T, epochs=7, callbacks=[nn.Checkpoint(path, every=3)])
    loaded = nn.load(path)
    assert loaded.training["epochs"] == 6
    nn.fit(loaded, X, T, epochs=1)
    assert everything(loaded) == everything(model)
    assert [file.name for file in tmp_path.iterdir()] == ["model.json"]


def test_checkpoint_can_keep_the_best_only(tmp_path):
    path = tmp_path / "model.json"
    measure = Measure(LOSSES[:7])
    callbacks = [measure, nn.Checkpoint(path, best_only=True)]
    nn.fit(network(), X, T, epochs=7, validation=(X, T), callbacks=callbacks)
    assert nn.load(path).state() == measure.states[2]


def test_a_checkpoint_knows_its_best_after_a_resume(tmp_path):
    path = tmp_path / "model.json"
    callbacks = [nn.Checkpoint(path, best_only=True)]
    nn.fit(network(), X, T, epochs=5, callbacks=callbacks)
    best = path.read_bytes()
    model = nn.load(path)
    hard = [[float(i % 2)] for i in range(len(X))]  # no epoch of these can be better
    nn.fit(model, X, hard, epochs=2, callbacks=callbacks)
    assert path.read_bytes() == best
    # A new training has a best of its own.
    nn.fit(model, X, hard, epochs=1, restart=True, callbacks=callbacks)
    assert path.read_bytes() != best


def test_a_checkpoint_that_cannot_be_written_ends_training_and_leaves_the_old_one(tmp_path):
    model = network()
    with pytest.raises(OSError, match="nowhere"):
        nn.fit(model, X, T, callbacks=[nn.Checkpoint(tmp_path / "nowhere" / "model.json")])
    assert model.training["epochs"] == 1


def test_the_last_checkpoint_before_an_error_is_whole(tmp_path):
    path = tmp_path / "model.json"
    callbacks = [nn.Checkpoint(path), At("on_batch_begin", throw(ValueError("mine")), 3)]
    model = network()
    with pytest.raises(ValueError, match="mine"):
        nn.fit(model, X, T, epochs=9, callbacks=callbacks)
    assert everything(nn.load(path)) == everything(model)


# --- Progress ---


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal_writes_one_line_over_and_over():
    terminal = Terminal()
    history = nn.fit(
        network(), X, T, epochs=4, callbacks=[nn.Progress(terminal, every=0)],
        validation=(X, T), metrics={"zero": lambda t, y: 0.0},
    )  # fmt: skip
    parts = terminal.getvalue().split("\r\x1b[K")
    assert parts[0] == "" and len(parts) == 6
    for epoch, part in enumerate(parts[1:5], 1):
        assert part.startswith(
            f"epoch {epoch}/4  loss {history.loss[epoch - 1]:.4f}  "
            f"validation {history.validation_loss[epoch - 1]:.4f}  zero 0.000  "
        )
        assert part.endswith(" s left")
    assert parts[5].startswith("epoch 4/4") and parts[5].endswith(" s\n")
    assert terminal.getvalue().count("\n") == 1


def test_progress_knows_how_early_training_may_end(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr("tinynn.training.trainer.time.monotonic", lambda: float(next(clock)))
    terminal = Terminal()
    callbacks = [nn.EarlyStopping(patience=3, min_delta=1e9), nn.Progress(terminal, every=0)]
    nn.fit(network(), X, T, epochs=5, callbacks=callbacks)
    ends = [part.rpartition("  ")[2] for part in terminal.getvalue().split("\r\x1b[K")]
    times = [re.sub(r"\d+", "N", end) for end in ends if end]
    # The first epoch is the best one, since nothing improves by so much: three more, and no less.
    assert times == [*["at least N s left"] * 3, "N.N s", "N.N s\n"]
    shown = [int(re.search(r"\d+", end)[0]) for end in ends[1:4]]
    assert shown[0] > shown[1] > shown[2] > 0


def test_progress_on_a_terminal_is_not_faster_than_asked_for():
    terminal = Terminal()
    nn.fit(network(), X, T, epochs=30, callbacks=[nn.Progress(terminal, every=1000)])
    assert terminal.getvalue().count("\r") == 2


def test_progress_elsewhere_writes_a_few_lines():
    log = io.StringIO()
    nn.fit(network(), X, T, epochs=100, callbacks=[nn.Progress(log)])
    lines = log.getvalue().splitlines()
    assert [int(line.split()[1].split("/")[0]) for line in lines] == [1, *range(10, 101, 10)]
    assert "\r" not in log.getvalue()
    log = io.StringIO()
    nn.fit(network(), X, T, epochs=3, callbacks=[nn.Progress(log)])
    assert len(log.getvalue().splitlines()) == 3


def test_progress_tells_the_last_epoch_of_a_training_that_was_cut_short():
    for call, lines in ((16, [1, 10, 16]), (10, [1, 10]), (0, [0])):
        log = io.StringIO()
        stop = At("on_batch_begin", throw(KeyboardInterrupt()), call)
        nn.fit(network(), X, T, epochs=100, callbacks=[nn.Progress(log), stop])
        written = log.getvalue().splitlines()
        assert [int(line.split()[1].split("/")[0]) for line in written] == lines


def test_progress_writes_to_stderr_as_it_is_when_training_begins(capsys):
    nn.fit(network(), X, T, epochs=1, callbacks=[nn.Progress()])
    captured = capsys.readouterr()
    assert captured.err.startswith("epoch 1/1  loss ") and captured.out == ""


def test_nothing_is_written_without_progress(capsys):
    nn.fit(network(), X, T, epochs=3, validation_split=0.2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


# --- bad settings ---


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.EarlyStopping(patience=0),
         "EarlyStopping needs patience to be a whole number, at least 1, got 0"),
        (lambda: nn.EarlyStopping(min_delta=-0.1),
         "EarlyStopping needs min_delta to be a finite number, at least 0, got -0.1; "
         "did you mean 0.1?"),
        (lambda: nn.EarlyStopping(monitor=3), "EarlyStopping needs monitor to be a name, got 3"),
        (lambda: nn.EarlyStopping(mode="least"),
         "EarlyStopping needs mode to be 'min' or 'max', got 'least'"),
        (lambda: nn.EarlyStopping(baseline="1"),
         "EarlyStopping needs baseline to be a finite number, got '1'; did you mean 1, without "
         "quotes?"),
        (lambda: nn.EarlyStopping(start_from_epoch=-1),
         "EarlyStopping needs start_from_epoch to be a whole number, at least 0, got -1"),
        (lambda: nn.CSVLog("x.csv", separator=""),
         "CSVLog needs separator to be one character, such as ',' or ';', got ''"),
        (lambda: nn.CSVLog("x.csv", append=1), "CSVLog needs append to be True or False, got 1"),
        (lambda: nn.LambdaCallback(on_epoch_ends=print),
         "LambdaCallback needs functions for on_train_begin, on_epoch_begin, on_batch_begin, "
         "on_batch_end, on_epoch_end, after_epoch, on_train_end, got 'on_epoch_ends'; did you mean "
         "'on_epoch_end'?"),
        (lambda: nn.LambdaCallback(on_epoch_end=3),
         "LambdaCallback needs on_epoch_end to be a function, got 3"),
        (lambda: nn.EarlyStopping(restore_best="yes"),
         "EarlyStopping needs restore_best to be True or False, got 'yes'"),
        (lambda: nn.Checkpoint("x", every=2.0),
         "Checkpoint needs every to be a whole number, at least 1, got 2.0; did you mean 2?"),
        (lambda: nn.Checkpoint("x", best_only=1),
         "Checkpoint needs best_only to be True or False, got 1"),
        (lambda: nn.Progress(every=None),
         "Progress needs every to be a finite number, at least 0, got None"),
        (lambda: Callbacks([nn.EarlyStopping]),
         "callbacks need to be Callback objects, got <class 'tinynn.training.callbacks."
         "EarlyStopping'>; did you mean EarlyStopping(), with parentheses?"),
        (lambda: Callbacks([print]),
         "callbacks need to be Callback objects, got <built-in function print>"),
        (lambda: Callbacks(nn.EarlyStopping),
         "callbacks need to be a list, got <class 'tinynn.training.callbacks.EarlyStopping'>; "
         "wrap it in [...]"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(make, message):
    with pytest.raises(nn.SettingError) as caught:
        make()
    assert str(caught.value) == message


def test_one_callback_is_no_list():
    early = nn.EarlyStopping()
    with pytest.raises(nn.SettingError) as caught:
        nn.fit(network(), X, T, callbacks=early)
    assert str(caught.value) == f"callbacks need to be a list, got {early!r}; wrap it in [...]"
