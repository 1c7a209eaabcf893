"""PyTorch: a live `nn.Sequential`, a state dict, or a safetensors file.

PyTorch itself is never imported: modules are recognized by their class names.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Callable, Iterator, Mapping, Sequence

from ..checks.settings import integer
from ..checks.words import excerpt
from ..errors import FormatError, SettingError
from ..files import safetensors
from ..files.atomic import Path
from ..formulas.names import layers_named
from ..lesson.activation_layers import GELU, Linear, LogSoftmax, Softmax, Softplus
from ..lesson.gru import GRU
from ..lesson.images import Flatten
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.lstm import LSTM
from ..lesson.matrix import transpose
from ..lesson.more_activations import Clip, ReLU6, TanhGELU
from ..lesson.network import Sequential
from ..lesson.normalization import BatchNorm, GroupNorm, LayerNorm
from ..lesson.prelu import PReLU
from ..lesson.rms_norm import RMSNorm
from ..lesson.rnn import RNN
from ..lesson.sequences import Embedding
from . import assembly, pytorch_attention, pytorch_images
from .gpt import gpt, is_mask
from .images import Either, OnImages, Part, batch_norm_of, placed, shape_given
from .imported import Imported
from .pytorch_images import Reader
from .recurrent import recurrent
from .state import Layers, read_tensor, rebuilt, with_tensors

_LAYERS = layers_named("PyTorch")


def from_pytorch(
    module: object,
    layers: Layers | None = None,
    shape: Sequence[int] | None = None,
    causal: bool | None = None,
    heads: int | None = None,
) -> Imported:
    """Return the network of a live PyTorch module, as it predicts after `module.eval()`.

    `module` is an `nn.Sequential`, possibly nested, or a single layer. The supported layers are
    Linear, BatchNorm1d, LayerNorm and RMSNorm over the last axis, Dropout, Flatten and Identity
    (left out), Softmax and LogSoftmax along the rows, and tinynn's activations; PReLU with one
    slope becomes LeakyReLU. Softplus agrees to 2.1e-9: PyTorch's returns x itself above its
    threshold of 20.

    So are Embedding and, one way along the steps, RNN, LSTM and GRU, of which all outputs are read,
    not the last state: `batch_first` makes no difference, `num_layers` become as many layers, with
    Dropout between them. A network that has them reads sequences.

    MultiheadAttention is read as self-attention, alone or in TransformerEncoderLayer and
    TransformerEncoder. Whether it is `causal` has to be given: PyTorch says it with each call.

    With `shape`, (channels, height, width) or (channels, length), the inputs are images: a row is
    an image as PyTorch flattens it. So Conv1d and Conv2d, BatchNorm1d and BatchNorm2d, pooling
    (MaxPool, AvgPool, and both adaptive ones to sizes that divide the image's) can be read;
    Dropout1d and Dropout2d are left out. Without `shape`, an Unflatten may say what it is.

    `module` may also be a state dict. `layers` then says which layers it belongs to, as in
    `from_safetensors`, but a list needs to be in the order of the state dict. A state dict that was
    sorted by name, as `safetensors.torch.load_file` returns it, is read in the order of the numbers
    in its names; if there are none, it is refused, and `layers` needs to be a dictionary.

    A state dict with the names of GPT-2 (wte, wpe, h.0.ln_1, …, lm_head), as nanoGPT and
    transformers keep it, needs only its number of `heads`; if its matrices are inputs × outputs,
    its GELU is the one with tanh, as in transformers.

    Raises FormatError, naming the module, for anything else: another module's forward() is code,
    which cannot be imported; export such a model to ONNX. Raises SettingError for a state dict
    without `layers` or `heads`, a module with them, and attention without `causal`.
    """
    if isinstance(module, Mapping):
        if shape is not None or causal is not None:
            what = "causal" if shape is None else "a shape"
            raise SettingError(f"from_pytorch takes {what} only with a module")
        if heads is not None:
            return Imported(_language_model(module, layers, heads))
        if layers is None:
            raise SettingError("from_pytorch needs layers for a state dict: layers=[Dense(…), …]")
        tensors = {
            str(name): read_tensor(str(name), tensor)
            for name, tensor in module.items()
            if not str(name).endswith(_COUNTER)
        }
        return Imported(with_tensors("the state dict", tensors, layers, in_order=True))
    if isinstance(module, (str, bytes, os.PathLike)):
        shown = excerpt(os.fspath(module))
        raise FormatError(
            f"from_pytorch needs a live module or a state dict, got the path {shown}; load it with "
            f"PyTorch first: from_pytorch(torch.load({shown})), with layers=[…] for a state dict. "
            "A .safetensors file goes to from_safetensors"
        )
    for what, value in (("layers", layers), ("heads", heads)):
        if value is not None:
            raise SettingError(f"from_pytorch takes {what} only with a state dict")
    images = shape_given("from_pytorch", shape)
    mend = "; give from_pytorch shape=(channels, height, width), or (channels, length)"
    found: list[Part] = []
    attends = False
    for part, place in _parts(module, ""):
        if any(getattr(before.layer, "reads_steps", False) for before in found):
            _check_axis(part, place)
        found += _layers(part, place, causal)
        attends = attends or type(part).__name__ in pytorch_attention.READERS
    if causal is not None and not attends:
        raise SettingError("from_pytorch takes causal only with a module of attention")
    return Imported(assembly.assembled("the module", placed(found, images, mend, pixels=False)))


def from_safetensors(path: Path, layers: Layers | None = None) -> Imported:
    """Return the network whose numbers are in a safetensors file.

    A file written by `tinynn.export.to_safetensors` needs no `layers`. For any other, `layers` is
    the list of tinynn layers that its tensors belong to, or, if the tensors' names do not show the
    order, a dictionary: {"encoder": Dense(4, 2), "act": Tanh(), "head": Dense(2, 1)}. A tensor's
    name is that of its layer, or its number, and then PyTorch's ("weight", outputs × inputs,
    "bias", "running_mean", "running_var") or tinynn's ("W", inputs × outputs, "b", "gamma", "beta",
    "running_variance"): "encoder.weight". All tensors need to be used.

    Raises FormatError for a file that is incomplete or does not match the layers, and OSError if it
    cannot be read.
    """
    file = safetensors.read(path)
    name = str(path)
    tensors = {
        key: (tensor.shape, assembly.finite(f"{name}: {excerpt(key)[1:-1]}", tensor.values()))
        for key, tensor in file.tensors.items()
        if not key.endswith(_COUNTER)
    }
    if layers is not None:
        return Imported(with_tensors(name, tensors, layers, in_order=False))
    if "tinynn" not in file.metadata:
        raise FormatError(
            f"{name} does not say which layers its tensors belong to; "
            "give from_safetensors a list of them: layers=[Dense(…), …]"
        )
    return Imported(rebuilt(name, file.metadata["tinynn"], tensors))


def _language_model(tensors: Mapping[Any, Any], layers: Layers | None, heads: int) -> Sequential:
    if layers is not None:
        raise SettingError("from_pytorch takes layers or heads, got both")
    given = {
        str(name): read_tensor(str(name), tensor)
        for name, tensor in tensors.items()
        if not is_mask(str(name))
    }
    return gpt("the state dict", given, integer("from_pytorch", "heads", heads, least=1))


def _parts(module: Any, where: str) -> Iterator[tuple[Any, str]]:
    """Yield the modules of a module that are no containers, each with its name in words."""
    kind = type(module)
    name = kind.__name__
    place = f"{where or 'the module'}, {name}"
    if not kind.__module__.startswith("torch.nn.modules."):
        raise assembly.refusal(
            place,
            f"the module {kind.__module__}.{name}",
            "its forward() is code: export it to ONNX for from_onnx, or give its state_dict() and "
            "layers=[…]",
        )
    if any(getattr(module, hooks, None) for hooks in ("_forward_hooks", "_forward_pre_hooks")):
        raise assembly.refusal(place, "a module with hooks", "remove them first")
    if name != "Sequential":
        yield module, place
        return
    for key, part in module._modules.items():
        yield from _parts(part, f"{where and where + '.'}{key}")


def _layers(module: Any, place: str, causal: bool | None) -> list[Part]:
    """Return the parts of a module, none for one that returns its input."""
    name = type(module).__name__
    attends = pytorch_attention.READERS.get(name)
    if attends is not None:
        if causal is None:
            raise SettingError(
                f"from_pytorch needs causal for {place}: whether a step attends to later ones, "
                "which PyTorch's caller says with each call"
            )
        where = place.rpartition(", ")[0]

        def inner(part: Any, own: str) -> list[Any]:
            return [
                found.layer
                for small, its in _parts(part, f"{where}.{own}")
                for found in _layers(small, its, causal)
            ]

        return [Part(place, layer) for layer in attends(module, place, causal, inner)]
    layer = _LAYERS.get(name)
    read = _READERS.get(layer or name) or pytorch_images.READERS.get(name)
    if read is not None:
        return [Part(place, part) for part in read(module, place)]
    if layer is None:
        raise assembly.refusal(place, f"the module {name}")
    # A layer without a reader is an activation; its settings have the same names in tinynn.
    settings = {setting: getattr(module, setting) for setting in layer().settings()}
    return [Part(place, assembly.simple(place, layer, **settings))]


def _check_axis(m: Any, place: str) -> None:
    """Raise FormatError for a module that would mix the steps of sequences, or count them."""
    name = type(m).__name__
    along = name in ("Softmax", "LogSoftmax") and m.dim != -1
    slopes = name == "PReLU" and m.num_parameters != 1
    images = name in pytorch_images.READERS or name.startswith("BatchNorm")
    if along or slopes or images or name in ("GroupNorm", "Flatten"):
        raise assembly.refusal(
            place,
            f"{name} after a layer of sequences, where axis 1 is that of steps,",
            "use dim=-1" if along else "",
        )


def _vector(place: str, tensor: Any) -> list[float] | None:
    return None if tensor is None else assembly.vector(place, tensor.tolist())


def _linear(m: Any, place: str) -> list[Layer]:
    W = assembly.matrix(place, m.weight.tolist())
    return [assembly.dense(place, W, _vector(place, m.bias), transposed=True)]


def _batch_norm(m: Any, place: str) -> list[Layer | OnImages | Either]:
    mean, variance = _vector(place, m.running_mean), _vector(place, m.running_var)
    if mean is None or variance is None:
        raise assembly.refusal(place, f"a {type(m).__name__} without running statistics")
    if m.momentum is None:
        raise assembly.refusal(place, "momentum=None", "set it to a number, say 0.1")
    gamma, beta = _vector(place, m.weight), _vector(place, m.bias)
    rows = assembly.batch_norm(place, mean, variance, gamma, beta, m.eps, m.momentum)
    images = partial(batch_norm_of, rows)
    if type(m).__name__ == "BatchNorm2d":
        return [OnImages(2, images)]
    return [Either(rows, images)]


def _layer_norm(m: Any, place: str) -> list[Layer]:
    shape = list(m.normalized_shape)
    if len(shape) != 1:
        raise assembly.refusal(place, f"a LayerNorm over {shape}")
    gamma, beta = _vector(place, m.weight), _vector(place, m.bias)
    return [assembly.layer_norm(place, shape[0], gamma, beta, m.eps)]


def _rms_norm(m: Any, place: str) -> list[Layer]:
    shape = list(m.normalized_shape)
    if len(shape) != 1:
        raise assembly.refusal(place, f"an RMSNorm over {shape}")
    gamma = _vector(place, m.weight)
    double = gamma is not None and str(m.weight.dtype) == "torch.float64"
    eps = m.eps if m.eps is not None else 2.0 ** (-52 if double else -23)  # as torch.finfo says
    return [assembly.rms_norm(place, gamma, eps, shape[0])]


def _embedding(m: Any, place: str) -> list[Layer]:
    _only(max_norm=None)(m, place)
    W = assembly.matrix(place, m.weight.tolist())
    return [assembly.built(place, lambda: Embedding(len(W), len(W[0]), weights=W))]


def _recurrent(m: Any, place: str) -> list[Layer]:
    name = type(m).__name__
    kind: Any = _LAYERS[name]
    if m.bidirectional:
        raise assembly.refusal(
            place, f"a bidirectional {name}", "tinynn's go along the steps one way"
        )
    _only(proj_size=0)(m, place)
    options = {"activation": m.nonlinearity} if kind is RNN else {}
    layers: list[Layer] = []
    for k in range(m.num_layers):
        if k and m.dropout:
            layers.append(assembly.dropout(place, m.dropout))
        W, U = (
            transpose(assembly.matrix(place, getattr(m, f"weight_{of}_l{k}").tolist()))
            for of in ("ih", "hh")
        )
        biases = [
            assembly.vector(place, getattr(m, f"bias_{of}_l{k}").tolist())
            for of in (("ih", "hh") if m.bias else ())
        ]
        layers.append(recurrent(place, kind, W, U, biases, **options))
    return layers


def _only(**wanted: object) -> Callable[[Any, str], None]:
    """Return a check that a module's attributes have the values that tinynn's layer implies."""

    def check(m: Any, place: str) -> None:
        have = {name: getattr(m, name, None) for name in wanted}
        assembly.check_settings(place, type(m).__name__, have, wanted)

    return check


def _group_norm(m: Any, place: str) -> list[Layer]:
    gamma, beta = _vector(place, m.weight), _vector(place, m.bias)
    return [assembly.group_norm(place, m.num_groups, m.num_channels, gamma, beta, m.eps)]


def _prelu(m: Any, place: str) -> list[Layer]:
    return [assembly.prelu(place, assembly.vector(place, m.weight.tolist()))]


def _hardtanh(m: Any, place: str) -> list[Layer]:
    least, most = (assembly.real(place, name, getattr(m, name)) for name in ("min_val", "max_val"))
    return [assembly.clip(place, least, most)]


def _gelu(m: Any, place: str) -> list[Layer]:
    if getattr(m, "approximate", "none") == "tanh":
        return [TanhGELU()]
    _only(approximate="none")(m, place)
    return [GELU()]


def _softplus(m: Any, place: str) -> list[Layer]:
    _only(beta=1.0)(m, place)
    if m.threshold < 20:
        raise assembly.refusal(place, f"Softplus with threshold={m.threshold}")
    return [Softplus()]


def _softmax(m: Any, place: str) -> list[Layer]:
    if m.dim not in (None, 1, -1):  # None lets PyTorch choose: 1 for a table
        raise assembly.refusal(place, f"{type(m).__name__} with dim={m.dim}")
    return [Softmax() if type(m).__name__ == "Softmax" else LogSoftmax()]


def _flatten(m: Any, place: str) -> list[Layer]:
    if m.start_dim != 1 or m.end_dim not in (-1, 1):
        raise assembly.refusal(place, f"Flatten({m.start_dim}, {m.end_dim})")
    return [Flatten()]


_COUNTER = "num_batches_tracked"  # of BatchNorm; predictions do not use it
# By tinynn's layer, or by PyTorch's name where tinynn has none.
_READERS: dict[object, Reader] = {
    Dense: _linear,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    GELU: _gelu,
    Softplus: _softplus,
    Softmax: _softmax,
    LogSoftmax: _softmax,
    Dropout: lambda m, place: [assembly.dropout(place, m.p)],
    Linear: lambda m, place: [],
    GroupNorm: _group_norm,
    PReLU: _prelu,
    Clip: _hardtanh,
    ReLU6: _hardtanh,
    "Flatten": _flatten,
    "BatchNorm2d": _batch_norm,
    RMSNorm: _rms_norm,
    Embedding: _embedding,
    RNN: _recurrent,
    LSTM: _recurrent,
    GRU: _recurrent,
}
