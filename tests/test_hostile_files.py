"""Model files from strangers: what each kind of fault in them is answered with.

`test_fuzzing.py` damages files at random; here are the kinds that were found, one by one.
"""

from __future__ import annotations

import gc
import json
import math
import pathlib
import struct
import subprocess
import sys
import tracemalloc

import pytest
from exported_models import quietly
from fuzzing import heavy
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.checks.stored import MOST, are_all, are_named, is_count, is_real
from tinynn.checks.words import excerpt, listed
from tinynn.errors import FormatError, TinynnError
from tinynn.files import json_text, protobuf, safetensors
from tinynn.files.short_numbers import BFLOAT16, short_floats
from tinynn.importers import from_brainjs, from_onnx, from_safetensors
from tinynn.importers.onnx import steps as onnx_steps
from tinynn.lesson.schedules import ReduceOnPlateau
from tinynn.report.findings import Findings

READERS = {
    "network": nn.load, "estimator": nn.load, "brainjs": from_brainjs, "onnx": from_onnx,
    "safetensors": from_safetensors,
}  # fmt: skip
X, Y = [[1.0], [2.0], [3.0], [4.0]] * 3, [1.0, 2.0, 3.0, 4.0] * 3


def refusal(path, read=nn.load):
    """Return the message with which a file is refused, without its path."""
    with pytest.raises(FormatError) as error:
        read(path)
    text = str(error.value)
    assert len(text) <= 1000 and text.isprintable()
    return text.replace(f"{path}: ", "").replace(str(path), "it")


# --- the shared checks ---------------------------------------------------------------------------


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.text(), st.none()))
def test_a_real_number_is_one_that_a_float_can_be(value):
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    assert is_real(value) == (plain and math.isfinite(value))
    assert is_count(value) == (type(value) is int and 0 <= value <= MOST)
    assert are_all(is_real, [value, 1.0]) == is_real(value)
    assert not are_all(is_real, [1.0], 2) and are_all(is_real, [1.0], 1)
    assert are_named(is_real, {"a": value}) == is_real(value) and not are_named(is_real, {1: 1.0})


@pytest.mark.parametrize("value", [10**400, -(10**400), float("nan"), float("inf")])
def test_what_no_float_can_be_is_no_number(value):
    assert not is_real(value) and not is_count(value)


@given(st.text(), st.integers(2, 80))
def test_an_excerpt_prints_on_one_line(text, most):
    assert excerpt(text, most).isprintable() and len(excerpt(text, most)) <= most
    assert listed([text] * 9).isprintable()


def test_a_message_has_at_most_a_thousand_characters():
    for kind in (TinynnError, FormatError, nn.DataError, nn.DivergenceError):
        assert str(kind("x" * 1000)) == "x" * 1000
        assert str(kind("a" * 5000 + "b" * 5000)) == "a" * 700 + "…" + "b" * 200
    assert str(TinynnError()) == ""


# --- JSON ----------------------------------------------------------------------------------------


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False,
    allow_infinity=False), lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
))  # fmt: skip
def test_whatever_json_writes_is_read(value):
    assert json_text.parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize("inside", ["1", '"[[[[["', '"\\"[[[["', '{"a]": 1}'])
@pytest.mark.parametrize(("depth", "fits"), [(40, True), (49, True), (51, False), (600, False)])
def test_lists_are_nested_up_to_a_limit(inside, depth, fits):
    data = ("[" * depth + inside + "]" * depth).encode()
    if fits:
        json_text.parse(data)
    else:
        with pytest.raises(RecursionError):
            json_text.parse(data)


def test_brackets_in_texts_are_not_counted():
    text = "[" * 1000 + '\\"' + "{" * 1000
    assert json_text.parse(json.dumps([text, {"a": text}]).encode()) == [text, {"a": text}]


@pytest.mark.parametrize(
    "digits",
    ["1e309", "-1e309", "1E+400", "9" * 309, "1" + "0" * 400, "2e308", "0.1e400", "1" * 6000],
)
def test_a_number_beyond_a_float_is_refused_with_its_line(digits):
    shown = digits if len(digits) <= 20 else digits[:20] + "…"
    with pytest.raises(ValueError) as error:
        json_text.parse(f"[1,\n{digits}]".encode())
    assert str(error.value) == f"the number {shown} in line 2 is too large"


@pytest.mark.parametrize(
    "digits", ["1e308", "-1.7976931348623157e308", "9" * 308, "1e-400", "1e0200"]
)
def test_a_number_at_the_end_of_the_range_is_read(digits):

    assert json_text.parse(digits.encode()) == json.loads(digits)


