"""Model files: exact round trips; whatever else is in a file, FormatError and nothing worse."""

from __future__ import annotations

import copy
import io
import json
import math
import os
import random
import stat
import threading

import pytest
from hypothesis import given, settings, strategies as st
from random_networks import LAYERS, random_layers

import tinynn as nn
from tinynn import network
from tinynn.errors import FormatError
from tinynn.files import atomic, json_file
from tinynn.lesson.network import from_dict, load
from tinynn.lesson.parameters import rows_of

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def random_network(rng):
    """Return a network of all kinds of layers in any order, and how many columns go in."""
    columns = rng.randint(1, 4)
    names = [rng.choice(LAYERS) for _ in range(rng.randint(1, 6))]
    return nn.Sequential(*random_layers(names, columns, rng), seed=rng), columns


def texts(model):
    """Return the text of a file with the network in it."""
    return json_file.dumps(network.KIND, model.to_dict())


def loaded(text):
    """Return what a file of this text, or of these bytes, loads as."""
    data = text.encode() if isinstance(text, str) else text
    return from_dict(json_file.loads(data, "x.json"), "x.json")


def trained_network():
    model = nn.Sequential(
        nn.Dense(2, 3), nn.BatchNorm(), nn.LeakyReLU(0.2), nn.Dropout(0.25), nn.Dense(3, 1),
        nn.Sigmoid(), seed=1,
    )  # fmt: skip
    X, T = [[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]], [[1.0], [0.0], [1.0], [0.0]]
    nn.fit(model, X, T, loss="bce", optimizer="adam", epochs=3, batch_size=2)
    return model, X, T


# --- round trips ---


@given(st.integers(0, 10**9), st.lists(FINITE, min_size=1, max_size=10))
def test_every_network_comes_back_exactly(seed, numbers):
    rng = random.Random(seed)
    model, _ = random_network(rng)
    for layer in model.layers:
        for name, value in {**layer.parameters(), **layer.buffers()}.items():
            for row in rows_of(value):
                row[:] = [rng.choice(numbers) for _ in row]
                if name == "running_variance":
                    row[:] = map(abs, row)
    text = texts(model)
    again = loaded(text)
    assert repr(again) == repr(model)
    assert texts(again) == text  # -0.0 and all
    assert again.state() == model.state()
    assert (again.inputs, again.outputs) == (model.inputs, model.outputs)


@given(st.integers(0, 10**9))
@settings(max_examples=50)
def test_a_network_that_comes_back_answers_the_same(seed):
    rng = random.Random(seed)
    model, columns = random_network(rng)
    rows = [[rng.uniform(-2, 2) for _ in range(columns)] for _ in range(3)]
    assert loaded(texts(model)).predict(rows) == model.predict(rows)


def test_save_and_load(tmp_path):
    model, X, _ = trained_network()
    for path in (tmp_path / "a.json", str(tmp_path / "b.json"), os.fsencode(tmp_path / "c.json")):
        model.save(path)
        again = nn.load(path)
        assert again.predict(X) == model.predict(X)
        assert again.training == {}
    assert sorted(os.listdir(tmp_path)) == ["a.json", "b.json", "c.json"]


def test_training_goes_on_after_loading_as_if_it_had_never_stopped(tmp_path):
    model, X, T = trained_network()
    model.save(tmp_path / "x.json", training=True)
    again = nn.load(tmp_path / "x.json")
    assert again.training == model.training
    for one in (model, again):
        nn.fit(one, X, T, loss="bce", optimizer="adam", epochs=4, batch_size=2)
    assert again.state() == model.state()


def test_the_file_can_be_read_by_people():
    model = nn.Sequential(nn.Dense(2, 1, weights=[[0.5], [-1]], bias=[0.1]), nn.Tanh())
    assert texts(model) == (
        "{\n"
        '  "format": "tinynn",\n'
        '  "version": 1,\n'
        '  "kind": "network",\n'
        '  "layers": [\n'
        "    {\n"
        '      "type": "Dense",\n'
        '      "inputs": 2,\n'
        '      "outputs": 1,\n'
        '      "values": {\n'
        '        "W": [\n'
        "          [0.5],\n"
        "          [-1.0]\n"
        "        ],\n"
        '        "b": [0.1]\n'
        "      }\n"
        "    },\n"
        "    {\n"
        '      "type": "Tanh"\n'
        "    }\n"
        "  ]\n"
        "}\n"
    )


def test_a_dictionary_and_its_network_share_nothing():
    model, _, _ = trained_network()
    content = {**model.to_dict(), "training": copy.deepcopy(model.training)}
    kept = copy.deepcopy(content)
    again = from_dict(content)
    for one in (model, again):
        one.layers[0].W[0][0] = 9.0
        one.layers[1].running_mean[0] = 9.0
        one.training["memory"]["0.W"]["m"][0][0] = 9.0
        one.training["optimizer"]["learning_rate"] = 9.0
    assert content == kept


