"""`tinynn demo`: the original program and a real classifier, in seconds; iris as a table."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from shlex import quote

from ..data import StandardScaler, class_numbers, load_iris, one_hot, train_test_split
from ..engines.neural_net import NeuralNet
from ..files.atomic import write_text
from ..lesson.activation_layers import Softmax, Tanh
from ..lesson.adam import Adam
from ..lesson.layers import Dense
from ..lesson.network import Sequential
from ..metrics import accuracy, confusion_matrix
from ..training.callbacks import EarlyStopping
from ..training.progress import Progress
from ..training.trainer import fit
from ..view import shows_blocks, text_confusion
from .console import Console, check_writable
from .parser import program_name

INPUTS = [[0, 1, 1], [1, 0, 0], [1, 0, 1]]
OUTPUTS = [[1], [0], [1]]
QUESTION = [1, 0, 1]


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    if options.csv:
        write_iris(options.csv)
        return
    show_original_program()
    print()
    iris(options.seed)


def write_iris(path: str) -> None:
    """Write the iris flowers to a CSV file, one per line, and print a command that uses it."""
    check_writable(path)
    flowers = load_iris()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*flowers.feature_names, "species"])
    for lengths, number in zip(flowers.inputs, flowers.targets):
        writer.writerow([*lengths, flowers.target_names[number]])
    write_text(path, text.getvalue())
    console = Console()
    console.say(f"{len(flowers.inputs)} iris flowers written to {path}; train a model on them with")
    console.say(f"  {program_name()} train {quote(path)} --target species --out iris-model.json")


def show_original_program() -> None:
    """Print the answer of the original program after 0, 10, 100 and 10,000 iterations."""
    print("The original program learns three rows, and its answer to [1, 0, 1] approaches 1.\n")
    print("  iterations   answer")
    net = NeuralNet(seed=1)
    trained = 0
    for iterations in (0, 10, 100, 10_000):
        net.train(INPUTS, OUTPUTS, iterations - trained)
        trained = iterations
        (answer,) = net.learn(QUESTION)
        print(f"  {iterations:10,}   {answer:.8f}")


def iris(seed: int) -> None:
    """Train a classifier on iris with a progress line, and print how it does on new flowers."""
    flowers = load_iris()
    names = list(flowers.target_names)
    X, X_test, t, t_test = train_test_split(
        flowers.inputs, flowers.targets, test_fraction=0.3, seed=seed, stratify=True
    )
    X, X_validation, t, t_validation = train_test_split(
        X, t, test_fraction=0.2, seed=seed, stratify=True
    )
    print(
        f"Iris: {len(X)} flowers to train on, {len(X_validation)} to decide when to stop, "
        f"{len(X_test)} to test.\n"
    )
    scaler = StandardScaler().fit(X)
    model = Sequential(Dense(4, 10), Tanh(), Dense(10, 3), Softmax(), seed=seed)
    print(f"{model!r}: {model.count_parameters()} parameters")
    fit(
        model,
        scaler.transform(X),
        one_hot(t, 3),
        loss="ce",
        optimizer=Adam(learning_rate=0.01),
        epochs=200,
        batch_size=16,
        validation=(scaler.transform(X_validation), one_hot(t_validation, 3)),
        callbacks=[EarlyStopping(patience=30), Progress(sys.stdout)],
        seed=seed,
    )
    answers = class_numbers(model.predict(scaler.transform(X_test)))
    right = sum(answer == target for answer, target in zip(answers, t_test))
    print(f"\ntest accuracy {accuracy(t_test, answers):.3f}: {right} of {len(t_test)} right\n")
    ascii_only = not shows_blocks(sys.stdout.encoding)
    print(text_confusion(confusion_matrix(t_test, answers), names, ascii_only=ascii_only))
