"""The course: the lesson's own pages pass, and what goes wrong in an exercise is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tinynn.cli import main
from tinynn.errors import SettingError
from tinynn.teaching.course.exercises import EXERCISES, exercise, starting_file
from tinynn.teaching.course.learners import LearnersError, check, check_file, load

NUMBERS = range(1, len(EXERCISES) + 1)


def written(tmp_path, number, source):
    """Return the results for a file, by name: what is off, or ""."""
    path = str(tmp_path / "mine.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)
    results = check_file(exercise(number), path)
    return {result.name: result.text.replace(path, "mine.py") for result in results}


@pytest.mark.parametrize("number", NUMBERS)
def test_the_pages_of_the_lesson_are_the_answers(number):
    one = exercise(number)
    results = check(one, vars(one.answers), "the lesson")
    assert [str(result) for result in results if not result.ok] == []
    assert len(results) == len(one.probes) + bool(one.last)


def test_each_page_has_its_exercise():
    assert [one.module for one in EXERCISES] == [
        "neural_net", "matrix", "activations", "losses", "layers", "network", "optimizers",
        "training",
    ]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_the_file_to_start_from_runs_and_has_everything_to_fill_in(tmp_path, number):
    source = starting_file(number, "tinynn", f"python3 -m tinynn lesson {number} mine.py")
    off = written(tmp_path, number, source)
    assert len(off) == len(exercise(number).probes)
    for text in off.values():
        assert text.startswith("not written yet (mine.py, line ")
    for text in off.values():
        line = int(text.partition("line ")[2].rstrip(")"))
        assert source.splitlines()[line - 1].strip() == "raise NotImplementedError"


# What to write in place of each `raise NotImplementedError`, in order.
ANSWERS = {
    1: [
        "return [[sigmoid(sum(x * w for x, w in zip(row, column)))\n"
        "                 for column in zip(*self.synaptic_weights)] for row in X]",
        "for _ in range(iterations):\n"
        "            W = [list(w) for w in self.synaptic_weights]\n"
        "            for x, t, y in zip(inputs, outputs, self.think(inputs)):\n"
        "                for i in range(len(x)):\n"
        "                    for j in range(len(y)):\n"
        "                        W[i][j] += x[i] * (t[j] - y[j]) * y[j] * (1 - y[j])\n"
        "            self.synaptic_weights = W",
    ],
    2: [
        "return [list(column) for column in zip(*A)]",
        "return [[sum(a * b for a, b in zip(x, y)) for y in zip(*B)] for x in A]",
        "return [[a * b for a, b in zip(x, y)] for x, y in zip(A, B)]",
        "return [[a + r for a, r in zip(x, row)] for x in A]",
        "return [sum(column) for column in zip(*A)]",
    ],
    3: [
        "return 1 / (1 + exp(-z)) if z >= 0 else exp(z) / (1 + exp(z))",
        "return y * (1 - y)",
        "return 1 - y * y",
        "return max(0, z)",
        "return 1 if z > 0 else 0",
        "return max(0, z) + log1p(exp(-abs(z)))",
        "return sigmoid(z)",
        "p = [exp(x - max(z)) for x in z]; return [x / sum(p) for x in p]",
        "mean = sum(a * b for a, b in zip(y, dy)); return [a * (b - mean) for a, b in zip(y, dy)]",
    ],
    4: [
        "return sum((a - b) ** 2 for a, b in zip(y, t)) / len(y)",
        "return [2 * (a - b) / len(y) for a, b in zip(y, t)]",
        "return -sum(b * log(a) + (1 - b) * log(1 - a) for a, b in zip(y, t)) / len(y)",
        "return [(a - b) / (a * (1 - a)) / len(y) for a, b in zip(y, t)]",
        "return -sum(b * log(a) for a, b in zip(y, t))",
        "return [-b / a for a, b in zip(y, t)]",
    ],
    5: [
        "self.X = X; Z = matmul(X, self.W); return add_row(Z, self.b) if self.b else Z",
        "self.dW = matmul(transpose(self.X), dZ); self.db = column_sums(dZ)\n"
        "        return matmul(dZ, transpose(self.W))",
    ],
    6: [
        "for layer in self.layers: X = layer.forward(X, training)\n        return X",
        "for layer in self.layers[: len(self.layers) - skip_last][::-1]: dY = layer.backward(dY)\n"
        "        return dY",
    ],
    7: [
        "step = g\n"
        "        if self.momentum:\n"
        "            v = memory['velocity']\n"
        "            v[:] = [self.momentum * a + b for a, b in zip(v, g)]\n"
        "            step = v\n"
        "        return [a - learning_rate * b for a, b in zip(w, step)]",
        "b1, b2 = self.betas; m, v = memory['m'], memory['v']\n"
        "        m[:] = [b1 * a + (1 - b1) * b for a, b in zip(m, g)]\n"
        "        v[:] = [b2 * a + (1 - b2) * b * b for a, b in zip(v, g)]\n"
        "        return [x - learning_rate * a / (1 - b1 ** t) / (sqrt(c) / sqrt(1 - b2 ** t) + "
        "self.eps) for x, a, c in zip(w, m, v)]",
    ],
    8: [
        "Y = network.forward(X, True); network.backward(loss.gradient(Y, T)); return loss(Y, T)",
        "history = []\n"
        "    for epoch in range(epochs):\n"
        "        total = 0\n"
        "        for k in range(0, len(inputs), batch_size):\n"
        "            X, T = inputs[k : k + batch_size], targets[k : k + batch_size]\n"
        "            total += len(X) * backpropagate(network, loss, X, T)\n"
        "            update(network, optimizer, memory, optimizer.rate(epoch, step), step + 1)\n"
        "            step += 1\n"
        "        history.append(total / len(inputs))\n"
        "    return history",
    ],
}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_start_that_is_filled_in_is_right(tmp_path, number):
    first, *rest = starting_file(number, "tinynn", "").split("raise NotImplementedError")
    assert len(rest) == len(ANSWERS[number])
    source = first + "".join(answer + part for answer, part in zip(ANSWERS[number], rest))
    off = written(tmp_path, number, source)
    assert [f"{name}: {text}" for name, text in off.items() if text] == []


# --- what goes wrong ----------------------------------------------------------------------------

ACTIVATIONS = """
from math import exp, log1p
from tinynn.lesson.activations import *
"""
LOSSES = "import tinynn as nn\nfrom tinynn.lesson.losses import *\n"
LAYERS = "from tinynn.lesson.layers import Dense as Right\nfrom tinynn.lesson.matrix import *\n"
NETWORK = "from tinynn.lesson.network import Sequential as Right\n"
OPTIMIZERS = "import tinynn as nn\nfrom tinynn.lesson.optimizers import *\n"
TRAINING = "from tinynn.lesson.training import *\n"
PLANTED = [
    (1, "import tinynn as nn\nfrom tinynn.lesson.matrix import matmul\n"
     "class NeuralNet(nn.NeuralNet):\n"
     "    def think(self, X): return matmul(X, self.synaptic_weights)",
     "think", "It looks like the sums without the sigmoid."),
    (1, "from tinynn.teaching.course.checks_of_networks import _net\n"
     "NeuralNet = _net(lambda t, y: (t - y))",
     "train, one iteration",
     "It looks like a step by the error alone: the slope of the sigmoid is missing."),
    (1, "from tinynn.teaching.course.checks_of_networks import _net\n"
     "NeuralNet = _net(lambda t, y: (y - t) * y * (1 - y))",
     "train, one iteration", "the error has the wrong sign."),
    (2, "from tinynn.lesson.matrix import *\ndef transpose(A): return A",
     "transpose", "for [[1, 2, 3], [4, 5, 7]] it gives 2 rows of 3, and should give 3 rows of 2: "
     "rows and columns are exchanged"),
    (2, "from tinynn.lesson.matrix import *\ndef matmul(A, B): return transpose(B)",
     "matmul", "it gives 2 rows of 3, and should give 2 rows of 2"),
    (2, "from tinynn.lesson.matrix import *\nright = matmul\ndef matmul(A, B):\n"
     "    return [[sum(A[i][k] * B[j][k] for k in range(len(A[0]))) for j in range(len(B))]\n"
     "            for i in range(len(A))]",
     "matmul", "for [[1, 2, 3], [4, 5, 7]] and [[1, -1], [2, 0.5], [0, 3]], mine.py, line 4: "
     "IndexError: list index out of range. B has as many rows as A has columns."),
    (2, "from tinynn.lesson.matrix import *\ndef column_sums(A): return [sum(x) for x in A]",
     "column_sums", "for [[1, 2, 3], [4, 5, 7]] it gives a row of 2, and should give a row of 3"),
    (3, ACTIVATIONS + "def tanh_derivative(z, y): return 1 - y", "tanh_derivative",
     "at z = -2, y = -0.964028 it gives 1.96402758, and should give 0.0706508249. It looks like "
     "1 − y: the square is missing."),
    (3, ACTIVATIONS + "def tanh_derivative(z, y): return y * y - 1", "tanh_derivative",
     "at z = -2, y = -0.964028 it gives -0.0706508249, and should give 0.0706508249. Everywhere, "
     "the sign is turned."),
    (3, ACTIVATIONS + "def sigmoid_derivative(z, y): return 3 * y * (1 - y)", "sigmoid_derivative",
     "Everywhere it is 3 times what it should be."),
    (3, ACTIVATIONS + "def sigmoid(z): return 1 / (1 + exp(-z))", "sigmoid",
     "at z = -1000, mine.py, line 4: OverflowError: math range error. For z of this sign, take the "
     "equal form whose powers of e are at most 1."),
    (3, ACTIVATIONS + "def softmax_backward(y, dy): return [a * b for a, b in zip(y, dy)]",
     "softmax_backward", "It looks like dy y: the change of the sum is missing."),
    (3, ACTIVATIONS + "def softplus(z): max(0, z)", "softplus",
     "at z = -2 it gives None; is there a `return`?"),
    (3, ACTIVATIONS + "def relu(z): return str(z)", "relu",
     "at z = -2 it gives something of type str, not numbers"),
    (4, LOSSES + "class MeanSquaredError(nn.MeanSquaredError):\n"
     "    def row_derivative(self, y, t): return [(a - b) / len(y) for a, b in zip(y, t)]",
     "MeanSquaredError.row_derivative",
     "It looks like (y − t) / m: the 2 of the square is missing."),
    (4, LOSSES + "class CategoricalCrossEntropy(nn.CategoricalCrossEntropy):\n"
     "    def row_derivative(self, y, t): return [a - b for a, b in zip(y, t)]",
     "CategoricalCrossEntropy.row_derivative",
     "It looks like y − t: that includes the derivative of a softmax before the loss."),
    (5, LAYERS + "class Dense(Right):\n    def backward(self, dZ, wants_dX=True):\n"
     "        self.dW = scale(matmul(transpose(self.X), dZ), 1 / len(dZ))\n"
     "        self.db = column_sums(dZ)\n        return matmul(dZ, transpose(self.W))",
     "Dense.backward: dW",
     "It looks like a mean over the rows: the loss takes the mean, and here is a sum."),
    (5, LAYERS + "class Dense(Right):\n    def backward(self, dZ, wants_dX=True):\n"
     "        return matmul(dZ, self.W)", "Dense.backward: dX",
     "for 3 rows of 2, mine.py, line 5: ShapeError: matmul needs as many columns in A as rows in "
     "B"),
    (6, NETWORK + "class Sequential(Right):\n"
     "    def backward(self, dY, skip_last=False, wants_dX=False):\n"
     "        for layer in self.layers: dY = layer.backward(dY, True)\n        return dY",
     "Sequential.backward",
     "It looks like the derivatives going through the layers in the order of forward."),
    (6, NETWORK + "class Sequential(Right):\n    def forward(self, X, training=False):\n"
     "        for layer in self.layers: X = layer.forward(X)\n        return X",
     "Sequential.forward, in training or not",
     "told that this is training, it gives 0, and should give 1."),
    (7, OPTIMIZERS + "class SGD(nn.SGD):\n"
     "    def update(self, w, g, memory, learning_rate, t):\n"
     "        return [a + learning_rate * b for a, b in zip(w, g)]", "SGD",
     "It looks like a step up: weights move against the derivative."),
    (7, OPTIMIZERS + "class Adam(nn.Adam):\n"
     "    def update(self, w, g, memory, learning_rate, t):\n"
     "        return super().update(w, g, memory, learning_rate, 10 ** 9)", "Adam",
     "It looks like m and v without the corrections by 1 − βᵗ."),
    (8, TRAINING + "def backpropagate(network, loss, X, T):\n"
     "    return loss(network.forward(X, True), T)", "backpropagate: the derivatives",
     "It looks like all 0: nothing was passed backward."),
    (8, TRAINING + "right = train\n"
     "def train(network, X, T, loss, optimizer, epochs=1, batch_size=32):\n"
     "    return right(network, X, T, loss, optimizer, epochs, len(X))", "train: the weights",
     "after 1 epoch of 3 batches it gives"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "source", "name", "words"), PLANTED)
def test_planted_bugs_are_told(tmp_path, number, source, name, words):
    off = written(tmp_path, number, source)
    assert words in off[name]


def test_only_what_is_wrong_is_off(tmp_path):
    off = written(tmp_path, 3, ACTIVATIONS + "def tanh_derivative(z, y): return 1 - y")
    assert [name for name, text in off.items() if text] == ["tanh_derivative"]


def test_the_gradient_checker_has_the_last_word(tmp_path):
    """Right where it was probed, wrong elsewhere: the derivative does not fit its function."""
    source = ACTIVATIONS + (
        "def tanh_derivative(z, y):\n"
        "    return 1 - y * y if z in (-2, -0.5, 0.25, 1, 3) else 1 - y\n"
    )
    off = written(tmp_path, 3, source)
    assert "with tanh and tanh_derivative, " in off["the gradient checker"]
    assert "backward gives" in off["the gradient checker"]


def test_a_missing_name(tmp_path):
    off = written(tmp_path, 3, "def sigmoyd(z): return z")
    assert off["sigmoid"] == "mine.py does not define sigmoid; did you mean 'sigmoyd'?"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(:", "mine.py, line 1: SyntaxError: "),
        ("x = 1\ny = x / 0", "mine.py, line 2: ZeroDivisionError: division by zero"),
        ("import no_such_module", "mine.py, line 1: ModuleNotFoundError: No module named "),
        ("raise SystemExit", "mine.py, line 1: SystemExit: the program ended itself"),
        ("def f(): f()\nf()", "mine.py, line 1: RecursionError: maximum recursion depth exceeded"),
        ("# -*- coding: nothing -*-", "mine.py"),
    ],
)
def test_a_file_that_does_not_run(tmp_path, source, message):
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(LearnersError) as caught:
        load(str(path))
    assert message in str(caught.value)


def test_a_file_may_import_its_neighbours(tmp_path):
    (tmp_path / "neighbour_of_mine.py").write_text("x = 3")
    (tmp_path / "mine.py").write_text("from neighbour_of_mine import x")
    assert load(str(tmp_path / "mine.py"))["x"] == 3
    assert str(tmp_path) not in sys.path


def test_an_unknown_exercise():
    with pytest.raises(SettingError) as caught:
        exercise("9")
    assert str(caught.value) == (
        "a lesson is a number from 1 to 8, or neural_net, matrix, activations, losses, layers, "
        "network, optimizers, training, got '9'"
    )


# --- the command --------------------------------------------------------------------------------


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lesson"]) == 0
    out = capsys.readouterr().out
    assert "  3  activations  functions and their derivatives\n" in out
    assert main(["lesson", "losses"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Exercise 4: how far off\n")
    assert "    MeanSquaredError         Σ (y − t)² / m\n" in out
    assert main(["lesson", "3", "--start", "mine.py"]) == 0
    start = (tmp_path / "mine.py").read_text(encoding="utf-8")
    assert main(["lesson", "3", "--start", "mine.py"]) == 2
    assert capsys.readouterr().err == (
        "tinynn: mine.py is there already, and is not overwritten; give another name\n"
    )
    assert (tmp_path / "mine.py").read_text(encoding="utf-8") == start
    assert main(["lesson", "3", "mine.py"]) == 1
    out = capsys.readouterr().out
    assert "OFF  sigmoid: not written yet (mine.py, line " in out
    assert out.endswith("\n0 of 9 are right.\n")
    (tmp_path / "mine.py").write_text(ACTIVATIONS)
    assert main(["lesson", "3", "mine.py"]) == 0
    out = capsys.readouterr().out
    assert "ok   the gradient checker: all 105 derivatives agree\n" in out
    assert "All 10 are right. Compare with " in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--start", "x.py"], "--start needs the number of an exercise: lesson 3 --start mine.py"),
        (["3", "x.py", "--start", "y.py"], "lesson needs a file to check or --start, got both"),
        (["3", "nothing.py"], "nothing.py: No such file or directory"),
    ],
)
def test_wrong_words(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["lesson", *words]) == 2
    assert capsys.readouterr().err == f"tinynn: {message}\n"


@pytest.mark.skipif(os.name == "nt", reason="sends a signal to itself")
def test_an_endless_loop_is_told_after_ctrl_c(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        ACTIVATIONS + "def relu(z):\n    while True:\n        z += 1\n"
    )
    looping = threading.Event()

    def interrupt():
        # The main thread is in the loop soon; a signal before that is told in the same way.
        looping.wait(5.0)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    looping.set()
    assert main(["lesson", "3", "mine.py"]) == 130
    thread.join()
    assert "stopped in mine.py, line " in capsys.readouterr().err


def test_the_library_itself_is_not_in_the_learners_traceback(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import tinynn as nn\nclass Dense(nn.Dense):\n"
        "    def forward(self, X, training=False): return X.shape\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tinynn", "lesson", "5", "mine.py"], cwd=tmp_path,
        capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.getcwd(), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "mine.py, line 3: AttributeError: 'list' object has no" in " ".join(done.stdout.split())
    assert done.stderr == ""
