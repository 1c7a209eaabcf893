"""Sequences: layers against PyTorch and differences, data, training, files, single steps."""

import copy
import json
import pathlib
import pickle
import random

import pytest
from hypothesis import given, settings, strategies as st

import tinynn as nn
from benchmarks import gpt
from tinynn import view
from tinynn.engines.native.engine import ENGINE as NATIVE
from tinynn.engines.unrolled.engine import SUMPROD
from tinynn.errors import DataError, FormatError, SettingError, ShapeError
from tinynn.lesson.file_checks import DEPTH_LIMIT
from tinynn.lesson.losses import by_name
from tinynn.lesson.network import from_dict, load
from tinynn.lesson.samples import joined
from tinynn.lesson.training import train

GOLDEN = pathlib.Path(__file__).parent / "golden" / "microgpt.json"
SUMMARIES = [nn.LastStep, nn.MeanSteps, nn.MaxSteps]
RANDOM = st.randoms(use_true_random=False)


def rows(rng, count, columns, least=-1.0, most=1.0):
    return [[rng.uniform(least, most) for _ in range(columns)] for _ in range(count)]


def small_gpt(kinds=5, width=4, seed=1, last=None):
    """Return a network with every layer of sequences; with `last`, one row for a sequence."""
    return nn.Sequential(
        nn.Embedding(kinds, width), nn.Positions(6, width), nn.RMSNorm(),
        nn.Residual(nn.RMSNorm(gain=False), nn.MultiHeadAttention(width, 2, causal=True)),
        nn.Residual(nn.LayerNorm(), nn.Dense(width, 7), nn.Tanh(), nn.Dense(7, width)),
        *([last] if last else []), nn.Dense(width, kinds), seed=seed,
    )  # fmt: skip


def kinds_of(rng, count=4, kinds=5, most=6):
    """Return sequences of kinds, in which all of them occur."""
    found = [[rng.randrange(kinds) for _ in range(rng.randint(1, most))] for _ in range(count)]
    return [[*range(kinds)][:most], *found[1:]]


CE = {"loss": nn.losses.CategoricalCrossEntropy(from_logits=True)}


# --- the layers, against PyTorch


def exact(values):
    """Return a tensor of 64-bit floats."""
    import torch

    return torch.tensor(values, dtype=torch.float64)


def compared(ours, theirs, shapes, rng, lengths, columns):
    """Compare outputs and derivatives of a layer with PyTorch's, sequence by sequence."""
    import torch

    X = rows(rng, sum(lengths), columns)
    dY = rows(rng, sum(lengths), columns)
    ours.take_lengths(lengths)
    Y = ours.forward(X)
    dX = ours.backward(dY)
    x = exact(X).requires_grad_()
    y = torch.cat([theirs(part) for part in x.split(list(lengths))])
    y.backward(exact(dY))
    assert torch.allclose(exact(Y), y, rtol=0, atol=1e-12)
    assert torch.allclose(exact(dX), x.grad, rtol=0, atol=1e-12)
    for letter, gradient in shapes.items():
        found = exact(ours.gradients()[letter])
        assert torch.allclose(found, gradient(), rtol=0, atol=1e-12), letter


