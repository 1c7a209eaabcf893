"""The formats: samples of each, how they are damaged, and how what was read is used afterwards."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import math
import os
import pathlib
import random
import struct
import tempfile
import warnings
from typing import Any, Callable, NamedTuple, Sequence

import exported_models
from random_networks import random_layers

import tinynn as nn
from fuzzing import mutators
from tinynn import export, importers, text
from tinynn.cli import main, models, reporting
from tinynn.data.files import TableFile
from tinynn.estimators.text.about import TextAbout
from tinynn.lesson.schedules import ReduceOnPlateau
from tinynn.preprocessing import TableEncoder
from tinynn.training.lbfgs import from_dict as optimizer_from_dict

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
Random = Any  # random.Random


class Format(NamedTuple):
    """A kind of file.

    samples: returns some whole files, small and different
    mutate:  returns a damaged one of a sample, with another sample to take parts from
    read:    loads the file at a path, and returns the model
    use:     uses the model, by random
    """

    samples: Callable[[], list[bytes]]
    mutate: Callable[[Random, bytes, bytes], bytes]
    read: Callable[[str], Any]
    use: Callable[[Random, Any, str], None]


# --- networks ------------------------------------------------------------------------------------

ENGINES = ("auto", "lists", "unrolled", "loops", "packed")
OPTIMIZERS = (
    lambda: nn.Adam(0.01, amsgrad=True),
    lambda: nn.RMSprop(0.01, momentum=0.5, centered=True),
    lambda: nn.Adagrad(0.01),
    lambda: nn.SGD(ReduceOnPlateau(0.01), momentum=0.9),
    lambda: nn.LBFGS(),
)


def _networks() -> list[nn.Sequential]:
    rng = random.Random(5)
    found = []
    names = ["Dense", "BatchNorm", "ReLU", "Dense", "LayerNorm", "LeakyReLU", "Dropout", "Dense"]
    for i, optimizer in enumerate(OPTIMIZERS):
        plain = optimizer().name == "lbfgs"
        layers = random_layers(["Dense", "ELU", "Dense"] if plain else names[i:], 2, rng)
        model = nn.Sequential(*layers, seed=i)
        X = [[rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(4)]
        T = [[rng.gauss(0, 1) for _ in range(model.outputs or 2)] for _ in X]
        nn.fit(model, X, T, optimizer=optimizer(), epochs=2, batch_size=4)
        found.append(model)
    return found


def _saved(save: Callable[..., object], *arguments: Any, **options: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "f")
        save(*arguments, path, **options)
        with open(path, "rb") as file:
            return file.read()


def _network_files() -> list[bytes]:
    return [_saved(model.save, training=True) for model in _networks()]


def use_network(rng: Random, model: nn.Sequential, path: str) -> None:
    """Predict, and then train, save or export."""
    width = model.inputs or 3
    X: Any = [[rng.gauss(0, 1) for _ in range(width)] for _ in range(4)]
    if model.reads_steps:
        model.predict([[[0.0] * width] * steps for steps in (1, 3)])
        return
    try:
        Y = model.predict(X)
    except nn.TinynnError:
        Y = [[0.5] * (model.outputs or width)] * 4
    what = rng.randrange(6)
    if what < 3:
        optimizer: Any = "adam"
        if "optimizer" in model.training:
            optimizer = optimizer_from_dict(model.training["optimizer"])
        options = {"engine": rng.choice(ENGINES)} if rng.random() < 0.5 else {"engine": "lists"}
        nn.fit(model, X, Y, optimizer=optimizer, epochs=1, batch_size=2, **options)
        model.predict(X)
    elif what == 3:
        model.save(path + ".saved", training=True)
        nn.load(path + ".saved")
    elif what == 4:
        name = rng.choice(("python", "javascript", "c", "onnx", "safetensors"))
        export.exporter(name)(model, path + ".exported")
    else:
        nn.compile(model)(X[0])
        model.summary()


def _mutate_json(rng: Random, sample: bytes, other: bytes) -> bytes:
    if rng.random() < 0.15:
        return mutators.mutated_bytes(rng, sample, other)
    text = mutators.mutated_json(rng, sample.decode())
    data = text.encode("utf-8", "surrogatepass")
    return mutators.mutated_bytes(rng, data, other) if rng.random() < 0.05 else data


# --- estimators, and models of the command line ---------------------------------------------------


def _estimators() -> list[Any]:
    found = [exported_models.estimator(random.Random(seed))[0] for seed in (1, 4, 5, 8, 11)]
    rows = [[i / 7, ("a", "b", None)[i % 3]] for i in range(12)]
    weighted = nn.Classifier(
        (2,), max_iter=1, class_weight={"p": 1.0, "q": 2.0}, solver=nn.Adam(0.01), random_state=1
    )
    stopped = nn.Classifier((2,), max_iter=2, early_stopping=True, random_state=2, solver="sgd")
    for model in (weighted, stopped):
        exported_models.quietly(model.fit, rows * 2, ["p", "q"] * 12)
        found.append(model)
    return found


def _estimator_files() -> list[bytes]:
    return [_saved(model.save, training=True) for model in _estimators()]


def _small(text: bytes) -> bytes:
    return json.dumps(json.loads(text), separators=(",", ":")).encode()


def _model_files() -> list[bytes]:
    """Return what the command line saves: with the table's layout and a test."""
    rng = random.Random(3)
    found = []
    for target in ("kind", "size"):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "t.csv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("x,town,day,kind,size\n")
                for i in range(60):
                    row = [f"{rng.gauss(0, 1):.2f}", rng.choice("ABC"), f"2020-{1 + i % 12:02}-07"]
                    file.write(",".join([*row, "pq"[i % 2], f"{i / 3:.1f}"]) + "\n")
            out = os.path.join(folder, "m.json")
            words = ["train", path, "--target", target, "--out", out, "--epochs", "2", "--quiet"]
            assert main([*words, "--hidden", "2"]) == 0
            with open(out, "rb") as file:
                found.append(file.read())
    return found


