"""Attention and encoders of PyTorch, state dicts of GPT-2: the same numbers, or refused."""

from __future__ import annotations

import itertools
import math

import pytest
from live_objects import Array

import tinynn as nn
from tinynn.errors import FormatError, SettingError
from tinynn.importers import from_pytorch


def flat(value):
    return [x for item in value for x in flat(item)] if isinstance(value, list) else [value]


def message(call, kind=FormatError):
    """Return the message of the error that a call raises, without the list of layers."""
    with pytest.raises(kind) as raised:
        call()
    return str(raised.value).partition(" The layers of tinynn are")[0]


def drawn(torch, module):
    torch.manual_seed(4)
    for p in module.parameters():
        torch.nn.init.normal_(p, 0.2, 0.5)
    return module.double().eval()


def mask_of(torch, steps, causal):
    return torch.triu(torch.ones(steps, steps, dtype=torch.bool), 1) if causal else None


# --- modules ---


@pytest.mark.parametrize(("causal", "bias"), list(itertools.product((True, False), repeat=2)))
def test_attention_of_pytorch(causal, bias):
    torch = pytest.importorskip("torch")
    module = drawn(torch, torch.nn.MultiheadAttention(6, 3, bias=bias, batch_first=True))
    network = from_pytorch(module, causal=causal).network
    assert repr(network.layers[0]) == repr(nn.MultiHeadAttention(6, 3, causal=causal, bias=bias))
    x = torch.randn(2, 4, 6, dtype=torch.float64)
    wanted = module(x, x, x, attn_mask=mask_of(torch, 4, causal))[0].tolist()
    assert flat(network.predict(x.tolist())) == pytest.approx(flat(wanted), abs=1e-12)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu", "module"])
def test_encoders_of_pytorch(causal, before, activation):
    torch = pytest.importorskip("torch")
    options = {"norm_first": before, "batch_first": True, "layer_norm_eps": 1e-3}
    options["activation"] = torch.nn.SiLU() if activation == "module" else activation
    for bias, norm in ((True, None), (False, torch.nn.LayerNorm(4))):
        layer = torch.nn.TransformerEncoderLayer(4, 2, 5, bias=bias, **options)
        encoder = torch.nn.TransformerEncoder(layer, 2, norm, enable_nested_tensor=False)
        module = drawn(torch, torch.nn.Sequential(torch.nn.Linear(3, 4), encoder))
        network = from_pytorch(module, causal=causal).network
        x = torch.randn(2, 4, 3, dtype=torch.float64)
        wanted = encoder(module[0](x), mask=mask_of(torch, 4, causal)).tolist()
        assert flat(network.predict(x.tolist())) == pytest.approx(flat(wanted), abs=1e-11)
        again = encoder.layers[0]
        one = from_pytorch(again, causal=causal).network
        x = torch.randn(1, 3, 4, dtype=torch.float64)
        wanted = again(x, src_mask=mask_of(torch, 3, causal)).tolist()
        assert flat(one.predict(x.tolist())) == pytest.approx(flat(wanted), abs=1e-11)


def test_what_pytorchs_attention_can_do_and_tinynns_cannot_is_refused():
    torch = pytest.importorskip("torch")
    attention = torch.nn.MultiheadAttention
    for options, wanted in (
        ({"kdim": 3}, "kdim=3"),
        ({"add_bias_kv": True}, "bias_k=True"),
        ({"add_zero_attn": True}, "add_zero_attn=True"),
    ):
        module = attention(4, 2, **options)
        assert message(lambda module=module: from_pytorch(module, causal=False)) == (
            f"the module, MultiheadAttention: MultiheadAttention with {wanted} "
            "cannot be imported exactly."
        )
    layer = torch.nn.TransformerEncoderLayer(4, 2, 5, activation=torch.sin)
    assert message(lambda: from_pytorch(torch.nn.Sequential(layer), causal=True)) == (
        "0.activation, builtin_function_or_method: the module builtins.builtin_function_or_method "
        "cannot be imported exactly; its forward() is code: export it to ONNX for from_onnx, or "
        "give its state_dict() and layers=[…]."
    )


def test_causal_is_for_attention_and_attention_needs_it():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.MultiheadAttention(4, 2))
    assert message(lambda: from_pytorch(module), SettingError) == (
        "from_pytorch needs causal for 0, MultiheadAttention: whether a step attends to later "
        "ones, which PyTorch's caller says with each call"
    )
    for call, wanted in (
        (lambda: from_pytorch(torch.nn.Linear(2, 2), causal=True),
         "from_pytorch takes causal only with a module of attention"),
        (lambda: from_pytorch(torch.nn.Linear(2, 2), heads=2),
         "from_pytorch takes heads only with a state dict"),
        (lambda: from_pytorch({}, causal=True), "from_pytorch takes causal only with a module"),
        (lambda: from_pytorch({}, [nn.Dense(1, 1)], heads=1),
         "from_pytorch takes layers or heads, got both"),
    ):  # fmt: skip
        assert message(call, SettingError) == wanted


# --- state dicts of GPT-2's names ---

N, KINDS, MOST, BLOCKS = 4, 5, 6, 2