@given(RANDOM, st.lists(st.integers(1, 5), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_attention_is_pytorchs(rng, lengths, causal, bias):
    torch = pytest.importorskip("torch")
    width, heads = rng.choice([(2, 1), (4, 2), (6, 3), (6, 2), (3, 3)])
    ours = nn.MultiHeadAttention(width, heads, causal, bias)
    ours.build(width, random.Random(rng.random()))
    theirs = torch.nn.MultiheadAttention(
        width, heads, bias=bias, batch_first=True, dtype=torch.float64
    )
    for part in ours.parts.values():
        part.b[:] = [rng.uniform(-1, 1) for _ in part.b]
    with torch.no_grad():
        names = ("query", "key", "value")
        joint = [exact(ours.parts[name].W).T for name in names]
        theirs.in_proj_weight[:] = torch.cat(joint)
        theirs.out_proj.weight[:] = exact(ours.parts["output"].W).T
        if bias:
            theirs.in_proj_bias[:] = exact([b for n in names for b in ours.parts[n].b])
            theirs.out_proj.bias[:] = exact(ours.parts["output"].b)

    def run(x):
        mask = torch.ones(len(x), len(x), dtype=torch.bool).triu(1) if causal else None
        return theirs(x[None], x[None], x[None], need_weights=False, attn_mask=mask)[0][0]

    shapes = {
        f"{name}.W": lambda k=k: theirs.in_proj_weight.grad[k * width : (k + 1) * width].T
        for k, name in enumerate(names)
    }
    shapes["output.W"] = lambda: theirs.out_proj.weight.grad.T
    if bias:
        shapes["output.b"] = lambda: theirs.out_proj.bias.grad
        for k, name in enumerate(names):
            shapes[f"{name}.b"] = lambda k=k: theirs.in_proj_bias.grad[k * width : (k + 1) * width]
    compared(ours, run, shapes, rng, lengths, width)


@given(RANDOM, st.booleans(), st.sampled_from([1e-5, 0.1]))
def test_rms_norm_is_pytorchs(rng, gain, eps):
    torch = pytest.importorskip("torch")
    width = rng.randint(1, 5)
    ours = nn.RMSNorm(eps, gain, width)
    ours.build(width, random.Random(0))
    ours.gamma[:] = [rng.uniform(-2, 2) for _ in ours.gamma]
    theirs = torch.nn.RMSNorm(width, eps, elementwise_affine=gain, dtype=torch.float64)
    if gain:
        with torch.no_grad():
            theirs.weight[:] = exact(ours.gamma)
    gradient = {"gamma": lambda: theirs.weight.grad} if gain else {}
    compared(ours, theirs, gradient, rng, [rng.randint(1, 4)], width)


@given(RANDOM)
def test_embedding_and_positions_are_pytorchs(rng):
    torch = pytest.importorskip("torch")
    lengths = [rng.randint(1, 4) for _ in range(3)]
    W, P = rows(rng, 5, 3), rows(rng, 4, 3)
    kinds = [rng.randrange(5) for _ in range(sum(lengths))]
    dY = rows(rng, len(kinds), 3)
    table, places = nn.Embedding(5, 3, weights=W), nn.Positions(4, 3, weights=P)
    places.take_lengths(lengths)
    Y = places.forward(table.forward([[float(k)] for k in kinds]))
    assert table.backward(places.backward(dY)) == [[0.0]] * len(kinds)
    theirs = torch.nn.Embedding.from_pretrained(exact(W), freeze=False)
    where = torch.nn.Embedding.from_pretrained(exact(P), freeze=False)
    order = torch.tensor([t for length in lengths for t in range(length)])
    y = theirs(torch.tensor(kinds)) + where(order)
    y.backward(exact(dY))
    assert torch.allclose(y, exact(Y))
    assert torch.allclose(theirs.weight.grad, exact(table.dW))
    assert torch.allclose(where.weight.grad, exact(places.dW))


def test_the_first_five_losses_of_microgpt_and_the_hundredth():
    """As its author's program prints them: issue and benchmarks/gpt.py say what it does."""
    losses = microgpt(100)
    published = [
        3.3659669475848504, 3.4242727838717717, 3.177802125458052, 3.066355684224198,
        3.220883089750623,
    ]  # fmt: skip
    assert losses[:5] == pytest.approx(published, abs=1e-12)
    assert losses[99] == pytest.approx(3.366930921178914, abs=1e-9)


@pytest.mark.slow
def test_all_thousand_losses_of_microgpt():
    wanted = json.loads(GOLDEN.read_text())["losses"]
    found = microgpt(1000)
    assert len(found) == 1000
    assert max(abs(a - b) for a, b in zip(found, wanted)) < 1e-9


@pytest.mark.skipif(bool(NATIVE.unavailable()), reason=f"{NATIVE.unavailable()}")
def test_all_thousand_losses_of_microgpt_by_machine_code():
    wanted = json.loads(GOLDEN.read_text())["losses"]
    assert microgpt(1000, "native") == pytest.approx(wanted, abs=1e-9)


def microgpt(steps, engine="lists"):
    golden = json.loads(GOLDEN.read_text())
    weights = gpt.start(list(range(golden["names"])), 27)  # whatever the names are
    characters = "abcdefghijklmnopqrstuvwxyz"
    lines = [gpt.as_kinds(name, characters) for name in golden["first"][:steps]]
    losses: list[float] = []
    model = gpt.network(weights)
    assert model.count_parameters() == 4192
    trainer = gpt.trainer(model, engine, losses)
    trainer.fit([line[:-1] for line in lines], [line[1:] for line in lines], epochs=1)
    return losses


def test_the_scalar_autograd_that_the_benchmark_compares_with_gives_the_same_losses():
    golden = json.loads(GOLDEN.read_text())
    scalar = gpt.ScalarGPT(gpt.start(list(range(golden["names"])), 27))
    for name, loss in zip(golden["first"][:2], golden["losses"]):
        kinds = gpt.as_kinds(name, "abcdefghijklmnopqrstuvwxyz")
        assert scalar.train(kinds) == pytest.approx(loss, abs=1e-12)


def test_the_benchmark_compares_losses_before_it_measures(capsys, monkeypatch):
    gpt.main(["--tiny"])
    assert "times as fast" in capsys.readouterr().out
    right = gpt.ScalarGPT.train
    monkeypatch.setattr(gpt.ScalarGPT, "train", lambda self, kinds: right(self, kinds) + 1e-6)
    with pytest.raises(SystemExit, match=r"losses differ by 1\.0e-06"):
        gpt.main(["--tiny"])


# --- derivatives


@settings(max_examples=20)
@given(RANDOM, st.sampled_from([None, *SUMMARIES]), st.booleans())
def test_gradients_of_sequences_are_differences(rng, last, weighted):
    model = small_gpt(3, 4, rng.randrange(100), last and last())
    X = kinds_of(rng, 2, 3, 3)
    targets = [rng.randrange(3) if last else [rng.randrange(3) for _ in x] for x in X]
    weights = [rng.uniform(0.1, 2.0) for _ in X] if weighted else None
    assert nn.gradcheck(model, CE["loss"], X, targets, weights)


def test_a_sign_turned_in_attention_is_caught(monkeypatch):
    right = nn.MultiHeadAttention.backward
    monkeypatch.setattr(
        nn.MultiHeadAttention, "backward",
        lambda self, dY, wants_dX=True: [[-d for d in row] for row in right(self, dY, wants_dX)],
    )  # fmt: skip
    model = small_gpt()
    assert not nn.gradcheck(model, CE["loss"], [[1, 2, 3]], [[2, 3, 4]])


@given(RANDOM)
def test_sequences_in_a_batch_do_not_see_each_other(rng):
    model = small_gpt(seed=rng.randrange(100))
    X = kinds_of(rng)
    together = model.predict(X)
    assert together == [model.predict([x])[0] for x in X]
    assert [len(y) for y in together] == [len(x) for x in X]


@given(RANDOM)
def test_a_causal_step_does_not_see_what_follows(rng):
    model = small_gpt(seed=rng.randrange(100))
    x = kinds_of(rng, 1)[0]
    cut = rng.randint(1, len(x))
    assert model(x[:cut]) == model(x)[:cut]


# --- training


@given(RANDOM, st.sampled_from([None, *SUMMARIES]), st.integers(1, 5))
def test_fit_is_the_loop_of_the_lesson(rng, last, batch_size):
    X = kinds_of(rng)
    T = [i % 5 if last else [(k + 1) % 5 for k in x] for i, x in enumerate(X)]
    repeats = {"epochs": 2, "batch_size": batch_size}
    first, second = (small_gpt(5, 4, 3, last and last()) for _ in range(2))
    history = nn.fit(
        first, X, T, optimizer=nn.Adam(0.01), shuffle=False, engine="lists", **CE, **repeats
    )
    hot = [[float(k == j) for j in range(5)] for k in range(5)]
    one_hot = [[hot[t]] if last else [hot[k] for k in t] for t in T]
    losses = train(
        second, [[[float(k)] for k in x] for x in X], one_hot, CE["loss"], nn.Adam(0.01), **repeats
    )
    assert first.state() == second.state()
    assert history.loss == pytest.approx(losses, abs=1e-12)


def test_the_loss_of_a_batch_is_the_mean_over_all_steps():
    """Of sequences of 1 and of 3 steps: each step counts a quarter."""
    model = small_gpt()
    X, T = [[1], [2, 3, 4]], [[2], [3, 4, 0]]
    history = nn.fit(model, X, T, optimizer=nn.SGD(1e-300), epochs=1, **CE)
    one, three = (CE["loss"](model(x), [[float(k == j) for j in range(5)] for k in t])
                  for x, t in zip(X, T))  # fmt: skip
    assert history.loss[0] == pytest.approx((one + 3 * three) / 4, abs=1e-12)


def test_batches_count_sequences_and_epochs_weigh_them_by_their_steps():
    X, T = [[1], [2, 3, 4], [0, 0]], [[2], [3, 4, 0], [0, 1]]
    seen = []
    log = nn.LambdaCallback(on_batch_end=lambda t: seen.append(t.batch_loss))
    history = nn.fit(
        small_gpt(), X, T, optimizer=nn.SGD(1e-300), epochs=1, batch_size=1, shuffle=False,
        callbacks=[log], **CE,
    )  # fmt: skip
    assert len(seen) == 3
    mean = sum(len(x) * loss for x, loss in zip(X, seen)) / 6
    assert history.loss[0] == pytest.approx(mean, abs=1e-12)


def test_weights_of_sequences_weigh_each_of_their_steps():
    model = small_gpt()
    X, T = [[1, 2], [2, 3, 4]], [[2, 3], [3, 4, 0]]
    history = nn.fit(
        model, X, T, sample_weight=[3.0, 0.5], optimizer=nn.SGD(1e-300), epochs=1, **CE
    )
    parts = [CE["loss"](model(x), [[float(k == j) for j in range(5)] for k in t])
             for x, t in zip(X, T)]  # fmt: skip
    wanted = (3.0 * 2 * parts[0] + 0.5 * 3 * parts[1]) / (3.0 * 2 + 0.5 * 3)
    assert history.loss[0] == pytest.approx(wanted, abs=1e-12)


def test_validation_metrics_streams_and_restored_weights():
    rng = random.Random(1)
    X = kinds_of(rng, 12)
    T = [[(k + 1) % 5 for k in x] for x in X]
    right = {"right": lambda T, Y: sum(max(y) == y[t.index(1.0)] for t, y in zip(T, Y)) / len(T)}
    model = small_gpt()
    history = nn.fit(
        model, X, T, epochs=30, validation_split=0.25, metrics=right, optimizer=nn.Adam(0.02), **CE
    )
    assert len(history.validation_loss) == len(history.metrics["right"]) == 30
    assert history.metrics["right"][-1] > 0.9
    streamed = small_gpt()
    batches = [(X[:5], T[:5]), (X[5:], T[5:], [1.0] * 7)]
    nn.fit(streamed, lambda: iter(batches), epochs=30, optimizer=nn.Adam(0.02), **CE)
    assert [max(range(5), key=y.__getitem__) for y in streamed([2, 3, 4])] == [3, 4, 0]


def test_a_run_cut_anywhere_ends_with_the_same_numbers(tmp_path):
    rng = random.Random(1)
    X = kinds_of(rng, 6)
    T = [[(k + 1) % 5 for k in x] for x in X]
    given_too = {"optimizer": nn.Adam(0.02), "batch_size": 2, **CE}
    whole = small_gpt()
    nn.fit(whole, X, T, epochs=6, **given_too)
    path = tmp_path / "run.json"
    for epochs in (2, 5, 6):
        model = small_gpt()
        nn.fit(model, X, T, epochs=epochs, resume=path, **given_too)
    assert model.state() == whole.state()
    with pytest.raises(SettingError, match="data"):
        nn.fit(small_gpt(), [*X[1:], X[0]], [*T[1:], T[0]], epochs=7, resume=path, **given_too)


def test_frozen_parts_stay_as_they_are():
    model = small_gpt()
    model.layers[0].frozen = True
    model.layers[3].layers[1].frozen = "query.W"
    assert model.layers[3].frozen == ("1.query.W",)
    before = model.state()
    nn.fit(model, [[1, 2, 3]], [[2, 3, 4]], epochs=2, optimizer="adam", **CE)
    after = model.state()
    same = {name for name in before if before[name] == after[name]}
    assert same == {"0.W", "3.1.query.W"}
    again = from_dict(model.to_dict())
    assert again.layers[3].frozen == ("1.query.W",)


# --- step by step


@given(RANDOM, st.sampled_from([None, *SUMMARIES]))
def test_steps_one_by_one_give_what_the_sequence_gives(rng, last):
    model = small_gpt(5, 4, rng.randrange(100), last and last())
    step = model.stepper()
    for x in kinds_of(rng, 2):
        step.begin()
        for t, kind in enumerate(x):
            wanted = model(x[: t + 1]) if last else model(x[: t + 1])[-1]
            assert step(kind) == pytest.approx(wanted, abs=1e-12)
    assert step.steps == x


def test_a_step_too_many_and_a_step_of_no_kind():
    step = small_gpt().stepper()
    with pytest.raises(DataError) as error:
        step(5)
    assert str(error.value) == (
        "Embedding(5, 4) needs whole numbers from 0 to 4, got 5 in step 0 of sequence 0 of the "
        "steps"
    )
    for _ in range(6):
        step(1)
    with pytest.raises(ShapeError) as error:
        step(1)
    assert str(error.value) == "Positions(6, 4) needs sequences of at most 6 steps, got more"


def test_attention_to_later_steps_has_no_steps():
    model = nn.Sequential(nn.Embedding(3, 2), nn.MultiHeadAttention(2, 1))
    with pytest.raises(SettingError) as error:
        model.stepper()
    assert str(error.value) == (
        "MultiHeadAttention(2, 1) attends to later steps, so it cannot take them one by one; "
        "causal=True"
    )


# --- files


@given(RANDOM)
def test_saved_copied_and_pickled_networks_give_the_same(rng):
    model = small_gpt(seed=rng.randrange(100))
    X = kinds_of(rng)
    wanted = model.predict(X)
    for again in (
        from_dict(json.loads(json.dumps(model.to_dict()))), copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):  # fmt: skip
        assert again.predict(X) == wanted
        assert repr(again) == repr(model)
        assert again.state() == model.state()


def test_a_model_file_keeps_layers_inside_layers(tmp_path):
    model = nn.Sequential(
        nn.Dense(2, 2), nn.Residual(nn.Residual(nn.Dense(2, 2), nn.BatchNorm()), nn.Dropout(0.2))
    )
    model.save(tmp_path / "m.json")
    again = load(tmp_path / "m.json")
    assert repr(again) == repr(model)
    assert [p.name for p in again.parameters()] == [
        "0.W", "0.b", "1.0.0.W", "1.0.0.b", "1.0.1.gamma", "1.0.1.beta"
    ]  # fmt: skip
    assert again.layers[1].least_values == {"0.1.running_variance": 0.0}


def described():
    return nn.Sequential(nn.Dense(2, 2), nn.Residual(nn.Dense(2, 2), nn.ReLU())).to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda layer: layer.update(layers=7),
         "the network: layer 1 needs a list of layers, at most 20 deep"),
        (lambda layer: layer["layers"].append({"type": "Relu"}),
         "the network: layer 1: layer 2 needs its type to be the name of a layer, got 'Relu'; did "
         "you mean 'ReLU'? If it is your own, call nn.register before loading"),
        (lambda layer: layer.update(layers=[]),
         "the network: layer 1 cannot be built: Residual needs at least one layer, got none"),
        (lambda layer: layer["values"].pop("0.b"),
         "the network: layer 1, Residual(Dense(2, 2), ReLU()), needs the values ['0.W', '0.b'], "
         "got ['0.W']"),
        (lambda layer: layer["layers"][0].update(outputs=3),
         "the network: layer 1, Residual(Dense(2, 3), ReLU()), needs 0.W of shape (2, 3), got "
         "(2, 2)"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said_and_where(change, message):
    content = described()
    change(content["layers"][1])
    with pytest.raises(FormatError) as error:
        from_dict(content)
    assert str(error.value) == message


def test_layers_are_not_nested_without_end():
    layer = {"type": "ReLU"}
    for _ in range(DEPTH_LIMIT + 2):
        layer = {"type": "Residual", "layers": [layer]}
    with pytest.raises(FormatError, match=r"needs a list of layers, at most 20 deep$"):
        from_dict({"layers": [layer]})


# --- what cannot be used


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Embedding(0, 3), SettingError,
         "Embedding needs kinds to be a whole number, at least 1, got 0"),
        (lambda: nn.Embedding(2, 3, weights=[[1, 2], [3, 4], [5, 6]]), ShapeError,
         "Embedding(2, 3) needs weights of shape (2, 3), got (3, 2)"),
        (lambda: nn.MultiHeadAttention(6, 4), SettingError,
         "MultiHeadAttention needs a width that its heads divide, got 6 and 4"),
        (lambda: nn.MultiHeadAttention(2, 1, weights=[[[1, 2], [3, 4]]]), ShapeError,
         "MultiHeadAttention needs four matrices as weights, for query, key, value and output, "
         "got 1"),
        (lambda: nn.Sequential(nn.Dense(2, 3), nn.MultiHeadAttention(4, 2)), ShapeError,
         "layer 1: MultiHeadAttention(4, 2) needs 4 columns, got 3 from layer 0, Dense(2, 3)"),
        (lambda: nn.Sequential(nn.Dense(2, 3), nn.Residual(nn.Dense(3, 4))), ShapeError,
         "layer 1: Residual(Dense(3, 4)) adds its layers' outputs to its inputs and needs as many "
         "columns of both, got 3 in and 4 out from layer 0, Dense(2, 3)"),
        (lambda: nn.Sequential(nn.Dense(2, 3), nn.Residual(nn.ReLU(), nn.Dense(2, 3))), ShapeError,
         "layer 1: layer 1 of Residual(ReLU(), Dense(2, 3)): Dense(2, 3) needs 2 columns, got 3 "
         "from layer 0, Dense(2, 3)"),
        (lambda: nn.Residual(nn.Tanh), ShapeError,
         "Residual needs layers, got <class 'tinynn.lesson.activation_layers.Tanh'> at index 0; "
         "did you mean Tanh()?"),
        (lambda: nn.Sequential(nn.Dense(1, 2), nn.Residual(nn.LastStep()))([[1.0]]), ShapeError,
         "Residual(LastStep()) needs layers that give a row for each step"),
        (lambda: nn.Sequential(nn.RMSNorm()), ShapeError,
         "layer 0: RMSNorm needs a number of columns, got None; write RMSNorm(columns=...)"),
    ],
)  # fmt: skip
def test_layers_that_do_not_fit(make, error, message):
    with pytest.raises(error) as found:
        make()
    assert str(found.value) == message


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        ([[0, 1], [2, 9]], [[1, 2], [3, 4]],
         "Embedding(5, 4) needs whole numbers from 0 to 4, got 9 in step 1 of sequence 1 of the "
         "inputs"),
        ([[0, 1], [2, 0.5]], [[1, 2], [3, 4]],
         "Embedding(5, 4) needs whole numbers from 0 to 4, got 0.5 in step 1 of sequence 1 of the "
         "inputs"),
        ([[0, 1], []], [[1, 2], []],
         "the steps of sequence 1 of the inputs need at least one row, got none"),
        ([], [], "inputs need at least one sequence, got none"),
        ([[0, 1], "ab"], [[1, 2], [3, 4]],
         "the steps of sequence 1 of the inputs need a sequence with one item per row, got the "
         "text 'ab'"),
        ([[0, 1, 2, 3, 4, 0, 1]], [[1, 2, 3, 4, 0, 1, 2]],
         "Positions(6, 4) needs sequences of at most 6 steps, got 7 in sequence 0"),
        ([[0, 1], [2, 3]], [[1, 2]],
         "inputs and targets need the same number of sequences, got 2 and 1"),
        ([[0, 1], [2, 3]], [[1, 2], [3]],
         "the targets of sequence 1 need one for each of its 2 steps, got 1"),
        ([[0, 1], [2, 3]], [[1, 2], [3, 7]],
         "targets need class numbers from 0 to 4, got 7 in step 1 of sequence 1"),
        ([[0, 1], [2, None]], [[1, 2], [3, 4]],
         "the steps of sequence 1 of the inputs need numbers, got None in row 1, column 0; fill or "
         "drop missing values first"),
        (3, [1], "inputs need a sequence with one item per row, got the number 3"),
    ],
)  # fmt: skip
def test_bad_sequences_are_named_by_sequence_and_step(inputs, targets, message):
    model = small_gpt()
    before = model.state()
    with pytest.raises((DataError, ShapeError)) as error:
        nn.fit(model, inputs, targets, **CE)
    assert str(error.value) == message
    assert model.state() == before


