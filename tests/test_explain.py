"""One step explained: every result is the lesson's, and the arithmetic shown gives it."""

from __future__ import annotations

import copy
import math
import re
from html.parser import HTMLParser

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from random_networks import BETWEEN

import tinynn as nn
from tinynn.errors import DataError, SettingError, ShapeError
from tinynn.lesson.layer import Layer
from tinynn.lesson.losses import LOSSES
from tinynn.lesson.more_losses import Poisson
from tinynn.lesson.network import KINDS
from tinynn.lesson.optimizers import OPTIMIZERS as BY_NAME
from tinynn.lesson.random_streams import stream
from tinynn.teaching.explain.examples import EXAMPLES, example
from tinynn.teaching.explain.lines import Operand
from tinynn.teaching.explain.notation import Writer, in_ascii, name_in_html, shown, value_of

# --- published examples -------------------------------------------------------------------------

# M. Mazur, A Step by Step Backpropagation Example (2015): the numbers, with the digits printed.
MAZUR = {
    "net_h1": "0.3775", "out_h1": "0.593269992", "out_h2": "0.596884378",
    "net_o1": "1.105905967", "out_o1": "0.75136507", "out_o2": "0.772928465",
    "E_o1": "0.274811083", "E_o2": "0.023560026", "E_total": "0.298371109",
    "∂E/∂out_o1": "0.74136507", "∂out_o1/∂net_o1": "0.186815602", "∂E/∂w5": "0.082167041",
    "w5⁺": "0.35891648", "w6⁺": "0.408666186", "w7⁺": "0.511301270", "w8⁺": "0.561370121",
    "∂E/∂net_o1": "0.138498562", "∂E/∂out_h1": "0.036350306", "∂out_h1/∂net_h1": "0.241300709",
    "∂E/∂w1": "0.000438568", "w1⁺": "0.149780716", "w2⁺": "0.19956143", "w3⁺": "0.24975114",
    "w4⁺": "0.29950229",
}  # fmt: skip


@pytest.fixture(scope="module")
def mazur():
    return example("mazur")


@pytest.mark.parametrize("name", MAZUR)
def test_mazurs_numbers_to_the_digit(mazur, name):
    printed = MAZUR[name]
    digits = len(printed.partition(".")[2])
    assert f"{mazur[name]:.{digits}f}" == printed
    (line,) = [line for line in mazur.lines if line.name == name]
    assert f"{float(line.value.replace('−', '-')):.{digits}f}" == printed
    assert re.search(rf"^  {re.escape(name)} = ", str(mazur), re.MULTILINE)


def test_mazurs_sum_for_the_hidden_layer(mazur):
    (line,) = [line for line in mazur.lines if line.name == "∂E/∂out_h1"]
    assert line.formula == "∂E/∂net_o1·w5 + ∂E/∂net_o2·w7"
    # The article has −0.019049119: it halved −0.038098237, which was rounded before.
    assert line.between == "0.055399425 − 0.019049118"
    assert math.isclose(mazur["∂E/∂net_o2"] * 0.5, -0.019049119, abs_tol=1.1e-9)


def test_mazurs_loss_after_the_step(mazur):
    """With the biases kept; the article's own number comes of another order, which it denies."""
    remarks = " ".join(mazur.remarks)
    for number in ("0.291027774", "0.291027924", "0.280471447", "−0.019049119"):
        assert number in remarks
    w = [mazur[f"w{k}⁺"] for k in range(1, 9)]

    def sigmoid(z):
        return 1.0 / (1.0 + math.exp(-z))

    h = [sigmoid(0.05 * w[k] + 0.1 * w[k + 1] + 0.35) for k in (0, 2)]
    o = [sigmoid(h[0] * w[k] + h[1] * w[k + 1] + 0.6) for k in (4, 6)]
    assert f"{0.5 * ((0.01 - o[0]) ** 2 + (0.99 - o[1]) ** 2):.9f}" == "0.291027774"


