"""safetensors files: read and written as the reference implementation does, refused when not whole.

The format: huggingface/safetensors, README.md. `GOLDEN` was written by safetensors 0.8.0.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import struct
import tracemalloc

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.errors import FormatError, SettingError
from tinynn.export import to_safetensors
from tinynn.export.float32 import centred
from tinynn.files import safetensors
from tinynn.importers import from_safetensors

# safetensors.numpy.save({"b": float32 [[1, 2.5], [-3, 1e38]], "a": float64 [0.1, -1e300],
#   "c": int8 scalar 7, "h": float16 [0.5, 65504]}, {"from": "numpy"}), safetensors 0.8.0
GOLDEN = base64.b64decode(
    "AAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmcm9tIjoibnVtcHkifSwiYSI6eyJkdHlwZSI6IkY2NCIsInNoYXBlIj"
    "pbMl0sImRhdGFfb2Zmc2V0cyI6WzAsMTZdfSwiYiI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwyXSwiZGF0YV9v"
    "ZmZzZXRzIjpbMTYsMzJdfSwiaCI6eyJkdHlwZSI6IkYxNiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzMyLD"
    "M2XX0sImMiOnsiZHR5cGUiOiJJOCIsInNoYXBlIjpbXSwiZGF0YV9vZmZzZXRzIjpbMzYsMzddfX0gICAgmpmZmZmZ"
    "uT+cdQCIPOQ3/gAAgD8AACBAAABAwJl2ln4AOP97Bw=="
)
FLOAT32 = st.floats(width=32, allow_nan=False)


def file_of(header, numbers=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def entry(dtype="F64", shape=(1,), begin=0, end=8):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def message(data):
    with pytest.raises(FormatError) as error:
        safetensors.loads(data, "it")
    return str(error.value)


def test_a_file_of_the_reference_implementation_is_read():
    file = safetensors.loads(GOLDEN, "it")
    assert file.metadata == {"from": "numpy"}
    assert {name: (t.dtype, t.shape, t.values()) for name, t in file.tensors.items()} == {
        "a": ("F64", (2,), [0.1, -1e300]),
        "b": ("F32", (2, 2), [1.0, 2.5, -3.0, struct.unpack("<f", struct.pack("<f", 1e38))[0]]),
        "c": ("I8", (), [7]),
        "h": ("F16", (2,), [0.5, 65504.0]),
    }


@pytest.mark.parametrize(
    ("dtype", "data", "values"),
    [
        ("F64", struct.pack("<2d", 0.1, -math.inf), [0.1, -math.inf]),
        ("F32", struct.pack("<2f", 0.5, 2.0**-149), [0.5, 2.0**-149]),
        ("F16", bytes.fromhex("0100ff7b"), [2.0**-24, 65504.0]),
        ("BF16", bytes.fromhex("803f7fc0"), [1.0, -3.984375]),
        ("I64", struct.pack("<2q", -(2**63), 5), [-(2**63), 5]),
        ("I32", struct.pack("<2i", -(2**31), 5), [-(2**31), 5]),
        ("I16", struct.pack("<2h", -(2**15), 5), [-(2**15), 5]),
        ("I8", struct.pack("<2b", -128, 5), [-128, 5]),
        ("U64", struct.pack("<2Q", 2**64 - 1, 5), [2**64 - 1, 5]),
        ("U32", struct.pack("<2I", 2**32 - 1, 5), [2**32 - 1, 5]),
        ("U16", struct.pack("<2H", 2**16 - 1, 5), [2**16 - 1, 5]),
        ("U8", b"\xff\x05", [255, 5]),
        ("BOOL", b"\x01\x00", [1, 0]),
    ],
)
def test_every_type_of_number_is_read(dtype, data, values):
    file = safetensors.loads(file_of({"x": entry(dtype, [2], 0, len(data))}, data), "it")
    assert file.tensors["x"].values() == values


def test_bfloat16_is_the_upper_half_of_float32():
    for bits in range(0, 2**16, 37):
        data = file_of({"x": entry("BF16", [1], 0, 2)}, struct.pack("<H", bits))
        (got,) = safetensors.loads(data, "it").tensors["x"].values()
        (wanted,) = struct.unpack("<f", struct.pack("<I", bits << 16))
        assert got == wanted or (got != got and wanted != wanted)


SHAPES = st.lists(st.integers(0, 3), max_size=3)


@st.composite
def named_tensors(draw, numbers):
    names = draw(st.lists(st.text(max_size=5), max_size=4, unique=True))
    tensors = {}
    for name in names:
        shape = draw(SHAPES)
        count = math.prod(shape)
        values = draw(st.lists(numbers, min_size=count, max_size=count))
        tensors[name] = (tuple(shape), values)
    return tensors


@given(named_tensors(st.floats(allow_nan=False)), st.dictionaries(st.text(), st.text()))
def test_what_is_written_is_read_again(tensors, metadata):
    file = safetensors.loads(safetensors.dumps(tensors, "F64", metadata), "it")
    assert {name: (t.shape, t.values()) for name, t in file.tensors.items()} == tensors
    assert file.metadata == metadata


@given(named_tensors(FLOAT32))
def test_the_reference_implementation_reads_what_is_written(tensors):
    reference = pytest.importorskip("safetensors.numpy")
    for dtype in ("F64", "F32"):
        arrays = reference.load(safetensors.dumps(tensors, dtype, {"a": "b"}))
        got = {name: (a.shape, a.reshape(-1).tolist()) for name, a in arrays.items()}
        assert got == tensors


@given(named_tensors(FLOAT32))
def test_what_the_reference_implementation_writes_is_read(tensors):
    reference = pytest.importorskip("safetensors.numpy")
    numpy = pytest.importorskip("numpy")
    for dtype in ("float64", "float32"):
        arrays = {
            name: numpy.array(values, dtype).reshape(shape)
            for name, (shape, values) in tensors.items()
        }
        file = safetensors.loads(reference.save(arrays, {"x": "y"}), "it")
        assert {name: (t.shape, t.values()) for name, t in file.tensors.items()} == tensors


def test_numbers_begin_at_a_multiple_of_eight_and_equal_tensors_give_equal_bytes():
    for length in range(20):
        tensors = {"n" * length: ((1,), [1.0])}
        data = safetensors.dumps(tensors)
        assert data == safetensors.dumps(dict(tensors))
        assert (len(data) - 8) % 8 == 0


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", "it needs 8 bytes for the length of its header, got 0"),
        (
            struct.pack("<Q", 2**64 - 1) + b"{}",
            "byte 0 announces a header of 18446744073709551615 bytes, but 2 follow "
            "(the limit is 100000000)",
        ),
        (file_of(b" {}"), "its header, from byte 8, needs to begin with {"),
        (file_of(b"{\xff}"), "its header is not UTF-8 at byte 9"),
        (file_of(b'{"a"}'), "its header is not JSON at byte 12: Expecting ':' delimiter"),
        (file_of(b'{"a":' + b"[" * 200_000), "its header is nested too deeply"),
        (file_of(b'{"a":NaN}'), "in its header, NaN is not a whole number"),
        (file_of(b'{"a":1.5}'), "in its header, 1.5 is not a whole number"),
        (
            file_of(b'{"a":' + b"9" * 500_000 + b"}"),
            "in its header, the number 99999999999999999999… is too large",
        ),
        (
            file_of(b'{"a":{},"a":{}}'),
            "in its header, the key 'a' appears twice in one object",
        ),
        (file_of({"__metadata__": {"a": 1}}), "its __metadata__ needs to be an object of strings"),
        (file_of({"a": 5}), "tensor 'a' needs exactly dtype, shape and data_offsets"),
        (
            file_of({"a": entry("F8_E4M3")}),
            "tensor 'a' needs dtype to be one of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, "
            "U16, U8, BOOL, got 'F8_E4M3'",
        ),
        (
            file_of({"a": entry(shape=[-1])}),
            "tensor 'a' needs shape to be a list of whole numbers of at least 0",
        ),
        (
            file_of({"a": entry(shape=[True])}, b" " * 8),
            "tensor 'a' needs shape to be a list of whole numbers of at least 0",
        ),
        (
            file_of({"a": {**entry(), "data_offsets": [0]}}),
            "tensor 'a' needs data_offsets to be two whole numbers of at least 0",
        ),
        (
            file_of({"a": entry(shape=[2**40, 2**40, 0])}),
            "tensor 'a' has a shape with more numbers than any file can hold",
        ),
        (
            file_of({"a": entry(shape=[2])}, b" " * 8),
            "tensor 'a' needs 16 bytes for 2 numbers of F64, but its data_offsets 0 to 8 span 8",
        ),
        (
            file_of({"a": entry(), "b": entry()}, b" " * 8),
            "tensor 'b' overlaps the tensor before it: it begins at 0 instead of 8",
        ),
        (
            file_of({"a": entry(begin=8, end=16)}, b" " * 16),
            "tensor 'a' leaves a gap: it begins at 8 instead of 0",
        ),
        (
            file_of({"a": entry()}, b" " * 7),
            "tensor 'a' ends at 8, but there are only 7 bytes of numbers",
        ),
        (file_of({"a": entry()}, b" " * 9), "bytes 77 to 77 belong to no tensor"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_file_that_is_not_whole_is_refused_by_byte_or_tensor(data, wanted):
    assert message(data) == f"it is not a safetensors file: {wanted}"


def test_a_file_cut_at_any_byte_is_refused():
    for length in range(len(GOLDEN)):
        message(GOLDEN[:length])


@given(st.integers(0, 8 * len(GOLDEN) - 1), st.integers(0, 8 * len(GOLDEN) - 1))
def test_flipped_bits_are_refused_or_harmless(first, second):
    data = bytearray(GOLDEN)
    for bit in {first, second}:
        data[bit // 8] ^= 1 << bit % 8
    try:
        file = safetensors.loads(bytes(data), "it")
    except FormatError:
        return
    for tensor in file.tensors.values():
        assert len(tensor.values()) == math.prod(tensor.shape)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(data):
    with contextlib.suppress(FormatError):
        safetensors.loads(data, "it")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "a"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), JSON), st.binary(max_size=16))
def test_any_header_is_refused_or_read(header, numbers):
    with contextlib.suppress(FormatError):
        safetensors.loads(file_of(header, numbers), "it")


def test_a_hostile_header_takes_no_memory():
    data = file_of({f"{i}": entry(shape=[2**60], end=2**63) for i in range(100)})
    tracemalloc.start()
    message(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(
    ("tensors", "dtype", "wanted"),
    [
        ({}, "F16", "a safetensors file needs dtype F64 or F32, got 'F16'"),
        (
            {"a": ((2,), [1.0])},
            "F64",
            "tensor 'a' needs 2 numbers for its shape [2], got 1",
        ),
        (
            {"__metadata__": ((1,), [1.0])},
            "F64",
            "a tensor needs a name other than '__metadata__', which is reserved",
        ),
        (
            {"a": ((1,), [1e39])},
            "F32",
            "tensor 'a' needs numbers up to 3.4e38 for F32, got a larger one; use F64 instead",
        ),
    ],
)
def test_what_cannot_be_written_is_refused(tensors, dtype, wanted):
    with pytest.raises(FormatError) as error:
        safetensors.dumps(tensors, dtype)
    assert str(error.value) == wanted


# Networks


def network(rng_seed=1):
    model = nn.Sequential(
        nn.Dense(3, 4), nn.BatchNorm(), nn.GELU(), nn.Dense(4, 4, bias=False), nn.LayerNorm(4),
        nn.Dropout(0.2), nn.LeakyReLU(0.3), nn.Dense(4, 2), nn.Softmax(), seed=rng_seed,
    )  # fmt: skip
    norm = model.layers[1]
    norm.running_mean[:], norm.running_variance[:] = [0.1, -2.0, 3.0, 1e9], [0.5, 1.0, 2.0, 1e-9]
    norm.gamma[:], norm.beta[:] = [1.0, -2.0, 0.0, 0.1], [0.0, 1.0, 0.5, -0.1]
    return model


def test_a_network_comes_back_exactly(tmp_path):
    model = network()
    to_safetensors(model, tmp_path / "m.safetensors")
    again = from_safetensors(tmp_path / "m.safetensors").network
    assert again.to_dict() == model.to_dict()


def test_a_network_comes_back_into_layers_that_are_given(tmp_path):
    model, layers = network(), network(2).layers
    to_safetensors(model, tmp_path / "m.safetensors")
    again = from_safetensors(tmp_path / "m.safetensors", layers).network
    assert again.layers[0] is layers[0]
    assert again.to_dict() == model.to_dict()


def test_float32_halves_the_file_and_rounds_the_numbers(tmp_path):
    model = network()
    to_safetensors(model, tmp_path / "m.safetensors", "float32")
    again = from_safetensors(tmp_path / "m.safetensors").network
    model.layers[1].beta = centred(model.layers[1])[1]  # which makes up for the rounded means
    for ours, theirs in zip(again.parameters(), model.parameters()):
        for row, wanted in zip(ours.rows(), theirs.rows()):
            assert row == [struct.unpack("<f", struct.pack("<f", x))[0] for x in wanted]


def test_pytorch_takes_the_file_and_predicts_the_same(tmp_path):
    torch = pytest.importorskip("torch")
    load_file = pytest.importorskip("safetensors.torch").load_file
    model = network()
    to_safetensors(model, tmp_path / "m.safetensors")
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.GELU(),
        torch.nn.Linear(4, 4, bias=False), torch.nn.LayerNorm(4), torch.nn.Dropout(0.2),
        torch.nn.LeakyReLU(0.3), torch.nn.Linear(4, 2), torch.nn.Softmax(1),
    ).double()  # fmt: skip
    theirs.load_state_dict(load_file(str(tmp_path / "m.safetensors")))
    rows = [[1.0, 2.0, -1.0], [0.0, 0.0, 0.0], [-50.0, 3.0, 1e3]]
    wanted = theirs.eval()(torch.tensor(rows, dtype=torch.float64)).tolist()
    for ours, row in zip(model.predict(rows), wanted):
        assert ours == pytest.approx(row, abs=1e-12)


def written(tmp_path, tensors, **metadata):
    (tmp_path / "m").write_bytes(safetensors.dumps(tensors, metadata=metadata))
    return tmp_path / "m"


@pytest.mark.parametrize(
    ("tensors", "layers", "wanted"),
    [
        (
            {"x": ((1,), [1.0])},
            None,
            "does not say which layers its tensors belong to; "
            "give from_safetensors a list of them: layers=[Dense(…), …]",
        ),
        (
            {"0.weight": ((1, 2), [1.0, 2.0]), "0.bias": ((1,), [0.0])},
            lambda: [nn.Dense(3, 1)],
            ": 0, Dense(3, 1), needs weight of shape (1, 3), got (1, 2)",
        ),
        (
            {"0.weight": ((1, 2), [1.0, 2.0])},
            lambda: [nn.Dense(2, 1)],
            ": 0, Dense(2, 1), needs the tensor 'bias', got none",
        ),
        (
            {"0.weight": ((1, 2), [1.0, 2.0]), "0.bias": ((1,), [0.0])},
            lambda: [nn.Dense(2, 1, bias=False)],
            ": 0, Dense(2, 1, bias=False), has no place for the tensors bias",
        ),
        (
            {"0.weight": ((1, 1), [1.0]), "1.weight": ((1, 1), [1.0])},
            lambda: [nn.Dense(1, 1, bias=False)],
            " has tensors of 2 layers, 0, 1, and 1 layers with numbers were given: "
            "Dense(1, 1, bias=False)",
        ),
        (
            {"head.weight": ((1, 1), [1.0]), "body.weight": ((1, 1), [1.0])},
            lambda: [nn.Dense(1, 1, bias=False), nn.Dense(1, 1, bias=False)],
            " has layer names that do not show their order: head, body; "
            "give the layers by name: layers={'head': Dense(…), …}",
        ),
        (
            {"body.weight": ((1, 1), [1.0])},
            lambda: {"head": nn.Dense(1, 1, bias=False)},
            " has no tensors of 'head'; it has body",
        ),
        (
            {"head.weight": ((1, 1), [1.0]), "body.weight": ((1, 1), [1.0])},
            lambda: {"head": nn.Dense(1, 1, bias=False)},
            " has tensors that no layer was given for: body",
        ),
        (
            {"0.weight": ((1, 1), [math.nan])},
            lambda: [nn.Dense(1, 1, bias=False)],
            ": 0.weight needs finite numbers, got nan at index 0",
        ),
    ],
)
def test_tensors_that_do_not_fit_the_layers_are_refused(tmp_path, tensors, layers, wanted):
    path = written(tmp_path, tensors)
    with pytest.raises(FormatError) as error:
        from_safetensors(path, layers and layers())
    separator = "" if wanted[0] in ": " else " "
    assert str(error.value) == f"{path}{separator}{wanted}"


def test_layers_are_found_by_the_numbers_in_their_names_or_by_name(tmp_path):
    names = [f"net.fc{i}" for i in (10, 9, 1)]  # in the order of the bytes; 1, 9, 10 is meant
    path = written(tmp_path, {f"{n}.weight": ((1, 1), [float(n[6:])]) for n in names})
    dense = [nn.Dense(1, 1, bias=False) for _ in names]
    from_safetensors(path, [dense[0], nn.Tanh(), dense[1], dense[2]])
    assert [layer.W for layer in dense] == [[[1.0]], [[9.0]], [[10.0]]]
    layers = dict(zip(names, [nn.Dense(1, 1, bias=False) for _ in names]))
    from_safetensors(path, layers)
    assert [layer.W for layer in layers.values()] == [[[10.0]], [[9.0]], [[1.0]]]


def test_weights_are_turned_by_name():
    from tinynn.importers.state import with_tensors

    numbers = ((2, 3), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    (theirs,) = with_tensors(
        "it", {"0.weight": numbers}, [nn.Dense(3, 2, bias=False)], False
    ).layers
    assert theirs.W == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    (own,) = with_tensors("it", {"0.W": numbers}, [nn.Dense(2, 3, bias=False)], False).layers
    assert own.W == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_a_description_that_does_not_fit_is_refused_before_memory_is_asked_for(tmp_path):
    huge = {"format": "tinynn", "version": 1, "kind": "network"}
    huge["layers"] = [{"type": "Dense", "inputs": 10**6, "outputs": 10**6, "bias": False}]
    path = written(tmp_path, {"0.weight": ((1, 1), [1.0])}, tinynn=json.dumps(huge))
    tracemalloc.start()
    with pytest.raises(FormatError):
        from_safetensors(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


@given(st.data())
def test_a_damaged_description_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged"
    to_safetensors(network(), path)
    content = bytearray(path.read_bytes())
    text = content.index(b"format")
    for _ in range(2):
        at = data.draw(st.integers(text, len(content) - 800))
        content[at] = data.draw(st.sampled_from(list(b'0129x"{}[]:, ')))
    path.write_bytes(content)
    with contextlib.suppress(FormatError):
        from_safetensors(path)


def test_only_sequential_networks_and_two_dtypes_are_written(tmp_path):
    with pytest.raises(SettingError) as error:
        to_safetensors(nn.NeuralNet(), tmp_path / "m")
    assert (
        str(error.value) == "an export needs a Sequential, Classifier or Regressor, got NeuralNet"
    )
    with pytest.raises(SettingError) as error:
        to_safetensors(network(), tmp_path / "m", "float16")
    assert str(error.value) == (
        "to_safetensors needs dtype to be one of ['float64', 'float32'], got 'float16'"
    )
    assert not (tmp_path / "m").exists()