def test_targets_of_whole_sequences_are_named_by_sequence():
    model = small_gpt(last=nn.LastStep())
    for targets, message in (
        ([1, 2, 8], "targets need class numbers from 0 to 4, got 8 in sequence 2"),
        ([1, 2], "inputs and targets need the same number of sequences, got 3 and 2"),
    ):
        with pytest.raises((DataError, ShapeError)) as error:
            nn.fit(model, [[1], [2, 3], [4]], targets, **CE)
        assert str(error.value) == message


def test_outputs_that_are_not_finite_are_named_by_sequence_and_step():
    model = nn.Sequential(
        nn.Embedding(2, 1, weights=[[1.0], [1e308]]), nn.Dense(1, 1, weights=[[9.0]])
    )
    with pytest.raises(DataError) as error:
        model.predict([[0, 0], [0, 1]])
    assert str(error.value) == (
        "predict needs finite outputs, got nan or inf in row 1 of sequence 1; scale the inputs"
    )


@pytest.mark.skipif(SUMPROD, reason="products of rows are as fast with math.sumprod")
@given(RANDOM, st.sampled_from([None, *SUMMARIES]), st.booleans())
def test_written_products_train_as_lists_does(rng, last, bias):
    layers = [nn.Dense(4, 3, bias=bias)] if last else []
    made = [small_gpt(5, 4, 3, last and last()) for _ in range(2)]
    made = [nn.Sequential(*model.layers[:-1], *copy.deepcopy(layers), nn.Dense(3 if last else 4, 5),
                          seed=2) for model in made]  # fmt: skip
    made[0].layers[4].layers[1].frozen = made[1].layers[4].layers[1].frozen = "b"
    X = kinds_of(rng)
    T = [i % 5 if last else [(k + 1) % 5 for k in x] for i, x in enumerate(X)]
    for model, engine in zip(made, ("lists", "unrolled")):
        history = nn.fit(
            model, X, T, epochs=3, batch_size=2, engine=engine, optimizer=nn.Adam(0.01), **CE
        )
        assert history.engine == engine
    for a, b in zip(*(model.parameters() for model in made)):
        for wanted, found in zip(a.rows(), b.rows()):
            assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert made[0].training["steps"] == made[1].training["steps"] == 6
    assert repr(made[0]) == repr(made[1])
    assert {type(layer) for layer in made[1].layers[4].layers} == {nn.LayerNorm, nn.Dense, nn.Tanh}