def test_mazur_reads_like_the_article(mazur):
    text = str(mazur)
    for line in (
        "  net_h1 = w1·i1 + w2·i2 + b1 = 0.15·0.05 + 0.2·0.1 + 0.35 = 0.3775\n",
        "  out_h1 = 1/(1 + e^(−net_h1)) = 1/(1 + e^(−0.3775)) = 0.593269992\n",
        "  E_o1 = (out_o1 − target_o1)²/2 = (0.75136507 − 0.01)²/2 = 0.274811083\n",
        "  w5⁺ = w5 − rate·∂E/∂w5 = 0.4 − 0.5·0.082167041 = 0.35891648\n",
    ):
        assert line in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_original_program():
    found = example("original")
    starts = [-0.16595599, 0.44064899, -0.99977125]  # printed by the article
    net = nn.NeuralNet(seed=1)
    net.train([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], [[0], [1], [1], [0]], 1)
    for k, start in enumerate(starts):
        assert found[f"w{k + 1}⁺"] == net.synaptic_weights[k][0]
        (line,) = [line for line in found.lines if line.name == f"w{k + 1}⁺"]
        assert line.numbers.startswith(shown(start, 8))
    assert all(line.note == "" for line in found.lines)
    with pytest.raises(SettingError, match="leave out only="):
        example("original", only="row 1")


def test_an_unknown_example():
    with pytest.raises(SettingError) as caught:
        example("mazzur")
    assert str(caught.value) == (
        "explain knows the examples mazur, original, xor, got 'mazzur'; did you mean 'mazur'?"
    )


# --- the law: what is shown is what the lesson computes -----------------------------------------

ACTIVATIONS = [
    nn.Linear, nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.Softplus,
    nn.SiLU, nn.Softmax, nn.LogSoftmax,
]  # fmt: skip
OPTIMIZERS = [
    nn.SGD(0.1), nn.SGD(0.1, momentum=0.9), nn.SGD(0.1, momentum=0.9, nesterov=True),
    nn.SGD(0.1, momentum=0.5, dampening=0.2, weight_decay=0.1),
    nn.SGD(0.1, weight_decay=0.1, decay_biases=False), nn.Adagrad(lr_decay=0.1),
    nn.Adagrad(weight_decay=0.1, initial_accumulator_value=0.1), nn.RMSprop(),
    nn.RMSprop(momentum=0.5, centered=True, weight_decay=0.1), nn.Adam(), nn.AdamW(),
    nn.Adam(amsgrad=True, weight_decay=0.1), nn.Adam(nn.schedules.Step(0.1, 1)),
]  # fmt: skip
OF_NUMBERS = ["mse", "mae", "huber", nn.Huber(0.1), Poisson()]


@st.composite
def steps(draw):
    """Return a small network, a batch, a loss and an optimizer."""
    rng = stream(draw(st.integers(0, 10**6)))
    rows = draw(st.integers(2, 3))
    widths = [draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))]
    between = draw(
        st.lists(
            st.sampled_from([*ACTIVATIONS, nn.LayerNorm, nn.BatchNorm, nn.Dropout]), max_size=3
        )
    )
    layers = [nn.Dense(widths[0], widths[1], bias=draw(st.booleans()))]
    layers += [kind() for kind in between]
    layers.append(nn.Dense(widths[1], widths[2]))
    loss, last = draw(
        st.sampled_from(
            [
                *[(name, None) for name in OF_NUMBERS], ("bce", nn.Sigmoid), ("ce", nn.Softmax),
                (nn.BinaryCrossEntropy(from_logits=True), None), ("hinge", nn.Tanh),
                (nn.CategoricalCrossEntropy(from_logits=True), nn.LogSoftmax), ("bce", nn.Softmax),
                (nn.CategoricalCrossEntropy(from_logits=True), None), ("ce", nn.Sigmoid),
                ("mse", nn.Sigmoid), ("mae", nn.ReLU),
            ]
        )
    )  # fmt: skip
    layers += [last()] if last else []
    model = nn.Sequential(*layers, seed=rng)
    for parameter in model.parameters():
        for row in parameter.rows():
            row[:] = [rng.uniform(-2, 2) for _ in row]
    X = [[rng.uniform(-2, 2) for _ in range(widths[0])] for _ in range(rows)]
    T = [[rng.random() for _ in range(widths[2])] for _ in range(rows)]
    name = getattr(loss, "name", loss)
    if name == "ce":
        T = [[float(j == k % widths[2]) for j in range(widths[2])] for k in range(rows)]
    if name == "hinge":
        T = [[float(rng.choice([-1, 1])) for _ in row] for row in T]
    return model, X, T, loss, draw(st.sampled_from(OPTIMIZERS)), draw(st.integers(0, 2))