def tensors(turned=True, bias=True, first="transformer.", head=True):
    """Return a state dict of numbers without a pattern; `turned`: outputs × inputs."""
    count = iter(range(1, 10**6))

    def of(*shape):
        if not shape:
            return math.sin(next(count) * 1.7)
        return [of(*shape[1:]) for _ in range(shape[0])]

    def product(name, inputs, outputs):
        sides = (outputs, inputs) if turned else (inputs, outputs)
        found[f"{name}.weight"] = of(*sides)
        if bias:
            found[f"{name}.bias"] = of(outputs)

    def norm(name):
        found[f"{name}.weight"] = of(N)
        if bias:
            found[f"{name}.bias"] = of(N)

    found = {f"{first}wte.weight": of(KINDS, N), f"{first}wpe.weight": of(MOST, N)}
    for k in range(BLOCKS):
        name = f"{first}h.{k}."
        norm(f"{name}ln_1")
        found[f"{name}attn.bias"] = of(1, 1, MOST, MOST)
        product(f"{name}attn.c_attn", N, 3 * N)
        product(f"{name}attn.c_proj", N, N)
        norm(f"{name}ln_2")
        product(f"{name}mlp.c_fc", N, 4 * N)
        product(f"{name}mlp.c_proj", 4 * N, N)
    norm(f"{first}ln_f")
    if head:
        found["lm_head.weight" if first else "head.weight"] = of(KINDS, N)
    return found


def read(given, heads=2):
    return from_pytorch({name: Array(value) for name, value in given.items()}, heads=heads).network


def reference(torch, given, x, heads, turned, bias):
    """Return what nanoGPT's forward() computes."""
    functional = torch.nn.functional
    t = {
        name.removeprefix("transformer."): torch.tensor(v, dtype=torch.float64)
        for name, v in given.items()
    }

    def product(name, h):
        W = t[f"{name}.weight"]
        return functional.linear(h, W if turned else W.T, t.get(f"{name}.bias"))

    def norm(name, h):
        return functional.layer_norm(h, (N,), t[f"{name}.weight"], t.get(f"{name}.bias"), 1e-5)

    B, T = x.shape
    h = t["wte.weight"][x] + t["wpe.weight"][:T]
    for k in range(BLOCKS):
        qkv = product(f"h.{k}.attn.c_attn", norm(f"h.{k}.ln_1", h)).split(N, 2)
        q, k_, v = (part.view(B, T, heads, N // heads).transpose(1, 2) for part in qkv)
        y = functional.scaled_dot_product_attention(q, k_, v, is_causal=True)
        h = h + product(f"h.{k}.attn.c_proj", y.transpose(1, 2).reshape(B, T, N))
        m = product(f"h.{k}.mlp.c_fc", norm(f"h.{k}.ln_2", h))
        m = functional.gelu(m, approximate="none" if turned else "tanh")
        h = h + product(f"h.{k}.mlp.c_proj", m)
    return norm("ln_f", h) @ t.get("lm_head.weight", t["wte.weight"]).T


@pytest.mark.parametrize("turned", [True, False], ids=["nanoGPT", "transformers"])
@pytest.mark.parametrize(
    ("bias", "first", "head"), [(True, "transformer.", True), (False, "", False)]
)
def test_language_models_of_gpts_names(turned, bias, first, head):
    torch = pytest.importorskip("torch")
    given = tensors(turned, bias, first, head)
    network = read(given)
    x = torch.tensor([[0, 3, 3, 1, 4, 2], [2, 2, 0, 4, 1, 1]])
    wanted = flat(reference(torch, given, x, 2, turned, bias).tolist())
    assert flat(network.predict(x.tolist())) == pytest.approx(wanted, abs=1e-11)


def test_a_compiled_model_has_longer_names():
    given = tensors()
    longer = {f"_orig_mod.{name}": value for name, value in given.items()}
    assert read(longer).state() == read(given).state()


def changed(**changes):
    given = tensors()
    for name, value in changes.items():
        own = name.replace("__", ".")
        if value is None:
            del given[own]
        else:
            given[own] = value
    return given


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (changed(transformer__h__1__attn__c_proj__weight=None),
         "needs the tensor 'h.1.attn.c_proj.weight', got "),
        (changed(transformer__h__1__ln_1__weight=[1.0] * 3),
         "needs h.1.ln_1.weight of shape (4,), got (3,)"),
        (changed(transformer__h__0__attn__c_attn__weight=[[1.0] * 4] * 11),
         "needs h.0.attn.c_attn.weight of shape (4, 12), got (11, 4)"),
        (changed(transformer__wte__weight=[1.0] * 4), "needs wte.weight of shape (0, 0), got (4,)"),
        (changed(transformer__wpe__weight=[[1.0] * 3]),
         "needs wpe.weight of shape (1, 4), got (1, 3)"),
        (changed(other=[1.0]), "has no place for the tensors other"),
        ({"a": [1.0]},
         "needs one tensor whose name ends in wte.weight for a model with heads, got a"),
        ({f"x.{name}": v for name, v in tensors().items()} | {"y": [1.0]},
         "has no place for the tensor 'y'"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit(given, wanted):
    assert message(lambda: read(given)).startswith(f"the state dict {wanted}")


def test_heads_that_do_not_divide():
    assert message(lambda: read(tensors(), heads=3)) == (
        "the state dict: h.0.attn: MultiHeadAttention needs a width that its heads divide, "
        "got 4 and 3"
    )
    assert message(lambda: read(tensors(), heads=0), SettingError) == (
        "from_pytorch needs heads to be a whole number, at least 1, got 0"
    )