def test_many_small_parts_are_refused_by_their_number():
    data = b"[" + b"[]," * 3_000_000 + b"0]"
    with pytest.raises(ValueError, match=r"^it has too many parts for its 9,000,003 bytes$"):
        json_text.parse(data)


# --- networks ------------------------------------------------------------------------------------


def trained(optimizer):
    model = nn.Sequential(nn.Dense(2, 1), seed=1)
    nn.fit(model, [[1.0, 2.0]], [[0.5]], optimizer=optimizer, epochs=1)
    return model


def edited(path, model, change, **options):
    model.save(path, **options)
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("optimizer", "key"),
    [
        (nn.Adam(), "v"), (nn.Adam(amsgrad=True), "v_max"), (nn.AdamW(), "v"), (nn.RMSprop(), "v"),
        (nn.Adagrad(), "squares"),
    ],
)  # fmt: skip
def test_sums_of_squares_are_not_negative(tmp_path, optimizer, key):
    def change(content):
        content["training"]["memory"]["0.W"][key][1][0] = -0.5

    path = edited(tmp_path / "m.json", trained(optimizer), change, training=True)
    assert refusal(path) == f"training: {key} of 0.W needs numbers of at least 0, got -0.5"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["memory"]["0.b"].update(v=t["memory"]["0.b"]["velocity"]),
         "training: sgd keeps velocity for 0.b, got 'v'"),
        (lambda t: t["optimizer"].update(momentum=2.0),
         "training: SGD needs momentum to be a finite number, at least 0 and at most 1, got 2.0"),
        (lambda t: t["optimizer"].update(odd=2.0),
         "training: a saved optimizer of type 'sgd' needs the settings of its constructor, got "
         "'learning_rate', 'momentum', 'dampening', 'weight_decay', 'nesterov', 'odd'"),
        (lambda t: t.update(schedule={"rate": -1}),
         "training: ReduceOnPlateau needs a state with 'rate', 'best', 'bad_epochs', "
         "'cooldown_left', got {'rate': -1}"),
        (lambda t: t.update(steps=10**30),
         "training needs steps to be a whole number, at least 0, got "
         "1000000000000000000000000000000"),
        (lambda t: t.update(epochs="1"),
         "training needs epochs to be a whole number, at least 0, got '1'"),
        (lambda t: t.update(best_loss=[]),
         "training needs best_loss to be a finite number, got []"),
        (lambda t: t["memory"].update({"\x1b[2J": {}}),
         "training has memory for '\\x1b[2J', which is not a parameter"),
    ],
)  # fmt: skip
def test_the_memory_of_training_fits_its_optimizer(tmp_path, change, message):
    optimizer = nn.SGD(ReduceOnPlateau(0.1), momentum=0.5)
    path = edited(
        tmp_path / "m.json", trained(optimizer), lambda c: change(c["training"]), training=True
    )
    assert refusal(path) == message


def test_the_memory_of_a_callers_own_optimizer_is_left_alone(tmp_path):
    class Mine(nn.SGD):
        name = "mine"

        def start(self):
            return {"v": 0.0}

        def update(self, w, g, memory, learning_rate, t):
            memory["v"][:] = [-1.0 for _ in w]
            return list(w)

    model = trained(Mine())
    model.save(tmp_path / "m.json", training=True)
    assert nn.load(tmp_path / "m.json").training == model.training


def test_nesting_in_the_memory_of_training_is_refused(tmp_path):
    path = tmp_path / "m.json"
    trained(nn.Adam()).save(path, training=True)
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace('"epochs": 1', '"junk": ' + "[" * 600 + "]" * 600 + ', "epochs": 1')
    )
    assert refusal(path) == "it is not a model file: it is nested too deeply"


# --- estimators ----------------------------------------------------------------------------------


def changed(path, where, value, model=None):
    """Write an estimator's file with another value at a place, given by keys."""

    def change(content):
        at = content
        for key in where[:-1]:
            at = at[key]
        at[where[-1]] = value

    model = model or nn.Regressor((2,), max_iter=2, random_state=0)
    quietly(model.fit, X, Y)
    return edited(path, model, change)


