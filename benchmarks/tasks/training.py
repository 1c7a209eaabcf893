"""Training tasks, from the original program's three weights to a hundred thousand."""

from __future__ import annotations

from . import data
from .kinds import Layer, Training, starting_layers

# numpy.random.seed(1); 2 * numpy.random.random((3, 1)) - 1
ORIGINAL_START = ([-0.16595599059485195], [0.4406489868843162], [-0.9997712503653102])


def _original_layers() -> list[Layer]:
    return [([list(row) for row in ORIGINAL_START], [])]


TASKS: tuple[Training, ...] = (
    Training(
        "original",
        "the original program, 10,000 iterations, in process",
        unit="10,000 iterations",
        amount=10_000,
        check_amount=100,
        sizes=(3, 1),
        learning_rate=1.5,  # times the 2/3 in the derivative of a mean over three rows: 1
        data=data.original,
        layers=_original_layers,
        original=True,
        notes=("NumPy runs the nine-line program, on floats, which it multiplies fastest.",),
    ),
    Training(
        "xor",
        "XOR 2-4-1, full batch of 4",
        unit="step",
        amount=2000,
        check_amount=50,
        sizes=(2, 4, 1),
        hidden="tanh",
        loss="bce",
        data=data.truth_table,
    ),
    Training(
        "sgd-2-4-1",
        "SGD by single samples, 2-4-1",
        unit="sample",
        amount=2000,
        check_amount=50,
        sizes=(2, 4, 1),
        batch_size=1,
        data=data.truth_table,
    ),
    Training(
        "sgd-4-10-3",
        "SGD by single samples, iris 4-10-3",
        unit="sample",
        amount=20,
        check_amount=2,
        sizes=(4, 10, 3),
        batch_size=1,
        data=data.iris,
    ),
    Training(
        "sgd-2-16-16-1",
        "SGD by single samples, 2-16-16-1",
        unit="sample",
        amount=20,
        check_amount=2,
        sizes=(2, 16, 16, 1),
        batch_size=1,
        data=data.two_moons,
    ),
    Training(
        "iris-16",
        "iris 4-10-3, batches of 16",
        unit="step",
        amount=100,
        check_amount=3,
        sizes=(4, 10, 3),
        hidden="tanh",
        output="softmax",
        loss="ce",
        learning_rate=0.1,
        batch_size=16,
        data=data.iris,
    ),
    Training(
        "moons",
        "moons 2-16-16-1, full batch of 100",
        unit="step",
        amount=300,
        check_amount=5,
        sizes=(2, 16, 16, 1),
        hidden="tanh",
        loss="bce",
        data=data.two_moons,
    ),
    Training(
        "micrograd-demo",
        "micrograd's demo: moons 2-16-16-1, ReLU, 100 samples, 100 steps",
        unit="step",
        amount=100,
        check_amount=2,
        sizes=(2, 16, 16, 1),
        hidden="relu",
        output="linear",
        loss="hinge",
        learning_rate=1.0,
        weight_decay=2e-4,
        falling_rate=True,
        data=data.two_moons_signed,
        baseline="micrograd",
    ),
    Training(
        "digits-64-32-10",
        "8x8 digits 64-32-10, batches of 32, half of the inputs 0, 16 greys",
        unit="sample",
        amount=40,
        check_amount=1,
        sizes=(64, 32, 10),
        hidden="relu",
        output="softmax",
        loss="ce",
        learning_rate=0.1,
        batch_size=32,
        data=lambda: data.images(64, 160, 0.5, levels=16),
        # With seed 1, one sum is so close to 0 that fixed-point rounding decides on which side of
        # the ReLU's kink it is: one unit then learns something else from one row.
        layers=lambda: starting_layers((64, 32, 10), seed=2),
    ),
    Training(
        "784-30-10-dense",
        "784-30-10, batches of 10, no input 0",
        unit="sample",
        amount=40,
        sizes=(784, 30, 10),
        batch_size=10,
        data=lambda: data.images(784, 50, 1.0),
    ),
    Training(
        "784-30-10",
        "784-30-10, batches of 10, 19% of the inputs not 0, in 255 greys, as in handwritten digits",
        unit="sample",
        amount=40,
        sizes=(784, 30, 10),
        batch_size=10,
        data=lambda: data.images(784, 50, 0.19, levels=255),
    ),
    Training(
        "784-128-10",
        "784-128-10, batches of 32, the same kind of inputs",
        unit="sample",
        amount=40,
        sizes=(784, 128, 10),
        hidden="relu",
        output="softmax",
        loss="ce",
        learning_rate=0.1,
        batch_size=32,
        data=lambda: data.images(784, 64, 0.19, levels=255),
    ),
)