def test_a_byte_order_mark_is_no_trouble():
    model = nn.Sequential(nn.Dense(2, 1))
    assert loaded(b"\xef\xbb\xbf" + texts(model).encode()).state() == model.state()


# --- what cannot be saved ---


class Own(nn.Tanh):
    """A layer that the library does not know."""


@pytest.mark.parametrize(
    ("value", "shown"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")]
)
def test_a_weight_that_is_not_finite_is_named_and_the_old_file_stays(tmp_path, value, shown):
    model = nn.Sequential(nn.Tanh(), nn.Dense(2, 2))
    model.save(tmp_path / "x.json")
    before = (tmp_path / "x.json").read_bytes()
    model.layers[1].W[1][0] = value
    with pytest.raises(FormatError) as error:
        model.save(tmp_path / "x.json")
    wanted = f"a model file needs finite numbers, got {shown} in layers[1].values.W[1][0]"
    assert str(error.value) == wanted
    assert (tmp_path / "x.json").read_bytes() == before


def test_a_layer_that_could_not_be_loaded_is_not_saved(tmp_path):
    with pytest.raises(FormatError) as error:
        nn.Sequential(nn.Dense(2, 2), Own()).save(tmp_path / "x.json")
    assert str(error.value) == ("layer 1, Own(), needs nn.register to be saved")
    assert os.listdir(tmp_path) == []


# --- what cannot be loaded ---


def small_network():
    return nn.Sequential(
        nn.Dense(2, 3), nn.BatchNorm(), nn.LeakyReLU(), nn.Dropout(), nn.Dense(3, 1), seed=1
    )


def test_a_file_cut_short_anywhere_says_so():
    model, _, _ = trained_network()
    data = json_file.dumps(network.KIND, {**model.to_dict(), "training": model.training}).encode()
    assert loaded(data).state() == model.state()
    assert loaded(data[:-1]).state() == model.state()  # only the line's end is missing
    for end in range(len(data) - 1):
        with pytest.raises(FormatError, match=r"^x\.json is not a (complete )?model file: "):
            loaded(data[:end])


SMALL = texts(small_network())


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
@settings(max_examples=3 * settings.default.max_examples)
def test_a_changed_byte_is_noticed_or_means_something_else(place, byte):
    data = bytearray(SMALL.encode())
    data[place] = byte
    try:
        again = loaded(bytes(data))
    except FormatError as error:
        assert str(error).startswith("x.json")
    else:
        assert loaded(texts(again)).state() == again.state()


HOSTILE = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 2, 3, 10**12, 10**400, -(10**400), 0.0, 2.0, 1e308, math.inf,
        "", "Dense", "1.5", "nan", "__class__", "\ud800", [], [[]], [[[]]], [None], [True], ["1"],
        [1.0], [[1.0]], [[1.0], [1.0, 2.0]], [True, True, True], {}, {"type": "Tanh"}, {"W": []},
        {"layers": []}, {"0.W": {"m": [[1.0]]}},
    ]
)  # fmt: skip
STRANGE_KEYS = ["self", "__class__", "weights", "bias", "initializer", "type", "values", "W", "x"]