SIGNS = {"·": "*", "−": "-", "≤": "<=", "≥": ">="}


def evaluated(text):
    """Return what the arithmetic on the board gives."""
    text = re.sub(r"10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: f"(10.0**{_plain(m[1])})", text)
    text = text.replace("²", "**2").replace("√", "sqrt")
    text = re.sub(r"e\^", "E_**", text)
    text = re.sub(r"sqrt([0-9.]+)", r"sqrt(\1)", text).replace("^", "**")
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    for sign, plain in SIGNS.items():
        text = text.replace(sign, plain)
    names = {"E_": math.e, "π": math.pi, "sqrt": math.sqrt, "abs": abs, "max": lambda *x: max(x),
             "log": math.log, "tanh": math.tanh, "erfc": math.erfc}  # fmt: skip
    text = text.replace("2π", "2*π")
    return eval(text, {"__builtins__": {}}, names)


def _plain(raised):
    return raised.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))


@settings(max_examples=60, deadline=None)
@given(steps())
@pytest.mark.filterwarnings("ignore")
def test_every_line_is_what_the_lesson_computes(case):
    model, X, T, loss, optimizer, earlier = case
    if earlier:
        fit(model, X, T, loss, optimizer, earlier)
    state, training = model.state(), copy.deepcopy(model.training)
    found = nn.explain(model, X, T, loss, optimizer, digits=17)
    assert model.state() == state
    assert model.training == training
    # One step of fit, with the engine that is the definition.
    trained = copy.deepcopy(model)
    fit(trained, X, T, loss, optimizer, 1)
    after = {p.name: p for p in trained.parameters()}
    gradients = {p.name: p for p in trained.parameters()}
    checked = set()
    for line in found.lines:
        assert line.note == "", (line.name, line.formula)
        expected = line.term.value
        assert math.isclose(line.result, expected, rel_tol=1e-8, abs_tol=1e-9), line.name
        arithmetic = evaluated(line.numbers)
        assert math.isclose(arithmetic, line.result, rel_tol=1e-6, abs_tol=1e-9), line.numbers
        if line.weight and line.part in ("backward", "update"):
            name, indices = line.weight.partition("[")[::2]
            at = [int(i) for i in indices.rstrip("]").split("][")]
            i, j = at if len(at) == 2 else [0, *at]
            if line.part == "backward":
                assert gradients[name].gradient_rows()[i][j] == line.result
                checked.add(("gradient", line.weight))
            elif line.name[0] in "wbγβ" and line.name.endswith("⁺"):
                assert after[name].rows()[i][j] == line.result
                checked.add(("weight", line.weight))
    assert len(checked) == 2 * model.count_parameters()


def fit(model, X, T, loss, optimizer, epochs):
    """Train on all rows as one batch; unlike `fit` itself, also on rows of a single class."""
    trainer = nn.Trainer(
        model, loss=loss, optimizer=optimizer, batch_size=None, shuffle=False, engine="lists"
    )
    for _ in range(epochs):
        trainer.partial_fit(X, T)


