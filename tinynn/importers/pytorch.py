"""PyTorch: a live `nn.Sequential`, a state dict, or a safetensors file.

PyTorch itself is never imported: modules are recognized by their class names.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ..errors import FormatError, SettingError
from ..files import safetensors
from ..files.atomic import Path
from ..formulas.names import layers_named
from ..lesson.activation_layers import GELU, LeakyReLU, Linear, LogSoftmax, Softmax, Softplus
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.normalization import BatchNorm, LayerNorm
from . import assembly
from .imported import Imported
from .state import Layers, read_tensor, rebuilt, with_tensors

_LAYERS = layers_named("PyTorch")


def from_pytorch(module: object, layers: Layers | None = None) -> Imported:
    """Return the network of a live PyTorch module, as it predicts after `module.eval()`.

    `module` is an `nn.Sequential`, possibly nested, or a single layer. The supported layers are
    Linear, BatchNorm1d, LayerNorm over the last axis, Dropout, Flatten and Identity (left out),
    Softmax and LogSoftmax along the rows, and tinynn's activations; PReLU with one slope becomes
    LeakyReLU. Softplus agrees to 2.1e-9: PyTorch's returns x itself above its threshold of 20.

    `module` may also be a state dict. `layers` then says which layers it belongs to, as in
    `from_safetensors`, but a list needs to be in the order of the state dict.

    Raises FormatError, naming the module, for anything else: another module's forward() is code,
    which cannot be imported; export such a model to ONNX. Raises SettingError for a state dict
    without `layers`, or a module with them.
    """
    if isinstance(module, Mapping):
        if layers is None:
            raise SettingError("from_pytorch needs layers for a state dict: layers=[Dense(…), …]")
        tensors = {
            str(name): read_tensor(str(name), tensor)
            for name, tensor in module.items()
            if not str(name).endswith(_COUNTER)
        }
        return Imported(with_tensors("the state dict", tensors, layers, in_order=True))
    if layers is not None:
        raise SettingError("from_pytorch takes layers only with a state dict")
    return Imported(assembly.assembled("the module", _layers(module, "")))


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
        key: (tensor.shape, assembly.finite(f"{name}: {key}", tensor.values()))
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


def _layers(module: Any, where: str) -> list[Layer]:
    """Return the layers of a module, none for one that returns its input."""
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
    if name == "Sequential":
        children = module._modules.items()
        prefix = f"{where}." if where else ""
        return [layer for key, m in children for layer in _layers(m, f"{prefix}{key}")]
    layer = _LAYERS.get(name)
    read = _READERS.get(layer or name)
    if read is not None:
        return read(module, place)
    if layer is None:
        raise assembly.refusal(place, f"the module {name}")
    # A layer without a reader is an activation; its settings have the same names in tinynn.
    settings = {setting: getattr(module, setting) for setting in layer().settings()}
    return [assembly.simple(place, layer, **settings)]


def _vector(place: str, tensor: Any) -> list[float] | None:
    return None if tensor is None else assembly.vector(place, tensor.tolist())


def _linear(m: Any, place: str) -> list[Layer]:
    W = assembly.matrix(place, m.weight.tolist())
    return [assembly.dense(place, W, _vector(place, m.bias), transposed=True)]


def _batch_norm(m: Any, place: str) -> list[Layer]:
    mean, variance = _vector(place, m.running_mean), _vector(place, m.running_var)
    if mean is None or variance is None:
        raise assembly.refusal(place, "a BatchNorm1d without running statistics")
    if m.momentum is None:
        raise assembly.refusal(place, "momentum=None", "set it to a number, say 0.1")
    gamma, beta = _vector(place, m.weight), _vector(place, m.bias)
    return [assembly.batch_norm(place, mean, variance, gamma, beta, m.eps, m.momentum)]


def _layer_norm(m: Any, place: str) -> list[Layer]:
    shape = list(m.normalized_shape)
    if len(shape) != 1:
        raise assembly.refusal(place, f"a LayerNorm over {shape}")
    gamma, beta = _vector(place, m.weight), _vector(place, m.bias)
    return [assembly.layer_norm(place, shape[0], gamma, beta, m.eps)]


def _only(**wanted: object) -> Callable[[Any, str], None]:
    """Return a check that a module's attributes have the values that tinynn's layer implies."""

    def check(m: Any, place: str) -> None:
        have = {name: getattr(m, name, None) for name in wanted}
        assembly.check_settings(place, type(m).__name__, have, wanted)

    return check


def _prelu(m: Any, place: str) -> list[Layer]:
    slopes = assembly.vector(place, m.weight.tolist())
    if len(slopes) != 1:
        raise assembly.refusal(place, "a PReLU with a slope for each column")
    return [assembly.simple(place, LeakyReLU, negative_slope=slopes[0])]


def _gelu(m: Any, place: str) -> list[Layer]:
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
    return []


_COUNTER = "num_batches_tracked"  # of BatchNorm; predictions do not use it
# By tinynn's layer, or by PyTorch's name where tinynn has none.
_READERS: dict[object, Callable[[Any, str], list[Layer]]] = {
    Dense: _linear,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    GELU: _gelu,
    Softplus: _softplus,
    Softmax: _softmax,
    LogSoftmax: _softmax,
    Dropout: lambda m, place: [assembly.dropout(place, m.p)],
    Linear: lambda m, place: [],
    "PReLU": _prelu,
    "Flatten": _flatten,
}