COLUMN = ("encoder", "columns", 0)
SCALER = ("targets", "scaler")


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ((*COLUMN, "shift"), True, "column 0 of a saved TableEncoder cannot have shift True"),
        ((*COLUMN, "scale"), "1", "column 0 of a saved TableEncoder cannot have scale '1'"),
        ((*COLUMN, "rows"), 2**53 + 1,
         "column 0 of a saved TableEncoder cannot have rows 9007199254740993"),
        ((*COLUMN, "kind"), [], "column 0 of a saved TableEncoder has the unknown kind []"),
        ((*COLUMN, "unit"), {}, "column 0 of a saved TableEncoder cannot have unit {}"),
        ((*COLUMN, "name"), {"a": "\n" * 5000},
         "column 0 of a saved TableEncoder cannot have name "
         "{'a': '\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n…"),
        ((*SCALER, "count"), 10**308,
         "StandardScaler needs a count that matches its columns, got a huge int"),
        ((*SCALER, "count"), True,
         "StandardScaler needs a count that matches its columns, got True"),
        (("loss_curve",), [1.0, "2"], "loss_curve needs to be a list of numbers, got '2' in it"),
        (("validation_scores",), 3, "validation_scores needs to be a list of numbers, got 3"),
        (("history", "seconds"), [True],
         "history.seconds needs to be a list of numbers, got True in it"),
        (("history", "metrics"), {"score": 1.0},
         "history.metrics.'score' needs to be a list of numbers, got 1.0"),
        (("history", "engine"), 1, "history.engine needs to be text, got 1"),
        (("seed",), -1, "seed needs to be a whole number, got -1"),
        (("seed",), "7", "seed needs to be a whole number, got '7'"),
        (("settings", "alpha"), -1,
         "Regressor needs alpha to be a finite number, at least 0, got -1; did you mean 1?"),
        (("settings", "max_iter"), 10**30,
         "Regressor needs max_iter to be a whole number, at least 1, got "
         "1000000000000000000000000000000"),
        (("settings", "\x7f"), 1, "settings cannot have '\\x7f'"),
    ],
)  # fmt: skip
def test_what_an_estimators_file_cannot_have(tmp_path, where, value, message):
    path = changed(tmp_path / "m.json", where, value)
    assert refusal(path) == f"it is not a valid regressor: {message}"


def test_a_small_file_does_not_ask_for_a_huge_network(tmp_path):
    path = changed(tmp_path / "m.json", ("settings", "hidden_layer_sizes"), [10**6, 10**6])
    assert refusal(path) == (
        "it needs hidden_layer_sizes about those of its network, got [1000000, 1000000]"
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (5, "class_weight needs to be 'balanced', a list of pairs, or null, got 5"),
        ({"a": 1}, "class_weight needs to be 'balanced', a list of pairs, or null, got {'a': 1}"),
        ("even", "class_weight needs to be 'balanced', a list of pairs, or null, got 'even'"),
        ([1], "class_weight needs pairs of label and weight, got [1]"),
        ([[[], 1.0]], "class_weight needs pairs of label and weight, got [[[], 1.0]]"),
        ([["a", True]], "class_weight needs pairs of label and weight, got [['a', True]]"),
        ([["a", 1, 2]], "class_weight needs pairs of label and weight, got [['a', 1, 2]]"),
    ],
)  # fmt: skip
def test_class_weights_are_pairs(tmp_path, weights, message):
    model = nn.Classifier((2,), max_iter=2, random_state=0)
    path = changed(tmp_path / "m.json", ("settings", "class_weight"), weights, model)
    assert refusal(path) == f"it is not a valid classifier: {message}"


def test_a_long_name_of_a_column_is_not_multiplied_by_its_kinds(tmp_path):
    name, kinds = "n" * 100_000, [format(i, "x") for i in range(2000)]
    encoder = nn.preprocessing.TableEncoder(names=["a"], kinds={0: "category"}).fit([["0"], ["1"]])
    state = encoder.to_dict()
    state["columns"][0].update(name=name, kinds=kinds, counts=[1] * len(kinds))
    tracemalloc.start()
    try:
        encoder = type(encoder).from_dict(state)
        assert encoder.width == 2000
        assert sum(encoder.transform([["7cf"]])[0]) == 1.0
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_score_of_several_labels_needs_several_targets():
    model = nn.Classifier((2,), max_iter=1, random_state=0)
    quietly(model.fit, X, [[0, 1], [1, 0], [1, 1]] * 4)
    assert 0.0 <= model.score(X, [[0, 1]] * 12) <= 1.0
    with pytest.raises(nn.ShapeError, match="targets need rows of numbers, got the number 0"):
        model.score(X, [0.5] * 12)


# --- tests that models keep ----------------------------------------------------------------------