def use_estimator(rng: Random, model: Any, path: str) -> None:
    """Predict, and then train, save or export."""
    width = model.n_features_in_
    cells = (0.5, -3, "a", "12.5", None, "2020-01-07", "good words", "", float("nan"), "x")
    rows = [[rng.choice(cells) for _ in range(width)] for _ in range(6)]
    try:
        answers = model.predict(rows)
    except nn.TinynnError:
        rows = [[float(i + j) for j in range(width)] for i in range(6)]
        answers = [0.5] * 6
    what = rng.randrange(6)
    if what == 0:
        model.partial_fit(rows, answers)
    elif what == 1:
        model.set_params(max_iter=1, warm_start=rng.random() < 0.5).fit(rows, answers)
    elif what == 2:
        model.save(path + ".saved", training=True)
        nn.load(path + ".saved")
    elif what == 3:
        name = rng.choice(("python", "javascript", "c", "onnx"))
        export.exporter(name)(model, path + ".exported")
    elif what == 4:
        repr(model)
        model.encoder_.describe()
        model.encoder_.feature_names_out()
    else:
        model.score(rows, answers)


def use_model(rng: Random, model: Any, path: str) -> None:
    """Use a model as the command line does."""
    if isinstance(model, nn.Sequential):
        use_network(rng, model, path)
    elif rng.random() < 0.3:
        reporting.model_page(model, None if model.about is None else model.about.findings)
    else:
        use_estimator(rng, model.estimator, path)


# --- trainings that go on ------------------------------------------------------------------------

