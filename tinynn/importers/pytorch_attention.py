"""PyTorch's attention, and the encoders of its transformers."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from ..lesson.activation_layers import GELU, ReLU
from ..lesson.layer import Layer
from ..lesson.matrix import Matrix, Vector, transpose
from ..lesson.residual import Residual
from . import assembly

Inner = Callable[[Any, str], Sequence[Layer]]  # reads a module inside another, with its name


def _attention(m: Any, place: str, causal: bool, inner: Inner) -> list[Layer]:
    """Self-attention: queries, keys and values of one sequence."""
    have = {
        "kdim": m.kdim, "vdim": m.vdim, "bias_k": m.bias_k is not None,
        "add_zero_attn": m.add_zero_attn,
    }  # fmt: skip
    n = int(m.embed_dim)
    wanted = {"kdim": n, "vdim": n, "bias_k": False, "add_zero_attn": False}
    assembly.check_settings(place, type(m).__name__, have, wanted)
    W = _matrix(place, m.in_proj_weight)
    parts = [W[:n], W[n : 2 * n], W[2 * n :], _matrix(place, m.out_proj.weight)]
    weights = [transpose(part) for part in parts]
    biases: list[Vector | None] = [None] * 4
    if m.in_proj_bias is not None:
        b = assembly.vector(place, [*m.in_proj_bias.tolist(), *m.out_proj.bias.tolist()])
        biases = [b[k : k + n] for k in range(0, 4 * n, n)]
    return [assembly.attention(place, m.num_heads, causal, weights, biases)]


def _matrix(place: str, tensor: Any) -> Matrix:
    return assembly.matrix(place, tensor.tolist())


def _encoder_layer(m: Any, place: str, causal: bool, inner: Inner) -> list[Layer]:
    """Attention and two Dense layers, each in a sum, with LayerNorm before them or after."""
    names = ("self_attn", "dropout1"), ("linear1", "activation", "dropout", "linear2", "dropout2")
    found: list[Layer] = []
    for k, modules in enumerate(names, 1):
        layers: list[Layer] = []
        for name in modules:
            module = getattr(m, name)
            known = _FUNCTIONS.get(getattr(module, "__name__", ""))
            layers += [known()] if known is not None else inner(module, name)
        norm = list(inner(getattr(m, f"norm{k}"), f"norm{k}"))
        if m.norm_first:
            found.append(Residual(*norm, *layers))
        else:
            found += [Residual(*layers), *norm]
    return found


def _encoder(m: Any, place: str, causal: bool, inner: Inner) -> list[Layer]:
    layers = [layer for i, part in enumerate(m.layers) for layer in inner(part, f"layers.{i}")]
    return layers if m.norm is None else [*layers, *inner(m.norm, "norm")]


_FUNCTIONS: dict[str, type[Layer]] = {"relu": ReLU, "gelu": GELU}  # of torch.nn.functional
READERS: dict[str, Callable[[Any, str, bool, Inner], list[Layer]]] = {
    "MultiheadAttention": _attention,
    "TransformerEncoderLayer": _encoder_layer,
    "TransformerEncoder": _encoder,
}