@pytest.mark.skipif(SUMPROD, reason="products of rows are as fast with math.sumprod")
def test_an_edited_lesson_shows_in_sequences_too(monkeypatch):
    right = nn.Dense.backward

    def wrong(self, dZ, wants_dX=True):
        return [[2.0 * d for d in row] for row in right(self, dZ, wants_dX)]

    X, T = [[0, 1, 2], [3, 4]], [[1, 2, 3], [4, 0]]
    assert nn.fit(small_gpt(), X, T, epochs=1, **CE).engine == "unrolled"
    monkeypatch.setattr(nn.Dense, "backward", wrong)
    history = nn.fit(small_gpt(), X, T, epochs=1, **CE)
    assert history.engine == "lists"
    assert "unrolled cannot be used: it differs from the lesson" in history.engine_reason


@pytest.mark.parametrize("engine", ["loops", "packed"])
def test_engines_without_sequences_say_so(engine):
    with pytest.raises(nn.EngineError, match="reads sequences, step by step"):
        nn.fit(small_gpt(), [[1, 2]], [[2, 3]], engine=engine, **CE)


def test_what_needs_rows_says_so():
    with pytest.raises(SettingError) as error:
        nn.fit(small_gpt(), [[1, 2]], [[2, 3]], optimizer="lbfgs", **CE)
    assert str(error.value) == "LBFGS needs rows, got Embedding(5, 4), which reads sequences"
    with pytest.raises(nn.EngineError) as error:
        nn.compile(small_gpt())
    assert str(error.value) == (
        "compile makes a function of a row, and this network reads sequences; use model.stepper()"
    )