RUN_X = [[i / 7, (i % 5) / 3] for i in range(12)]
RUN_T = [[math.sin(i)] for i in range(12)]
RUNS = {  # by the optimizer, which says in a file how it goes on
    "adam": (nn.Adam(0.01), "lists", True),
    "sgd": (nn.SGD(ReduceOnPlateau(0.01), momentum=0.9), "packed", True),
    "rmsprop": (nn.RMSprop(0.01), "unrolled", False),
    "lbfgs": (nn.LBFGS(), "lists", False),
}


def _run(name: str, path: str, epochs: int) -> None:
    """Begin or continue a run that has this many epochs in total."""
    optimizer, engine, stops = RUNS[name]
    model = nn.Sequential(nn.Dense(2, 8), nn.Tanh(), nn.Dense(8, 1), seed=1)
    nn.fit(
        model, RUN_X, RUN_T, optimizer=optimizer, epochs=epochs, batch_size=4, engine=engine,
        callbacks=[nn.EarlyStopping(patience=50)] if stops else [],
        validation=(RUN_X[:4], RUN_T[:4]) if stops else None, resume=path,
    )  # fmt: skip


def _run_files() -> list[bytes]:
    return [_saved(lambda path, name=name: _run(name, path, 2)) for name in RUNS]


def _read_run(path: str) -> str:
    name = nn.load(path).training.get("optimizer", {}).get("type")
    return name if name in list(RUNS) else "adam"


def use_run(rng: Random, name: str, path: str) -> None:
    """Go on with a run, or with another one's file."""
    _run(rng.choice([name, name, name, *RUNS]), path, rng.choice((1, 2, 3)))
    os.unlink(path)


# --- files of other programs ---------------------------------------------------------------------


def use_imported(rng: Random, found: Any, path: str) -> None:
    """Use an imported network or estimator."""
    if isinstance(found, (nn.Classifier, nn.Regressor)):
        use_estimator(rng, found, path)
        return
    use_network(rng, found.network, path)


def _onnx_files() -> list[bytes]:
    found = []
    for model in _networks()[:4]:
        found.append(_saved(export.exporter("onnx"), model))
    spelled = nn.Sequential(
        nn.Dense(2, 2), nn.GELU(), nn.SiLU(), nn.SELU(), nn.Softplus(), nn.LayerNorm(), nn.Softmax()
    )
    found.append(_saved(export.exporter("onnx"), spelled))
    found.append(_onnx_by_hand())
    attends = nn.MultiHeadAttention(4, 2, causal=True)
    steps = [nn.Positions(5, 4), nn.Residual(nn.LayerNorm(), attends), nn.LastStep()]
    found.append(_saved(export.exporter("onnx"), nn.Sequential(nn.Embedding(3, 4), *steps)))
    golden = json.loads((GOLDEN / "skl2onnx.json").read_text())
    return found + [base64.b64decode(case["file"]) for case in golden]


def _onnx_by_hand() -> bytes:
    """Return a file with the operators and types of numbers that the export does not write."""
    from fuzzing import heavy
    from tinynn.files.protobuf import blob, integer_field, text

    half = struct.pack("<4e", 1.0, -1.0, 0.5, 2.0)
    axis = blob(5, text(1, "axis") + integer_field(3, 1))
    nodes = [
        heavy.onnx_node("Flatten", ["x"], "a", axis),
        heavy.onnx_node("MatMul", ["a", "W"], "b"),
        heavy.onnx_node("Add", ["b", "c"], "d"),
        heavy.onnx_node("Mul", ["d", "h"], "e"),
        heavy.onnx_node("Sub", ["c", "e"], "f"),
        heavy.onnx_node("Div", ["f", "c"], "g"),
        heavy.onnx_node("PRelu", ["g", "h"], "i"),
        heavy.onnx_node("Reshape", ["i", "s"], "j"),
        heavy.onnx_node("Dropout", ["j"], "k"),
        heavy.onnx_node("LeakyRelu", ["k"], "y"),
    ]
    tensors = [
        heavy.onnx_tensor("W", (2, 2), half, 10),
        heavy.onnx_tensor("c", (2,), struct.pack("<2d", 1.0, 2.0), 11),
        heavy.onnx_tensor("h", (), struct.pack("<H", 0x3F80), 16),
        heavy.onnx_tensor("s", (2,), struct.pack("<2q", 0, 2), 7),
    ]
    return heavy.onnx_model(b"".join(nodes + tensors), "y")