def kept(**changes):
    """Return the findings of a test, as a file has them, with changes."""
    metrics = {"r2": 0.5, "mean_absolute_error": 1.0}
    metrics.update({f"baseline_{name}": 0.0 for name in list(metrics)})
    content = {
        "source": "t.csv", "rows": 9, "metrics": metrics, "score": "r2", "classes": [],
        "confusion": [], "roc": {}, "calibration": [], "pairs": [], "importance": {},
        "effects": {"x": {"at": [1.0, 2.0], "answers": {"y": [0.0, 1.0]}}},
    }  # fmt: skip
    return {**content, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": "accuracy"}, "it has an invalid score"),
        ({"metrics": {"r2": 0.5, "baseline_r2": 0.0, "mean_absolute_error": 1.0}},
         "it needs baseline_mean_absolute_error among the metrics"),
        ({"p_values": {"linear_r2": 0.5}}, "it needs linear_r2 among the metrics"),
        ({"intervals": {"\x1b[2J": [0.0, 1.0]}}, "it needs \\x1b[2J among the metrics"),
        ({"effects": {"x": {"at": [1.0, 2.0], "answers": {}}}},
         "it needs an answer for each class in effects"),
        ({"effects": {"x": {"at": [1.0], "answers": {"y": [1.0]}}}}, "it has an invalid effects"),
        ({"effects": {"x": {"at": [], "answers": {"y": []}}}}, "it has an invalid effects"),
        ({"effects": {"x": {"at": [1, 2], "answers": {"y": [1.0, 2.0]}}}},
         "it has an invalid effects"),
        ({"importance": {"x": [1.0, 10**400]}}, "it has an invalid importance"),
        ({"rows": True}, "it has an invalid rows"),
    ],
)  # fmt: skip
def test_findings_need_what_they_name(changes, message):
    assert Findings.from_dict(kept(), "it").rows == 9
    with pytest.raises(FormatError) as error:
        Findings.from_dict(kept(**changes), "it")
    assert str(error.value) == message


# --- safetensors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [True, False], ids=["layers given", "layers in the file"])
def test_a_negative_variance_is_refused(tmp_path, given):
    model = nn.Sequential(nn.Dense(1, 2), nn.BatchNorm(2), seed=1)
    nn.export.to_safetensors(model, tmp_path / "m.safetensors")
    data = (tmp_path / "m.safetensors").read_bytes()
    ones = struct.pack("<2d", 1.0, 1.0)
    place = data.rindex(ones)  # the last two ones: the variance
    (tmp_path / "m.safetensors").write_bytes(
        data[:place] + struct.pack("<2d", 1.0, -2.0) + data[place + len(ones) :]
    )
    layers = [nn.Dense(1, 2), nn.BatchNorm(2)] if given else None
    said = refusal(tmp_path / "m.safetensors", lambda path: from_safetensors(path, layers))
    assert said.endswith("of at least 0, got -2")


def test_numbers_of_one_or_two_bytes_share_their_objects():
    for letter, size in (("b", 1), ("B", 1), ("?", 1), ("h", 2), ("H", 2), ("e", 2)):
        data = bytes(range(256)) * size if letter != "?" else bytes([0, 1] * 64)
        wanted = struct.unpack(f"<{len(data) // size}{letter}", data)
        found = short_floats(data, letter)
        assert [struct.pack("<d", x) for x in found] == [struct.pack("<d", x) for x in wanted]
        again = short_floats(data + data, letter)
        assert again[0] is again[len(data) // size]
    assert short_floats(b"\x80\x3f\x00\xc0", BFLOAT16) == [1.0, -2.0]


def test_bytes_are_no_weights():
    count = safetensors.BYTES_LIMIT + 1
    header = json.dumps({"a": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}})
    data = heavy.safetensors(header.encode(), bytes(count))
    with pytest.raises(FormatError, match="1,000,001 numbers of one byte, which are no weights"):
        safetensors.loads(data, "it")


def test_layers_are_in_the_order_of_numbers_of_any_length(tmp_path):
    tensors = {}
    for i, name in enumerate(("1", "2", "10", "9" * 5000)):
        tensors[f"{name}.weight"] = ((1, 1), [float(i + 1)])
        tensors[f"{name}.bias"] = ((1,), [0.0])
    (tmp_path / "m").write_bytes(safetensors.dumps(dict(reversed(list(tensors.items())))))
    network = from_safetensors(tmp_path / "m", [nn.Dense(1, 1) for _ in range(4)]).network
    assert [layer.W[0][0] for layer in network.layers] == [1.0, 2.0, 3.0, 4.0]


# --- ONNX ----------------------------------------------------------------------------------------


def onnx(tmp_path, data):
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    return path