@pytest.mark.parametrize(
    "clipping",
    [{"clip_norm": 0.1}, {"clip_norm": 100.0}, {"clip_value": 0.01},
     {"clip_norm": 0.05, "clip_value": 0.03}],
)  # fmt: skip
def test_clipping(clipping):
    model = nn.Sequential(nn.Dense(2, 2), nn.Tanh(), nn.Dense(2, 1), seed=1)
    X, T = [[0.5, -1.0], [1.0, 2.0]], [[1.0], [-2.0]]
    found = nn.explain(model, X, T, "mse", nn.SGD(0.1, momentum=0.5), digits=17, **clipping)
    assert "once for all weights" in {passage.title for passage in found.sections}
    nn.fit(
        model, X, T, loss="mse", optimizer=nn.SGD(0.1, momentum=0.5), epochs=1, batch_size=None,
        shuffle=False, engine="lists", **clipping,
    )  # fmt: skip
    assert found["w1⁺"] == model.layers[0].W[0][0]
    assert found["b3⁺"] == model.layers[2].b[0]
    for line in found.lines:
        assert line.note == ""
        assert math.isclose(evaluated(line.numbers), line.result, rel_tol=1e-6, abs_tol=1e-9)


def test_what_stands_there_when_the_norm_is_clipped():
    model = nn.Sequential(nn.Dense(1, 1, weights=[[3.0]]), seed=1)
    found = nn.explain(model, [[1.0]], [[1.0]], "mse", nn.SGD(0.1), "update", clip_norm=1.0)
    assert [f"{line.name} = {' = '.join(line.steps())}" for line in found.lines] == [
        "shrink = 1/(√((∂E/∂w1)² + (∂E/∂b1)²) + 10⁻⁶) = 1/(√(4² + 4²) + 10⁻⁶) = 0.176777",
        "shrink′ = 1 if shrink > 1, else shrink = 0.176777",
        "w1⁺ = w1 − rate·shrink′·∂E/∂w1 = 3 − 0.1·0.176777·4 = 2.929289",
        "b1⁺ = b1 − rate·shrink′·∂E/∂b1 = 0 − 0.1·0.176777·4 = −0.070711",
    ]


def test_outputs_and_derivatives_are_the_layers_own():
    model = nn.Sequential(nn.Dense(2, 3), nn.GELU(), nn.LayerNorm(), nn.Dense(3, 2), nn.Softmax(),
                          seed=3)  # fmt: skip
    X, T = [[0.5, -1.0], [2.0, 0.25]], [[1.0, 0.0], [0.0, 1.0]]
    found = nn.explain(model, X, T, "ce")
    Y = model.forward(X)
    for row, mark in ((0, "⁽¹⁾"), (1, "⁽²⁾")):
        for j in (0, 1):
            assert found[f"out_o{j + 1}{mark}"] == Y[row][j]
    loss = nn.CategoricalCrossEntropy()
    assert found["E_total"] == loss(Y, T)
    dZ = loss.logits_gradient(Y, T)
    assert found["∂E/∂net_o2⁽²⁾"] == dZ[1][1]
    model.backward(dZ, skip_last=True)
    assert found["∂E/∂w1"] == model.layers[0].dW[0][0]
    assert found["∂E/∂γ_h3"] == model.layers[2].dgamma[2]


# --- what has no formula, and what is not what its formula says ---------------------------------


class Squared(nn.Tanh):
    """An activation of one's own."""

    low, high = 0.0, float("inf")
    function = staticmethod(lambda z: z * z)
    derivative = staticmethod(lambda z, y: 2.0 * z)