def _mutate_onnx(rng: Random, sample: bytes, other: bytes) -> bytes:
    if rng.random() < 0.3:
        return mutators.mutated_bytes(rng, sample, other)
    return mutators.mutated_protobuf(rng, sample)


def _safetensors_files() -> list[bytes]:
    return [_saved(export.exporter("safetensors"), model) for model in _networks()]


def _mutate_safetensors(rng: Random, sample: bytes, other: bytes) -> bytes:
    if rng.random() < 0.3:
        return mutators.mutated_bytes(rng, sample, other)
    (size,) = struct.unpack_from("<Q", sample)
    header, numbers = sample[8 : 8 + size].decode(), sample[8 + size :]
    if rng.random() < 0.4:  # the layers, a JSON text in the header
        content = json.loads(header)
        inner = mutators.mutated_json(rng, content["__metadata__"]["tinynn"])
        content["__metadata__"]["tinynn"] = inner
        header = json.dumps(content)
    elif rng.random() < 0.7:
        header = mutators.mutated_json(rng, header)
    else:
        numbers = mutators.mutated_bytes(rng, numbers, numbers)
    data = header.encode("utf-8", "surrogatepass")
    length = len(data) if rng.random() < 0.95 else rng.choice(mutators.LENGTHS)
    return struct.pack("<Q", length & (2**64 - 1)) + data + numbers


def _read_safetensors(path: str) -> importers.Imported:
    try:
        return importers.from_safetensors(path)
    except nn.TinynnError:
        layers = [nn.Dense(2, 3), nn.BatchNorm(), nn.Tanh(), nn.Dense(3, 1)]
        return importers.from_safetensors(path, layers)


def _brainjs_files() -> list[bytes]:
    newer = {
        "type": "NeuralNetwork", "sizes": [2, 2, 1],
        "layers": [
            {"weights": [], "biases": []},
            {"weights": [[0.5, -1.25], [2, 0.125]], "biases": [0.5, -0.5]},
            {"weights": [[1.5, -0.75]], "biases": [0.25]},
        ],
        "inputLookup": {"r": 0, "g": 1}, "inputLookupLength": 2,
        "outputLookup": {"black": 0}, "outputLookupLength": 1,
        "options": {"inputSize": 0, "binaryThresh": 0.5}, "trainOpts": {"activation": "leaky-relu",
        "leakyReluAlpha": 0.01, "iterations": 20000, "errorThresh": 0.005},
    }  # fmt: skip
    older = {
        "sizes": [2, 2, 1],
        "layers": [
            {"0": {}, "g": {}},
            {"0": {"bias": 0.5, "weights": {"0": 1, "g": -2.5}},
             "1": {"bias": -1, "weights": {"0": 0.75, "g": 1.5}}},
            {"dark": {"bias": 0.25, "weights": {"0": 1.5, "1": -1}}},
        ],
        "outputLookup": True, "inputLookup": True, "activation": "tanh",
    }  # fmt: skip
    lists = {
        "layers": [
            [{}, {}], [{"bias": 1, "weights": [1, 2]}, {"bias": 1, "weights": [1, 2]}],
            [{"bias": 0, "weights": [3, 4]}],
        ]
    }  # fmt: skip
    return [json.dumps(content).encode() for content in (newer, older, lists)]


# --- tables --------------------------------------------------------------------------------------


