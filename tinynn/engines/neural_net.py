"""`NeuralNet` as the package offers it: the lesson's class, with a faster way to train."""

from __future__ import annotations

from copy import copy
from itertools import repeat
from math import isclose

from ..checks.rows import as_rows
from ..checks.settings import is_number
from ..lesson import neural_net as lesson
from ..lesson.matrix import Rows

# A product takes about 40 us to write and compile, and then saves about 0.2 us each time that it
# is computed (CPython 3.11).
WORTHWHILE = 200
MAX_WEIGHTS = 100
MAX_TERMS = 400  # rows times weights, up to which the rows are written into the source
LARGE = 1e100  # with numbers below it, nothing can overflow
COMPARED = 2  # iterations that the lesson makes, too
# Ctrl-C loses the iterations of one block, of about 10 ms for the smallest networks.
BLOCK = 32_768


class UnrolledNeuralNet(lesson.NeuralNet):
    """One layer of `outputs` sigmoid neurons, each fed by all `inputs`; no bias.

    `synaptic_weights` has a row for each input and a column for each output. They start at random
    between −1 and 1, and equal `numpy.random.seed(seed); 2 * numpy.random.random((inputs, outputs))
    - 1` bit for bit.

    Start with its base class, which is a whole neural network on one page, in
    `tinynn/lesson/neural_net.py`: this class only trains faster.

    >>> net = NeuralNet(seed=1)
    >>> net.train([[0, 1, 1], [1, 0, 0], [1, 0, 1]], [[1], [0], [1]], 10_000)
    >>> [f"{answer:.8f}" for answer in net.learn([1, 0, 1])]
    ['0.98977040']
    """

    def train(self, inputs: Rows, outputs: Rows, iterations: int) -> None:
        """Train on all of these rows at once, `iterations` times, with the lesson's formulas.

        The weights are the lesson's to the last bit where `sum` adds floats one by one, up to
        Python 3.11; later versions add more exactly, and the last digits differ. Many iterations
        run as straight-line source, written for these rows. If the lesson's first iterations
        differ from it, because someone edited a formula there, the lesson does all of them, as it
        does for subclasses.

        Raises ShapeError or DataError, and changes nothing, unless `inputs` and `outputs` are
        equally many rows of finite numbers with the network's widths, and outputs are between 0
        and 1. Raises DivergenceError, and changes nothing, if the weights grew too large for
        floats.
        """
        many = is_number(iterations, whole=True) and iterations >= WORTHWHILE
        if not (many and _is_plain(self) and _train_unrolled(self, inputs, outputs, iterations)):
            super().train(inputs, outputs, iterations)


# Its users know it by the lesson's name: in messages, pickles and `help`.
UnrolledNeuralNet.__name__ = UnrolledNeuralNet.__qualname__ = "NeuralNet"
NeuralNet = UnrolledNeuralNet


def _is_plain(net: UnrolledNeuralNet) -> bool:
    """Return whether a network has nothing of its own: no subclass, no methods replaced."""
    kind = type(net)
    return (
        kind is UnrolledNeuralNet
        and kind.think is lesson.NeuralNet.think
        and vars(net).keys() == {"inputs", "outputs", "synaptic_weights"}
    )


def _train_unrolled(net: UnrolledNeuralNet, inputs: Rows, outputs: Rows, iterations: int) -> bool:
    """Train with generated source; return False, and change nothing, where that cannot be done."""
    first, done = copy(net), min(COMPARED, iterations)
    lesson.NeuralNet.train(first, inputs, outputs, done)  # checks everything, too
    X, T = as_rows(inputs, "inputs"), as_rows(outputs, "outputs")
    weights = [w for row in net.synaptic_weights for w in row]
    if len(weights) > MAX_WEIGHTS or not all(
        abs(number) < LARGE for row in [*X, weights] for number in row
    ):
        return False
    # Here, because short trainings do not need it, and it takes several times as long to import.
    from .unrolled.original import training

    data = tuple([(tuple(x), tuple(t)) for x, t in zip(X, T)])
    written = len(X) * len(weights) <= MAX_TERMS
    train = training(net.inputs, net.outputs, data if written else ())
    rows = [(*x, *t) for x, t in data]
    new = train(weights, rows, repeat(None, done))
    if not all(map(_close, [w for row in first.synaptic_weights for w in row], new)):
        return False
    columns = net.outputs
    net.synaptic_weights = first.synaptic_weights
    while done < iterations:
        count = min(BLOCK, iterations - done)
        new = train(new, rows, repeat(None, count))
        done += count
        net.synaptic_weights = [list(new[k : k + columns]) for k in range(0, len(new), columns)]
    return True


def _close(a: float, b: float) -> bool:
    return isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