class Halves(Layer):
    """A layer of one's own, with fewer columns out than in."""

    def build(self, inputs, rng):
        return inputs // 2

    def forward(self, X, training=False):
        self.n = len(X[0])
        return [x[: self.n // 2] for x in X]

    def backward(self, dY, wants_dX=True):
        return [[*dy, *[0.0] * (self.n - len(dy))] for dy in dY]


class Plain(nn.Optimizer):
    """An optimizer of one's own."""

    name = "plain"

    def __init__(self, learning_rate=0.1):
        self.learning_rate, self.weight_decay = learning_rate, 0.0

    def settings(self):
        return {"learning_rate": self.learning_rate}

    def update(self, w, g, memory, learning_rate, t):
        return [a - learning_rate * b for a, b in zip(w, g)]


class Cubic(nn.Loss):
    """A loss of one's own."""

    name = "cubic"

    def of_row(self, y, t):
        return sum([abs(a - b) ** 3 for a, b in zip(y, t)])

    def row_derivative(self, y, t):
        return [3.0 * (a - b) * abs(a - b) for a, b in zip(y, t)]


def test_parts_of_ones_own_are_shown_by_what_goes_in_and_out():
    model = nn.Sequential(nn.Dense(2, 4), Squared(), Halves(), nn.Dense(2, 1), seed=1)
    found = nn.explain(model, [[1.0, 2.0]], [[0.5]], Cubic(), Plain())
    formulas = {line.name: line.formula for line in found.lines}
    assert formulas["out_h1"] == "Squared(net_h1)"
    assert formulas["halves_k2"] == "Halves(out_h1, out_h2, out_h3, out_h4)"
    assert formulas["∂out_h1/∂net_h1"] == "Squared.derivative(net_h1)"
    assert formulas["∂E/∂out_h4"] == "Halves.backward(∂E/∂halves_k1, ∂E/∂halves_k2)"
    assert formulas["E_total"] == "Cubic(net_o1, target_o1)"
    assert formulas["w1⁺"] == "Plain.update(w1, ∂E/∂w1)"
    numbers = {line.name: line.numbers for line in found.lines}
    assert re.fullmatch(r"Squared\(−?[0-9.]+\)", numbers["out_h1"])
    fitted = copy.deepcopy(model)
    nn.fit(fitted, [[1.0, 2.0]], [[0.5]], loss=Cubic(), optimizer=Plain(), epochs=1, engine="lists")
    assert found["w9⁺"] == fitted.layers[3].W[0][0]


def test_a_wrong_formula_in_a_layer_is_said(monkeypatch):
    monkeypatch.setattr(nn.Tanh, "derivative", staticmethod(lambda z, y: 1.0 - y))
    model = nn.Sequential(nn.Dense(1, 1, weights=[[1.0]]), nn.Tanh())
    found = nn.explain(model, [[0.5]], [[0.25]])
    notes = {line.name: line.note for line in found.lines if line.note}
    assert notes == {
        "∂out_o1/∂net_o1": "the formula gives 0.786448; the code computed something else"
    }
    assert "    but: the formula gives 0.786448" in str(found)
    assert "But: the formula gives 0.786448" in found.to_html()


# --- what is shown ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wide():
    model = nn.Sequential(nn.Dense(20, 12), nn.ReLU(), nn.Dense(12, 3), nn.Softmax(), seed=1)
    X = [[math.sin(i * j) for j in range(20)] for i in range(12)]
    return model, X, [k % 3 for k in range(12)]


def test_long_sections_are_folded(wide):
    text = str(nn.explain(*wide, loss="ce"))
    assert "layer 0: Dense(20, 12)\n  about 240 terms, not shown; only='layer 0' shows them" in text
    assert "rows 9 to 12\n  likewise, not shown; only='row 9' shows one" in text
    assert len(text) < 60_000


@pytest.mark.parametrize(
    ("only", "parts", "layers", "rows"),
    [
        ("layer 2", {"forward", "backward", "update"}, {2}, {*range(8), None}),
        ("forward, row 9", {"forward"}, {0, 1, 2, 3}, {8}),
        (["layer 0", "row 2", "forward"], {"forward"}, {0}, {1}),
        ("loss", {"loss"}, {None}, {*range(8), None}),
        ("update, layer 2", {"update"}, {2}, {None}),
    ],
)
def test_only_what_is_asked_for(wide, only, parts, layers, rows):
    lines = nn.explain(*wide, loss="ce", only=only).lines
    assert {line.part for line in lines} == parts
    assert {line.layer for line in lines} == layers
    # Backward lines of a layer cover all rows.
    assert {line.row for line in lines if line.part != "backward"} == rows


def test_only_one_weight(wide):
    found = nn.explain(*wide, loss="ce", only="2.W[3][1]")
    assert {line.weight for line in found.lines if line.part == "update"} == {"2.W[3][1]"}
    (gradient,) = [line for line in found.lines if line.name == "∂E/∂W_2[3][1]"]
    shown_too = {line.name for line in found.lines}
    rows = range(8)  # the forward pass is shown for the first rows
    for row in rows:
        assert {name for name in gradient.uses if f"⁽{'⁰¹²³⁴⁵⁶⁷⁸⁹'[row + 1]}⁾" in name} <= shown_too
    sums = [line for line in found.lines if line.name.startswith("net_o")]
    assert {line.column for line in sums} == {1}


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ("layer 4", "explain needs a layer from 0 to 3, got layer 4"),
        ("row 0", "explain needs a row from 1 to 12, got row 0"),
        ("row 13", "explain needs a row from 1 to 12, got row 13"),
        ("2.W[12][0]", "explain needs a weight from 2.W[0][0] to 2.W[11][2], got '2.W[12][0]'"),
        ("2.b[0][0]", "explain needs a weight from 2.b[0] to 2.b[2], got '2.b[0][0]'"),
        ("1.W[0][0]", "explain needs a weight of 0.W, 0.b, 2.W, 2.b, got '1.W[0][0]'; did you mean "
         "'2.W'?"),
        ("forwards", "explain needs only to be 'layer 0', 'row 1', 'forward', 'loss', 'backward', "
         "'update', or a weight such as '0.W[1][0]', got 'forwards'; did you mean 'forward'?"),
        (3, "explain needs only to be 'layer 0', 'row 1', 'forward', 'loss', 'backward', 'update', "
         "or a weight such as '0.W[1][0]', got 3"),
    ],
)  # fmt: skip
def test_what_only_cannot_be(wide, only, message):
    with pytest.raises(SettingError) as caught:
        nn.explain(*wide, loss="ce", only=only)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[1.0, 2.0, 3.0]], [[1.0]]), ShapeError, "inputs need 2 columns, got 3"),
        (([[1.0, float("nan")]], [[1.0]]), DataError,
         "inputs need finite numbers, got nan in row 0, column 1; fill or drop missing values "
         "first"),
        (([[1.0, 2.0]], [[1.0]], "msee"), SettingError,
         "loss needs to be one of 'mse', 'mae', 'huber', 'bce', 'ce', 'hinge', 'quantile', "
         "'log_cosh', "
         "'poisson', 'binary_focal', 'focal', "
         "'cross_entropy' or an object of "
         "class Loss, got 'msee'; did you mean 'mse'?"),
        (([[1.0, 2.0]], [[1.0]], "mse", "lbfgs"), SettingError,
         "explain shows one update from one gradient, and LBFGS tries several steps; use another "
         "optimizer, such as SGD"),
    ],
)  # fmt: skip
def test_bad_input(arguments, error, message):
    model = nn.Sequential(nn.Dense(2, 1), seed=1)
    with pytest.raises(error) as caught:
        nn.explain(model, *arguments)
    assert str(caught.value) == message