def test_pictures_of_a_network_of_rows_say_so():
    message = "this needs a network of rows, got Embedding(5, 4), which reads sequences"
    for show in (lambda: nn.explain(small_gpt(), [[1]], [[1]], "mse"),
                 lambda: view.computation_graph(small_gpt(), [1], [1], "mse")):  # fmt: skip
        with pytest.raises(SettingError) as error:
            show()
        assert str(error.value) == message


def test_rows_of_numbers_are_steps_too():
    """A network of numbers: each step is a row, one target row for each."""
    rng = random.Random(3)
    X = [rows(rng, length, 2) for length in (3, 1, 4)]
    T = [[[sum(x)] for x in sequence] for sequence in X]
    model = nn.Sequential(
        nn.Dense(2, 4), nn.MultiHeadAttention(4, 2, causal=True), nn.Dense(4, 1), seed=1
    )
    assert nn.gradcheck(model, "mse", X, T)
    history = nn.fit(model, X, T, epochs=400, optimizer=nn.Adam(0.02), batch_size=None)
    assert history.loss[-1] < 0.01 * history.loss[0]
    flat = joined(X)
    assert [y for sequence in model.predict(X) for y in sequence] == model.forward(flat)
    assert by_name("mse")(model.forward(flat), joined(T)) < 0.01 * history.loss[0]


def test_sequences_of_one_step_are_enough_for_one_position():
    model = nn.Sequential(nn.Embedding(2, 1, weights=[[1], [2]]), nn.Positions(1, 1, [[10]]))
    assert model.predict([[1], [0]]) == [[[12.0]], [[11.0]]]