def places(value):
    """Yield (container, key) for everything in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, (dict, list)):
            yield from places(item)


@given(st.data())
@settings(max_examples=6 * settings.default.max_examples)
def test_an_edited_file_is_refused_or_a_whole_network(data):
    model, X, _ = TRAINED
    document = json.loads(json_file.dumps(network.KIND, {
        **model.to_dict(), "training": model.training,
    }))  # fmt: skip
    for _ in range(data.draw(st.integers(1, 2))):
        container, key = data.draw(st.sampled_from(list(places(document))))
        change = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "remove":
            del container[key]
        elif change == "replace":
            container[key] = copy.deepcopy(data.draw(HOSTILE))
        elif isinstance(container, dict):
            strange = data.draw(st.sampled_from(STRANGE_KEYS))
            container[strange] = copy.deepcopy(data.draw(HOSTILE))
        else:
            container.append(copy.deepcopy(data.draw(HOSTILE)))
        if not list(places(document)):
            break
    text = json.dumps(document).replace("Infinity", "1e999")
    try:
        content = json_file.loads(text.encode(), "x.json")
        again = from_dict(content, "x.json")
    except FormatError as error:
        assert str(error).startswith("x.json")
        assert len(str(error)) < 2000
        return
    if again.inputs in (None, 2):
        again.predict(X)
    assert loaded(texts(again)).state() == again.state()


TRAINED = trained_network()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"tinynn"', '"other"', 'x.json is not a tinynn model: it lacks "format": "tinynn"'),
        (
            '"version": 1', '"version": 2',
            "x.json has version 2 of the model format, but this tinynn reads only up to version 1; "
            "use a newer tinynn",
        ),
        ('"version": 1', '"version": 1.0',
         "x.json needs a whole number as its version, got 1.0"),
        ('"version": 1', '"version": true',
         "x.json needs a whole number as its version, got True"),
        ('"version": 1', '"version": 0', "x.json needs a whole number as its version, got 0"),
        ('"inputs": 2', '"inputs": 2.0', "x.json: layer 0 cannot be built: "
         "Dense needs inputs to be a whole number, at least 1, got 2.0; did you mean 2?"),
        ('"inputs": 2', '"inputs": true', "x.json: layer 0 cannot be built: "
         "Dense needs inputs to be a whole number, at least 1, got True"),
        ('"inputs": 2', '"inputs": 2, "inputs": 2',
         "x.json is not a model file: the key 'inputs' appears twice in one object"),
        ('"inputs": 2', '"inputs": 2, "self": 2',
         "x.json: layer 0 needs the settings of Dense, got ['inputs', 'self', 'outputs']"),
        ('"inputs": 2', '"inputs": 1000000000000', "x.json: layer 0, Dense(1000000000000, 3), "
         "needs W of shape (1000000000000, 3), got (2, 3)"),
        ('"columns": 3', '"columns": 1000000000000', "x.json: layer 1, BatchNorm(columns="
         "1000000000000, momentum=0.1, eps=1e-05), needs gamma of shape (1, 1000000000000), got "
         "(1, 3)"),
        ('"Dense"', '"Danse"', "x.json: layer 0 needs its type to be the name of a layer, got "
         "'Danse'; did you mean 'Dense'? If it is your own, call nn.register before loading"),
        ('"rate": 0.5', '"rate": 1e999', "x.json is not a model file: "
         "the number 1e999 in line 36 is too large"),
        ('"rate": 0.5', '"rate": NaN', "x.json is not a model file: NaN is not a finite number"),
        ('"rate": 0.5', '"rate": -Infinity',
         "x.json is not a model file: -Infinity is not a finite number"),
        ("[0.0, 0.0, 0.0]", "[0.0, 1e999, 0.0]", "x.json is not a model file: "
         "the number 1e999 in line 15 is too large"),
        ("[0.0, 0.0, 0.0]", "[0.0, true, 0.0]",
         "x.json: layer 0, Dense(2, 3), needs numbers in b, got true or false"),
        ("[0.0, 0.0, 0.0]", '[0.0, "0.5", 0.0]', "x.json: layer 0, Dense(2, 3), the rows of b need "
         "numbers, got the text '0.5' in row 0, column 1; convert it with float() first"),
        ("[0.0, 0.0, 0.0]", "[0.0, 0.0]",
         "x.json: layer 0, Dense(2, 3), needs b of shape (1, 3), got (1, 2)"),
        ('"b":', '"c":',
         "x.json: layer 0, Dense(2, 3), needs the values ['W', 'b'], got ['W', 'c']"),
        ('"running_variance": [1.0', '"running_variance": [-1.0', "x.json: layer 1, BatchNorm("
         "columns=3, momentum=0.1, eps=1e-05), needs running_variance of at least 0, got -1"),
        ('"layers": [', '"layers": [7, ', "x.json: layer 0 needs to be an object, got int"),
        ('"layers": [', '"layer": [', 'x.json needs "layers" to be a list'),
        ('"layers": [', '"layers": [{"type": "Dropout"}, {"type": "Dense", "inputs": 5, '
         '"outputs": 1, "values": {"W": [[1], [1], [1], [1], [1]], "b": [1]}}, ',
         "x.json: layer 2: Dense(2, 3) needs 2 columns, got 1 from layer 1, Dense(5, 1)"),
        ('"version": 1', '"version": 1, "training": []',
         "x.json: training needs to be an object with optimizer, epochs, steps, memory"),
        ('"version": 1', '"version": 1, "training": {"optimizer": {}, "epochs": 1, "steps": -1, '
         '"memory": {}}', "x.json: training needs steps to be a "
         "whole number, at least 0, got -1"),
        ('"version": 1', '"version": 1, "training": {"optimizer": {}, "epochs": true, "steps": 1, '
         '"memory": {}}', "x.json: training needs epochs to be a "
         "whole number, at least 0, got True"),
        ('"version": 1', '"version": 1, "training": {"optimizer": {}, "epochs": 1, "steps": 1, '
         '"memory": {}, "best_loss": "0"}',
         "x.json: training needs best_loss to be a finite number, got '0'; did you mean 0, without "
         "quotes?"),
        ('"version": 1', '"version": 1, "training": {"optimizer": {}, "epochs": 1, "steps": 1, '
         '"memory": {"9.W": {}}}', "x.json: training has memory for '9.W', which is not a "
          "parameter"),
        ('"version": 1', '"version": 1, "training": {"optimizer": {}, "epochs": 1, "steps": 1, '
         '"memory": {"0.b": {"m": [[1, 2]]}}}',
         "x.json: training: needs m of 0.b of shape (1, 3), got (1, 2)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_where(old, new, message):
    assert old in SMALL
    with pytest.raises(FormatError) as error:
        loaded(SMALL.replace(old, new, 1))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.json is not a complete model file: Expecting value at line 1, column 1"),
        (b"\x81\x03", "x.json is not a model file: byte 0 is not UTF-8"),
        (
            b"\x80\x03",
            "x.json is a pickle, which may run any code: only if you trust it, load it "
            "with the program that wrote it, and give the model to from_sklearn or from_pytorch",
        ),
        (b'{"a": "\xff"}', "x.json is not a model file: byte 7 is not UTF-8"),
        (b"[]", 'x.json is not a tinynn model: it lacks "format": "tinynn"'),
        (b"{}", 'x.json is not a tinynn model: it lacks "format": "tinynn"'),
        (b"[" * 10**6, "x.json is not a model file: it is nested too deeply"),
        (b'{"a": ' * 10**5, "x.json is not a model file: it is nested too deeply"),
        (b'{"format": "tinynn"}', "x.json needs a whole number as its version, got None"),
        (b'{"format": "tinynn", "version": 1}', 'x.json needs "layers" to be a list'),
        (
            b'{"format": "tinynn", "version": 1, "layers": []}',
            "x.json: Sequential needs at least one layer, got none",
        ),
    ],
)
def test_what_is_no_model_file_at_all(data, message):
    with pytest.raises(FormatError) as error:
        loaded(data)
    assert str(error.value) == message


def test_a_number_of_too_many_digits_is_refused_in_some_words():
    text = SMALL.replace('"inputs": 2', '"inputs": ' + "9" * 10_000)
    with pytest.raises(FormatError, match=r"^x\.json"):
        loaded(text)


def test_another_kind_of_model_is_named(tmp_path):
    json_file.write(tmp_path / "x.json", "table", {})
    with pytest.raises(FormatError) as error:
        load(tmp_path / "x.json")
    assert str(error.value) == f"{tmp_path / 'x.json'} needs to hold a network, got 'table'"


def test_what_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "x.json")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)
    with pytest.raises(TypeError):
        load(0)  # not whatever comes in on standard input


# --- whole or not at all ---


class FullFile(io.FileIO):
    """A file that cannot be written to."""

    error: BaseException

    def write(self, data):
        raise self.error


@pytest.mark.parametrize("failing", ["write", "fsync", "replace", "fchmod"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=repr)
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, failing, error):
    path = tmp_path / "x.json"
    small_network().save(path)
    before = path.read_bytes()

    def fail(*args):
        raise error

    if failing == "write":
        monkeypatch.setattr(FullFile, "error", error, raising=False)
        monkeypatch.setattr(atomic, "open", FullFile, raising=False)
    else:
        monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(error)):
        nn.Sequential(nn.Dense(50, 50)).save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x.json"]


def test_at_no_moment_does_the_name_stand_for_half_a_file(tmp_path):
    path = tmp_path / "x.json"
    models = [nn.Sequential(nn.Dense(30, 30), seed=seed) for seed in range(4)]
    models[0].save(path)
    wanted = [texts(model) for model in models]
    failures = []

    def work(model):
        try:
            for _ in range(10):
                model.save(path)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_text() in wanted
    assert failures == []
    assert os.listdir(tmp_path) == ["x.json"]


def test_permissions_and_links_stay(tmp_path):
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    small_network().save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert nn.load(real).state() == small_network().state()


def test_a_name_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / ("x" * 255)
    small_network().save(path)
    assert nn.load(path).state() == small_network().state()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_or_a_device_is_written_to_and_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found = []
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()))
    reader.start()
    small_network().save(path)
    reader.join()
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert loaded(found[0]).state() == small_network().state()
    small_network().save(os.devnull)
    assert not os.path.isfile(os.devnull)


def test_a_folder_that_is_not_there_or_in_the_way(tmp_path):
    with pytest.raises(FileNotFoundError):
        small_network().save(tmp_path / "none" / "x.json")
    with pytest.raises(IsADirectoryError):
        small_network().save(tmp_path)
    assert os.listdir(tmp_path) == []