def test_batch_normalization_needs_rows():
    model = nn.Sequential(nn.Dense(2, 2), nn.BatchNorm(), nn.Dense(2, 1), seed=1)
    with pytest.raises(ShapeError) as caught:
        nn.explain(model, [[1.0, 2.0]], [[1.0]])
    assert str(caught.value) == (
        "explain needs at least 2 rows, because layer 1, BatchNorm(columns=2, momentum=0.1, "
        "eps=1e-05), computes with all rows of a batch, got 1"
    )


def test_only_networks_are_explained():
    with pytest.raises(SettingError) as caught:
        nn.explain("mazur", [[1.0]], [[1.0]])
    assert str(caught.value) == (
        "explain needs a network, Sequential or NeuralNet, got 'mazur'; the examples are mazur, "
        "original and xor: tinynn.teaching.explain.examples.example('mazur')"
    )
    model = nn.Regressor(hidden_layer_sizes=(2,), max_iter=1, solver="adam")
    model.fit([[1, 2], [2, 3], [3, 5]] * 4, [1, 2, 3] * 4)
    with pytest.raises(SettingError, match=r"; did you mean its network, model.network_\?"):
        nn.explain(model, [[1, 2]], [1])
    with pytest.raises(SettingError, match="learns by a rule of its own"):
        nn.explain(nn.NeuralNet(), [[1, 0, 1]], [[1]], "bce")