def test_nodes_without_a_name_for_their_output_end_the_chain(tmp_path):
    nodes = heavy.onnx_node("Relu", ["x"], "") + heavy.onnx_node("Relu", [""], "")
    path = onnx(tmp_path, heavy.onnx_model(nodes, "y"))
    assert refusal(path, from_onnx) == "no node takes '', and it is not the output"


def test_an_infinite_constant_is_not_close_to_any(tmp_path):
    nodes = [
        heavy.onnx_node("Mul", ["x", "h"], "a"), heavy.onnx_node("Erf", ["a"], "b"),
        heavy.onnx_node("Add", ["b", "one"], "c"), heavy.onnx_node("Mul", ["c", "x"], "d"),
        heavy.onnx_node("Mul", ["d", "half"], "y"),
    ]  # fmt: skip
    for root, fits in ((math.sqrt(0.5), True), (math.inf, False), (math.nan, False)):
        tensors = [
            heavy.onnx_tensor(name, (), struct.pack("<f", number))
            for name, number in (("h", root), ("one", 1.0), ("half", 0.5))
        ]
        path = onnx(tmp_path, heavy.onnx_model(b"".join(nodes + tensors), "y"))
        if fits:
            assert repr(from_onnx(path).network) == "Sequential(GELU())"
        else:
            assert refusal(path, from_onnx).startswith("it, node 0: a fork with")


@pytest.mark.parametrize("number", [math.inf, math.nan, 1e30])
def test_a_shape_of_odd_numbers_is_refused(tmp_path, number):
    tensor = heavy.onnx_tensor("s", (2,), struct.pack("<2f", number, 2.0))
    graph = heavy.onnx_node("Reshape", ["x", "s"], "y") + tensor
    said = refusal(onnx(tmp_path, heavy.onnx_model(graph, "y")), from_onnx)
    assert said.startswith("it, node 0: Reshape to [")


def test_constants_are_added_to_a_product_one_after_the_other(tmp_path):
    tensors = heavy.onnx_tensor("W", (2, 2), struct.pack("<4f", 1, 2, 3, 4))
    tensors += heavy.onnx_tensor("c", (2,), struct.pack("<2f", 5, 6))
    tensors += heavy.onnx_tensor("h", (), struct.pack("<f", 0.5))
    nodes = [("MatMul", ["x", "W"], "a"), ("Add", ["a", "c"], "b"), ("Sub", ["b", "h"], "d"),
             ("Add", ["h", "d"], "y")]  # fmt: skip
    graph = b"".join(heavy.onnx_node(*node) for node in nodes) + tensors
    network = from_onnx(onnx(tmp_path, heavy.onnx_model(graph, "y"))).network
    assert repr(network) == "Sequential(Dense(2, 2))"
    assert network.predict([[1.0, 1.0]]) == [[9.0, 12.0]]


def test_a_field_of_any_number_is_read_and_counted():
    data = b"".join(
        protobuf.integer_field(n, i) for i, n in enumerate((1, 40, 31, 32, 40, 2**29 - 1))
    )
    message = protobuf.Message(data, "it")
    assert message.integers(40) == [1, 4] and message.integers(32) == [3]
    assert [message.count(n) for n in (1, 31, 32, 40, 2**29 - 1, 2)] == [1, 1, 1, 2, 1, 0]
    assert message.has(40) and not message.has(33)


# --- files that are small for what they ask ------------------------------------------------------


def calls(path, read):
    """Read a file, or try to; return how many functions are called for it."""
    count = 0

    def look(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()  # what other tests left behind is finalized by calls, too
    sys.setprofile(look)
    try:
        read(path)
    except TinynnError as error:
        sys.setprofile(None)
        assert len(str(error)) <= 1000 and str(error).isprintable()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


@pytest.mark.parametrize(
    ("kind", "name"), list(heavy.FILES), ids=[" ".join(key) for key in heavy.FILES]
)
def test_work_is_in_proportion_to_the_file(tmp_path, monkeypatch, kind, name):
    monkeypatch.setattr(onnx_steps, "SPREAD_LIMIT", 1000)  # what does not depend on the file
    paths = [tmp_path / "once", tmp_path / "twice"]
    for path, size in zip(paths, (10_000, 20_000)):
        path.write_bytes(heavy.FILES[kind, name](size))
    calls(paths[0], READERS[kind])  # what is imported or cached once
    once, twice = (calls(path, READERS[kind]) for path in paths)
    assert twice <= 2.2 * once + 500


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_memory_is_in_proportion_to_a_large_file():
    command = [sys.executable, str(pathlib.Path(heavy.__file__).parent), "--heavy", "12"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert said.returncode == 0, said.stdout + said.stderr
