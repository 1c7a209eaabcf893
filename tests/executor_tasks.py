"""Functions and callbacks of the tests of executors, which workers import from here."""

import os
import random
import signal
import time

from tinynn.errors import DataError
from tinynn.training.callbacks import Callback


def plus(shared, task):
    return shared[0] + task


def process(shared, task):
    time.sleep(0.05)
    return os.getpid()


def fail(shared, task):
    if task == "bad":
        raise ValueError("boom\nand more")
    if task == "refused":
        raise DataError("inputs need numbers, got none")
    if task == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "interrupt":
        raise KeyboardInterrupt
    return task


class Counted:
    """Something shared, which counts how often it is pickled."""

    pickled = 0

    def __init__(self, value=0):
        self.value = value

    def __getitem__(self, index):
        return self.value

    def __reduce__(self):
        Counted.pickled += 1
        return Counted, (self.value,)


class Killer(Callback):
    """Kills the process that trains, in the second epoch."""

    def on_epoch_end(self, trainer):
        if trainer.epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)


def share_of_b(estimator, X, y):
    return estimator.predict(X).count("b") / len(X)


# --- parts of a table ---------------------------------------------------------------------------


def rows_of(k, rows=40):
    rng = random.Random(k)
    X = [[rng.uniform(-1, 1) for _ in range(3)] for _ in range(rows)]
    return X, [[x[0] * x[1] + x[2]] for x in X]


def weighted_rows_of(k):
    X, T = rows_of(k)
    return X, T, [1.0 + i % 3 for i in range(len(X))]


def absent():
    return open("there is no such file")


def wrong_width():
    return [[1.0, 2.0]], [[1.0]]


def wrong_kind():
    return [1.0]


def wild():
    return [[1e200, 0.0, 0.0]], [[1e300]]


def deadly():
    os.kill(os.getpid(), signal.SIGKILL)