# --- how it is written --------------------------------------------------------------------------


class Balanced(HTMLParser):
    """Checks that elements are closed in order, and keeps the text."""

    def __init__(self):
        super().__init__()
        self.open, self.texts = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("name", EXAMPLES)
def test_html(name):
    found = example(name)
    page = Balanced()
    page.feed(found.to_html())
    page.close()
    assert page.open == []
    text = "".join(page.texts)
    for line in found.lines:
        assert line.value in text
    assert "://" not in found.to_html()
    part = found._repr_html_()
    assert part in found.to_html()
    assert "<html" not in part


def test_html_is_escaped():
    class Evil(nn.Tanh):
        pass

    Evil.__name__ = "<script>alert(1)</script>"
    model = nn.Sequential(nn.Dense(1, 1), Evil(), nn.Dense(1, 1), seed=1)
    page = nn.explain(model, [[1.0]], [[1.0]]).to_html()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("name", EXAMPLES)
def test_ascii(name):
    text = example(name).text(ascii_only=True)
    assert text.isascii()
    assert "?" not in text


@pytest.mark.parametrize(
    ("x", "digits", "text"),
    [
        (0.0, 6, "0"), (-0.0, 6, "0"), (1.0, 6, "1"), (-2.5, 6, "−2.5"), (1 / 3, 4, "0.3333"),
        (0.00011, 6, "0.00011"), (1.5e-7, 6, "1.5·10⁻⁷"), (1e-8, 6, "10⁻⁸"), (-1e-8, 6, "−10⁻⁸"),
        (2e12, 6, "2·10¹²"), (float("inf"), 6, "inf"), (0.0004, 3, "4·10⁻⁴"),
        (123456.0, 2, "123456"),
    ],
)  # fmt: skip
def test_numbers(x, digits, text):
    assert shown(x, digits) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_with_all_digits_are_the_number(x):
    assert math.isclose(evaluated(f"({shown(x, 17)})"), x, rel_tol=1e-12, abs_tol=1e-300)


def trees(names):
    leaf = st.one_of(
        st.sampled_from([("name", name) for name in names]),
        st.floats(-4, 4).map(lambda x: ("number", x)),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(st.sampled_from(["+", "-", "*"]), inner, inner),
            st.tuples(st.just("negative"), inner),
            st.tuples(st.just("sum"), inner, inner, inner),
            st.tuples(st.just("call"), st.sampled_from(["tanh", "abs"]), inner),
            st.tuples(st.just("/"), inner, st.tuples(st.just("call"), st.just("exp"),
                      st.tuples(st.just("call"), st.just("tanh"), inner))),
        ),
        max_leaves=8,
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(trees(["a", "b"]), st.floats(-3, 3), st.floats(-3, 3))
def test_what_is_written_is_what_is_meant(tree, a, b):
    """Parentheses: the text of a random formula, read again, gives the formula's value."""
    values = {"a": a, "b": b}
    expected = value_of(tree, values)
    text = Writer(17, values).write(tree)
    if "|" not in text:
        assert math.isclose(evaluated(text), expected, rel_tol=1e-9, abs_tol=1e-9), text