def _tables() -> list[bytes]:
    rng = random.Random(4)
    head = "x,town,day,price,text,y\n"
    body = "".join(
        f"{rng.gauss(0, 1):.3f},{rng.choice('ABC')},{1 + i % 28:02}.03.2021,${i},good {i % 3} day,"
        f"{'pq'[i % 2]}\n"
        for i in range(40)
    )
    return [
        (head + body).encode(), body.encode(), body.replace(",", ";").encode(),
        b"a,b\n1,2\n3,4\n5,6\n", b'a,b\n"1, 5",x\n"2 ""q""",y\n',
    ]  # fmt: skip


def _mutate_table(rng: Random, sample: bytes, other: bytes) -> bytes:
    if rng.random() < 0.3:
        return mutators.mutated_bytes(rng, sample, other)
    return mutators.mutated_table(rng, sample.decode())


def _read_table(path: str) -> list[list[str]]:
    return [row for _, row in TableFile(path).rows()]


def use_table(rng: Random, rows: list[list[str]], path: str) -> None:
    """Learn from a table, by its last column."""
    if rng.random() < 0.7:
        nn.Classifier((2,), max_iter=1, random_state=0).fit(
            [row[:-1] for row in rows], [row[-1] for row in rows]
        )
        return
    encoder = TableEncoder()
    encoder.fit(rows)
    encoder.encode(rows)
    encoder.describe()


# --- text ----------------------------------------------------------------------------------------


def _text_files() -> list[bytes]:
    names = ["anna", "hannah", "ann", "nan", "ha\x1b"]
    size: dict[str, Any] = {"width": 2, "heads": 1, "epochs": 1}

    def own(kinds: int) -> nn.Sequential:
        return nn.Sequential(nn.Embedding(kinds, 2), nn.Dense(2, kinds), nn.Softmax())

    models = [
        text.TextModel(**size).fit(names), text.TextModel(**size, network=own).fit(names),
        text.TextModel(**size, early_stopping=False).fit("\n".join(names)),
    ]  # fmt: skip
    models[0].about_ = TextAbout("names.txt", 5, 22, 1, 1.5, 1.25)
    return [_saved(model.save) for model in models]


def use_text(rng: Random, model: Any, path: str) -> None:
    """Write, and then measure, save, inspect or train."""
    one = model.whole_
    letters = model.vocabulary_.characters[:9]
    what = rng.randrange(5)
    model.sample(2, rng.choice((0, 0.5, 1e9)), rng.choice((None, 1, 99)), length=20)
    given: Any = letters * 3 if one else [letters, "", letters[:1]]
    if what == 0:
        model.perplexity(given), model.frequency_loss(given)
    elif what == 1:
        model.save(path + ".saved")
        nn.load(path + ".saved")
    elif what == 2:
        said = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            main(["inspect", path])
        assert "a bug in tinynn" not in said.getvalue()
    elif what == 3:
        model.set_params(epochs=1, early_stopping=False).fit(given)
    else:
        text.generate(model.network_, 0, 20, seed=rng.randrange(9))


FORMATS: dict[str, Format] = {
    "network": Format(_network_files, _mutate_json, nn.load, use_network),
    "estimator": Format(_estimator_files, _mutate_json, nn.load, use_estimator),
    "run": Format(_run_files, _mutate_json, _read_run, use_run),
    "model": Format(_model_files, _mutate_json, models.load_any, use_model),
    "text": Format(_text_files, _mutate_json, nn.load, use_text),
    "onnx": Format(_onnx_files, _mutate_onnx, importers.from_onnx, use_imported),
    "safetensors": Format(_safetensors_files, _mutate_safetensors, _read_safetensors, use_imported),
    "brainjs": Format(_brainjs_files, _mutate_json, importers.from_brainjs, use_imported),
    "csv": Format(_tables, _mutate_table, _read_table, use_table),
}


def samples_of(name: str) -> Sequence[bytes]:
    """Return the samples of a format, JSON without blanks: less to parse in each case."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = FORMATS[name].samples()
    of_json = ("network", "estimator", "run", "model", "text")
    return [_small(data) if name in of_json else data for data in found]
