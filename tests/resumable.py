"""A training that can be killed: `python resumable.py RECIPE ENGINE FILE` resumes the run in FILE.

It prints "begun" when training begins, and at the end all of its numbers as one line of JSON.
"""

from __future__ import annotations

import json
import random
import sys
import time

import tinynn as nn
from tinynn.lesson.schedules import ReduceOnPlateau
from tinynn.training import resuming
from tinynn.training.saved_state import history_to_dict


class Slowly(nn.Callback):
    """Says when training begins, and gives others the time to kill it."""

    def on_train_begin(self, trainer):
        print("begun", flush=True)

    def on_epoch_end(self, trainer):
        time.sleep(0.002)


def table(rows, columns, seed=3):
    rng = random.Random(seed)
    X = [[rng.gauss(0.0, 1.0) for _ in range(columns)] for _ in range(rows)]
    return X, [[float(sum(x) > 0.0)] for x in X]


def network(columns, hidden, *between):
    return nn.Sequential(
        nn.Dense(columns, hidden), *between, nn.Tanh(), nn.Dense(hidden, 1), nn.Sigmoid(), seed=1
    )


def stream(X, T):
    return lambda: ((X[k : k + 8], T[k : k + 8]) for k in range(0, len(X), 8))


def momentum(engine, resume=None, callbacks=()):
    """In lanes, under the packed engine: velocities, weight decay."""
    X, T = table(37, 20)
    model = network(20, 24)
    optimizer = nn.SGD(0.3, momentum=0.9, nesterov=True, weight_decay=1e-3)
    return model, nn.fit(
        model, X, T, loss="bce", optimizer=optimizer, batch_size=8, epochs=60, engine=engine,
        resume=resume, callbacks=callbacks,
    )  # fmt: skip


def plateau(engine, resume=None, callbacks=()):
    """Noise, a schedule that remembers, early stopping, metrics, clipped gradients."""
    X, T = table(60, 6)
    model = network(6, 12, nn.Dropout(0.2))
    return model, nn.fit(
        model, X, T, loss="bce", optimizer=nn.Adam(ReduceOnPlateau(0.1, patience=2)),
        batch_size=8, epochs=80, engine=engine, validation_split=0.3, clip_norm=0.5,
        metrics={"first": lambda T, Y: Y[0][0]}, resume=resume,
        callbacks=[*callbacks, nn.EarlyStopping(patience=15)],
    )  # fmt: skip


def normalized(engine, resume=None, callbacks=()):
    """Running statistics, batches of all rows, sample weights."""
    X, T = table(30, 5)
    model = network(5, 8, nn.BatchNorm(8))
    return model, nn.fit(
        model, X, T, optimizer=nn.RMSprop(0.01), batch_size=None, epochs=60, engine=engine,
        resume=resume, sample_weight=[1.0 + i % 3 for i in range(30)], callbacks=callbacks,
    )  # fmt: skip


def whole_table(engine, resume=None, callbacks=()):
    """The steps and gradients that L-BFGS remembers."""
    X, T = table(60, 6)
    model = network(6, 16)
    return model, nn.fit(
        model, X, T, loss="bce", optimizer="lbfgs", epochs=40, engine=engine, resume=resume,
        callbacks=callbacks,
    )  # fmt: skip


def streamed(engine, resume=None, callbacks=()):
    """Batches that are read again in each epoch."""
    model = network(20, 24)
    return model, nn.fit(
        model, stream(*table(40, 20)), optimizer=nn.SGD(0.5, momentum=0.8), epochs=50,
        engine=engine, resume=resume, callbacks=callbacks,
    )  # fmt: skip


def tiny(engine, resume=None, callbacks=()):
    """A table that the unrolled engine writes into its source after a while."""
    model = network(2, 3)
    X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    return model, nn.fit(
        model, X, [0.0, 1.0, 1.0, 0.0], optimizer=nn.SGD(1.0), batch_size=4, epochs=600,
        engine=engine, resume=resume, callbacks=callbacks,
    )  # fmt: skip


RECIPES = {
    recipe.__name__: recipe
    for recipe in (momentum, plateau, normalized, whole_table, streamed, tiny)
}


def numbers(model, history):
    """Return all that has to be the same, in JSON."""
    training = model.training
    kept = {key: training[key] for key in ("epochs", "steps", "memory", "schedule", "engine")
            if key in training}  # fmt: skip
    record = history_to_dict(history)
    del record["seconds"], record["engine_reason"]
    return json.dumps([model.state(), kept, record, history.best_epoch])


def main():
    recipe, engine, path = sys.argv[1:]
    resuming.SECONDS = -1.0  # write after each epoch
    resuming.SHARE = 1e9
    print(numbers(*RECIPES[recipe](engine, path, [Slowly()])))


if __name__ == "__main__":
    main()