def test_names():
    assert name_in_html("∂out_h1⁽²⁾/∂net_h1⁽²⁾") == ("∂out<sub>h1</sub>⁽²⁾/∂net<sub>h1</sub>⁽²⁾")
    assert name_in_html("w5⁺") == "w5⁺"
    assert in_ascii("∂E/∂w1⁽¹²⁾ = 2·10⁻³ − γ_h1·x²") == "dE/dw1(12) = 2*10^-3 - gamma_h1*x^2"


def test_a_term_without_a_value():
    assert math.isnan(Operand(("call", "exp", ("number", 1e4)), {}).value)


def test_the_loss_after_the_step_is_measured_as_before_it():
    """With the same dropout, and batch normalization by the batch: else they could not compare."""
    model = nn.Sequential(nn.Dense(2, 4), nn.BatchNorm(), nn.Dropout(0.5), nn.Dense(4, 1), seed=1)
    X, T = [[0.5, -1.0], [1.0, 2.0]], [[1.0], [-2.0]]
    found = nn.explain(model, X, T, "mse", nn.SGD(0.0))
    assert found.remarks[1] == (
        f"Before the step the loss is {shown(found['E_total'], 6)}; after it, "
        f"{shown(found['E_total'], 6)}."
    )


def test_a_form_that_would_overflow_is_not_shown():
    model = nn.Sequential(nn.Dense(1, 1, weights=[[-1000.0]]), nn.Sigmoid())
    steps = {line.name: line.steps() for line in nn.explain(model, [[1.0]], [[1.0]], "bce").lines}
    assert steps["out_o1"] == [
        "1/(1 + e^(−net_o1)) if net_o1 ≥ 0, else e^net_o1/(1 + e^net_o1)",
        "e^(−1000)/(1 + e^(−1000))",
        "0",
    ]
    # The limits that the lesson sets to logarithms show where they apply.
    assert steps["l_o1"][0] == "−100 if out_o1 < 3.72008·10⁻⁴⁴, else log(out_o1)"
    assert steps["E_total"][-1] == "100"


EVERY_LAYER = [
    *(KINDS[name] for name in BETWEEN if name not in ("PReLU", "GroupNorm")), nn.Flatten,
    lambda: nn.RMSNorm(gain=False), nn.PReLU, lambda: nn.PReLU(shared=True),
    lambda: nn.GroupNorm(2),
]  # fmt: skip


@pytest.mark.parametrize("make", EVERY_LAYER)
def test_the_formula_of_every_layer_is_what_the_code_computes(make):
    model = nn.Sequential(nn.Dense(2, 4), make(), nn.Dense(4, 2), seed=2)
    found = nn.explain(model, [[0.5, -1.0], [0.2, 0.7]], [[0.3, 0.1], [0.2, 0.4]])
    assert all(line.note == "" for line in found.lines)


@pytest.mark.parametrize("name", LOSSES)
def test_the_formula_of_every_loss_is_what_the_code_computes(name):
    partner = LOSSES[name].partner
    last = [KINDS[partner]()] if partner else []
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 2), *last, seed=2)
    low = -1.0 if name == "hinge" else 0.0
    found = nn.explain(model, [[0.5, -1.0], [0.2, 0.7]], [[1.0, low], [low, 1.0]], loss=name)
    assert all(line.note == "" for line in found.lines)


@pytest.mark.parametrize("name", BY_NAME)
def test_the_formula_of_every_optimizer_is_what_the_code_computes(name):
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 2), seed=2)
    found = nn.explain(model, [[0.5, -1.0]], [[0.3, 0.1]], optimizer=name)
    assert all(line.note == "" for line in found.lines)
