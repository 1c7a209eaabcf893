"""Pictures of learning: true to the network's numbers, clear about what they cannot draw.

What holds for every picture (well-formed, escaped, themes) is in test_view.py.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st
from random_networks import BETWEEN, random_layer

import tinynn as nn
from benchmarks import pictures
from tinynn import view
from tinynn.errors import DataError, SettingError, ShapeError
from tinynn.lesson.activation_layers import Activation
from tinynn.lesson.network import KINDS
from tinynn.view.epochs import thinned_out
from tinynn.view.graph_values import GIVEN, LOSS, MOST_NODES, STEP, WEIGHT, graph_of
from tinynn.view.graphs import _crossings, _ordered

SVG = "{http://www.w3.org/2000/svg}"
X, T = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [[0.0], [1.0], [1.0], [0.0]]


def xor(seed=1):
    return nn.Sequential(nn.Dense(2, 2), nn.Tanh(), nn.Dense(2, 1), nn.Sigmoid(), seed=seed)


def trained(optimizer, epochs=20, seed=1, **options):
    snapshots = nn.Snapshots(**options)
    model = xor(seed)
    nn.fit(model, X, T, optimizer=optimizer, epochs=epochs, callbacks=[snapshots])
    return model, snapshots


def elements(svg, tag):
    return list(ElementTree.fromstring(svg).iter(SVG + tag))


def texts(svg):
    return [e.text for e in elements(svg, "text")]


def refused(call, kind, message):
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message


# --- snapshots ------------------------------------------------------------------------------------


def test_snapshots_are_the_networks_of_their_epochs():
    model, snapshots = trained(nn.SGD(0.5), epochs=6, every=2)
    assert [epoch for epoch, _ in snapshots.taken] == [0, 2, 4, 6]
    assert snapshots.taken[0][1].predict(X) == xor().predict(X)
    assert snapshots.taken[-1][1].predict(X) == model.predict(X)
    shorter = xor()
    nn.fit(shorter, X, T, optimizer=nn.SGD(0.5), epochs=4)
    assert snapshots.taken[2][1].predict(X) == shorter.predict(X)


def test_snapshots_of_given_epochs():
    snapshots = nn.Snapshots(epochs=[1, 5, 99])
    nn.fit(xor(), X, T, epochs=6, callbacks=[snapshots])
    assert [epoch for epoch, _ in snapshots.taken] == [1, 5]
    nn.fit(xor(), X, T, epochs=1, callbacks=[snapshots])  # begins anew
    assert [epoch for epoch, _ in snapshots.taken] == [1]
    refused(
        lambda: nn.Snapshots(epochs=3), SettingError,
        "Snapshots needs epochs as a list of numbers, got 3",
    )  # fmt: skip
    refused(
        lambda: nn.Snapshots(every=0), SettingError,
        "Snapshots needs every to be a whole number, at least 1, got 0",
    )  # fmt: skip


# --- the boundary over epochs ---------------------------------------------------------------------


def test_there_is_a_map_for_each_snapshot_and_most_bounds_them():
    _, snapshots = trained(nn.Adam(0.1), epochs=30)
    svg = view.boundary_epochs(snapshots, X, [0, 1, 1, 0], most=5, resolution=8)
    shown = [text for text in texts(svg) if text.startswith(("epoch", "before"))]
    assert shown == ["before training", "epoch 8", "epoch 15", "epoch 22", "epoch 30"]
    assert len(elements(svg, "clipPath")) == 5


@given(st.integers(2, 40), st.integers(2, 12))
def test_thinning_keeps_both_ends_and_the_order(count, most):
    kept = thinned_out(list(range(count)), most)
    assert len(kept) == min(count, most) == len(set(kept))
    assert kept[0] == 0 and kept[-1] == count - 1 and kept == sorted(kept)


def test_a_map_shows_what_its_network_chooses():
    def net(sign):
        return nn.Sequential(
            nn.Dense(2, 1, weights=[[sign * 50.0], [0.0]]), nn.Sigmoid()
        )  # left and right

    svg = view.boundary_epochs(
        [(0, net(1.0)), (1, net(-1.0))], [[-1, -1], [1, 1]], [0, 1], resolution=2
    )
    areas = [
        [e.get("class") for e in group.iter(SVG + "path")]
        for group in elements(svg, "g")
        if "nn-area" in (group.get("class") or "")
    ]
    paths = [
        {e.get("class"): e.get("d") for e in group.iter(SVG + "path")}
        for group in elements(svg, "g")
        if "nn-area" in (group.get("class") or "")
    ]
    assert [sorted(area) for area in areas] == [["nn-f0", "nn-f1"]] * 2
    assert paths[0]["nn-f0"] == paths[1]["nn-f1"] == "M0 0h1v2h-1z"


def test_what_boundaries_cannot_be_drawn_is_refused():
    pairs, kinds = [[0, 0], [1, 1]], [0, 1]
    draw = view.boundary_epochs
    for call, kind, message in (
        (lambda: draw([], pairs, kinds), SettingError,
         "boundary_epochs needs at least one snapshot, got none; give the callback to fit first"),
        (lambda: draw([xor()], pairs, kinds), SettingError,
         "boundary_epochs needs an nn.Snapshots or a list of (epoch, network), got "
         "Sequential(Dense(2, 2), Tanh(), Dense(2, 1), Sigmoid())"),
        (lambda: draw(3, pairs, kinds), SettingError,
         "boundary_epochs needs an nn.Snapshots or a list of (epoch, network), got 3"),
        (lambda: draw([(1, nn.Sequential(nn.Dense(3, 1)))], pairs, kinds), DataError,
         "boundary_epochs needs networks with 2 inputs, x and y, got 3 at epoch 1"),
        (lambda: draw([(1, xor())], [[1, 2, 3]], [0]), DataError,
         "boundary_epochs needs points of 2 numbers (x and y), got rows of 3"),
        (lambda: draw([(1, xor())], pairs, [0]), DataError,
         "boundary_epochs needs as many classes as points, got 1 classes and 2 points"),
        (lambda: draw([(1, xor())], pairs, kinds, most=1), SettingError,
         "boundary_epochs needs most of at least 2, got 1"),
        (lambda: draw([(1, xor())], pairs, kinds, width=10), SettingError,
         "boundary_epochs needs width between 120 and 10000 pixels, got 10; leave it out for the "
         "default size"),
    ):  # fmt: skip
        refused(call, kind, message)


# --- the loss surface -----------------------------------------------------------------------------


def line(w=-1.0, b=0.25):
    model = nn.Sequential(nn.Dense(1, 1, weights=[[w]]))
    model.layers[0].b[0] = b
    return model


def test_a_surface_has_the_loss_of_its_weights():
    """Of two weights: y = w x + b at x = 1 has its smallest loss along w + b = 1."""
    svg = view.loss_surface(
        line(), [[1.0]], [[1.0]], weights=("0.W[0][0]", "0.b[0]"), x_limits=(-2, 2),
        y_limits=(-2, 2), resolution=40,
    )  # fmt: skip
    area = next(g for g in elements(svg, "g") if "nn-area" in (g.get("class") or ""))
    darkest = next(area.iter(SVG + "path"))
    corners = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)", darkest.get("d"))
    for x, y, width, height in [tuple(map(int, corner)) for corner in corners]:
        for i in range(x, x + width):
            for j in range(y, y + height):
                w, b = -2 + 4 * (i + 0.5) / 40, 2 - 4 * (j + 0.5) / 40
                assert abs(w + b - 1.0) < 0.35


def test_a_path_lies_where_its_weights_are():
    path = [(0, line(-1.0, 0.0)), (1, line(0.0, 1.0)), (2, line(1.0, 0.0))]
    svg = view.loss_surface(
        line(), [[1.0]], [[1.0]], path=path, weights=("0.W[0][0]", "0.b[0]"), resolution=8,
        x_limits=(-1, 1), y_limits=(-1, 1),
    )  # fmt: skip
    drawn = next(e for e in elements(svg, "path") if "nn-line" in (e.get("class") or ""))
    (x0, y0), (x1, y1), (x2, y2) = [
        tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", drawn.get("d"))
    ]
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.02) and y0 == y2 and y1 < y0


def test_the_plane_of_a_path_goes_through_its_ends_and_middle():
    model, snapshots = trained(nn.Adam(0.1), epochs=40)
    before = model.state()
    svg = view.loss_surface(model, X, T, path=snapshots, resolution=12)
    assert model.state() == before
    assert "from start to end" in texts(svg) and "across, to the middle" in texts(svg)
    drawn = next(e for e in elements(svg, "path") if "nn-line" in (e.get("class") or ""))
    points = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", drawn.get("d"))]
    assert len(points) == 41
    assert points[0][1] == pytest.approx(points[-1][1], abs=0.02)  # both on the first axis


def test_the_paths_of_several_optimizers_have_a_legend():
    paths = {
        "SGD": trained(nn.SGD(0.5))[1], "Adam": trained(nn.Adam(0.1))[1],
        "momentum": trained(nn.SGD(0.5, momentum=0.9))[1],
    }  # fmt: skip
    svg = view.loss_surface(xor(), X, T, path=paths, resolution=10)
    shown = texts(svg)
    assert {"SGD", "Adam", "momentum", "to the end of SGD"} <= set(shown)
    assert "across, to the end of Adam" in shown
    assert len([e for e in elements(svg, "path") if "nn-casing" in (e.get("class") or "")]) == 3


def test_what_surfaces_cannot_be_drawn_is_refused():
    draw = view.loss_surface
    still = [(0, xor()), (1, xor())]
    for call, kind, message in (
        (lambda: draw(xor(), X, T), SettingError,
         "loss_surface needs a path or two weights, got neither"),
        (lambda: draw("x", X, T), SettingError, "loss_surface needs a Sequential, got str"),
        (lambda: draw(xor(), X, T, path=still), DataError,
         "loss_surface needs a path with three points that are not on one line, got 2 snapshots; "
         "take more of them, or give two weights"),
        (lambda: draw(xor(), X, T, path=[(0, line())]), SettingError,
         "loss_surface needs paths of networks like Sequential(Dense(2, 2), Tanh(), Dense(2, 1), "
         "Sigmoid()), got Sequential(Dense(1, 1)) at epoch 0"),
        (lambda: draw(xor(), X, T, path={}), SettingError,
         "loss_surface needs 1 to 7 paths, got 0"),
        (lambda: draw(xor(), X, T, weights=("0.W[0][0]", "0.W[0][0]")), SettingError,
         "loss_surface needs weights to be two different names, got ('0.W[0][0]', '0.W[0][0]')"),
        (lambda: draw(xor(), X, T, weights=("0.W[0][0]", "0.W[0][2]")), SettingError,
         "loss_surface needs weights of the network, such as '0.W[0][0]' or '0.b[0]', got "
         "'0.W[0][2]'"),
        (lambda: draw(xor(), X, T, weights=("0.W[0]", "0.b[0]")), SettingError,
         "loss_surface needs weights of the network, such as '0.W[0][0]' or '0.b[0]', got "
         "'0.W[0]'"),
        (lambda: draw(xor(), X, T, weights=("0.W[0][0]", "0.b[0]"), resolution=2), SettingError,
         "loss_surface needs resolution between 4 and 400 cells, got 2"),
        (lambda: draw(xor(), X, T, weights=("0.W[0][0]", "0.b[0]"), palette="red"), SettingError,
         "loss_surface needs palette to be one of ['viridis', 'cividis', 'diverging', 'blues'], "
         "got 'red'"),
    ):  # fmt: skip
        refused(call, kind, message)


# --- the computation graph ------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.sampled_from(["mse", "mae", "huber"]))
def test_each_gradient_is_what_a_small_change_of_the_value_does(rng, loss):
    """Of inputs and weights; a step's is the sum over the steps that it leads to."""
    name = rng.choice([n for n in BETWEEN if n not in ("BatchNorm", "Dropout")])
    columns = rng.randint(1, 3)
    layer, width = random_layer(name, columns, rng)
    layers = [nn.Dense(2, columns), layer, nn.Dense(width, 1)]
    model = nn.Sequential(*layers, seed=rng.randint(0, 99))
    row, target = [rng.uniform(-2, 2), rng.uniform(-2, 2)], [rng.uniform(-2, 2)]
    nodes = graph_of("test", model, row, target, loss)
    assert nodes[-1].kind == LOSS and nodes[-1].gradient == 1.0
    measured = nn.losses.by_name(loss)
    assert nodes[-1].value == measured(model.forward([row]), [target])
    values = {node.name: node for node in nodes}
    model.forward([row], training=False)
    model.backward(measured.gradient(model.forward([row]), [target]), wants_dX=True)
    for parameter in model.parameters():
        if parameter.name[2:] in ("W", "b"):
            for i, (w, g) in enumerate(zip(parameter.rows(), parameter.gradient_rows())):
                for j, (value, gradient) in enumerate(zip(w, g)):
                    at = f"[{i}][{j}]" if parameter.is_matrix else f"[{j}]"
                    found = values[parameter.name + at]
                    assert found.value == value
                    assert found.gradient == pytest.approx(gradient, abs=1e-12)
    for k, node in enumerate(nodes):
        assert all(source < k and nodes[source].column < node.column for source in node.sources)
        if node.label == "+":
            parts = [nodes[s].value for s in node.sources]
            assert node.value == pytest.approx(math.fsum(parts), abs=1e-12)
        elif node.label == "×":
            a, b = (nodes[s] for s in node.sources)
            assert node.value == a.value * b.value
            assert b.gradient == pytest.approx(node.gradient * a.value, abs=1e-12)
    for i in (0, 1):
        leads_to = [n for n in nodes if n.label == "×" and i in n.sources]
        total = sum(n.gradient * nodes[n.sources[1]].value for n in leads_to)
        assert nodes[i].gradient == pytest.approx(total, abs=1e-12)


def test_a_graph_shows_every_node_once():
    nodes = graph_of("test", xor(), [1.0, 0.0], [1.0], "mse")
    kinds = [sum(node.kind == kind for node in nodes) for kind in (GIVEN, WEIGHT, STEP, LOSS)]
    assert kinds == [3, 9, 12, 1]
    svg = view.computation_graph(xor(), [1.0, 0.0], [1.0])
    boxes = [e for e in elements(svg, "rect") if e.get("class") == "nn-node"]
    assert len(boxes) == len(nodes)
    places = [tuple(float(e.get(n)) for n in ("x", "y", "width", "height")) for e in boxes]
    for i, (x, y, w, h) in enumerate(places):
        assert x >= 0 and x + w <= float(ElementTree.fromstring(svg).get("width"))
        assert y >= 0 and y + h <= float(ElementTree.fromstring(svg).get("height"))
        for u, v, _, _ in places[:i]:
            assert abs(x - u) >= w or abs(y - v) >= h, "boxes overlap"


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 2))
def test_ordering_leaves_no_more_crossings(inputs, hidden, outputs):
    model = nn.Sequential(nn.Dense(inputs, hidden), nn.Tanh(), nn.Dense(hidden, outputs))
    nodes = graph_of("test", model, [1.0] * inputs, [0.5] * outputs, "mse")
    columns = [[] for _ in range(1 + nodes[-1].column)]
    for k, node in enumerate(nodes):
        columns[node.column].append(k)
    ordered = _ordered(nodes)
    assert [sorted(column) for column in ordered] == columns
    assert _crossings(nodes, ordered) <= _crossings(nodes, columns)


def test_dropout_is_left_out_and_the_network_unchanged():
    model = nn.Sequential(nn.Dense(2, 2), nn.Dropout(0.5), nn.Softmax(), seed=1)
    before = model.state()
    names = [n.name for n in graph_of("test", model, [1.0, 2.0], [1.0, 0.0], "ce")]
    assert "layer 2, Softmax(): output 1" in names and not any("Dropout" in n for n in names)
    assert model.state() == before


def test_the_same_as_text():
    lines = view.text_graph(xor(), [1.0, 0.0], [1.0], ascii_only=True).splitlines()
    assert len(lines) == 2 + 25
    assert lines[0].split() == ["number", "value", "dL/dvalue"]
    assert lines[-1].split() == ["the", "loss", "MeanSquaredError()", "0.272882", "1"]
    assert view.text_graph(xor(), [1.0, 0.0], [1.0]).startswith("number")


def test_what_graphs_cannot_be_drawn_is_refused():
    draw = view.computation_graph
    wide = nn.Sequential(nn.Dense(20, 20))
    for call, kind, message in (
        (lambda: draw(wide, [0.0] * 20, [0.0] * 20), SettingError,
         f"computation_graph draws at most {MOST_NODES} nodes, and this network has 881; draw a "
         "smaller one"),
        (lambda: draw(nn.Sequential(nn.Dense(2, 1), nn.BatchNorm(1)), [0, 1], [1]), SettingError,
         "computation_graph draws one row, and layer 1, BatchNorm(columns=1, momentum=0.1, "
         "eps=1e-05), needs a whole batch"),
        (lambda: draw("x", [0, 1], [1]), SettingError,
         "computation_graph needs a Sequential, got str"),
    ):  # fmt: skip
        refused(call, kind, message)
    with pytest.raises((DataError, ShapeError)):
        draw(xor(), [0.0], [1.0])
    with pytest.raises((DataError, ShapeError)):
        draw(xor(), ["a", "b"], [1.0])


# --- activations ----------------------------------------------------------------------------------

ALL = [name for name in KINDS if issubclass(KINDS[name], Activation)]


@pytest.mark.parametrize("name", ALL)
def test_a_curve_is_the_function(name):
    svg = view.activation_chart(name, limits=(-3, 3))
    ticks = [
        (float(e.text.replace("−", "-")), float(e.get("y")))
        for e in elements(svg, "text")
        if e.get("text-anchor") == "end"
    ]
    lines = [e.get("d") for e in elements(svg, "path") if "nn-line" in (e.get("class") or "")]
    assert len(lines) == 2
    layer = KINDS[name]()
    # The pixels of two ticks give the scale of y.
    (low, at_low), (high, at_high) = min(ticks), max(ticks)
    points = [tuple(map(float, p)) for p in re.findall(r"([\d.]+) ([\d.]+)", lines[0])]
    assert len(points) == 161
    for i in (0, 37, 80, 120, 160):
        z = -3.0 + 6.0 * i / 160
        y = low + (points[i][1] - at_low) / (at_high - at_low) * (high - low)
        assert y == pytest.approx(layer.forward([[z]])[0][0], abs=0.02 * (high - low))


def test_a_step_is_a_gap_and_no_slope():
    for name, steps in (("ReLU", 1), ("SELU", 1), ("Tanh", 0), ("LeakyReLU", 1)):
        svg = view.activation_chart(name)
        lines = [e.get("d") for e in elements(svg, "path") if "nn-line" in (e.get("class") or "")]
        assert [line.count("M") for line in lines] == [1, 1 + steps], name


def test_own_activations_are_drawn_by_name_or_object(own_classes):
    class Root(nn.Activation):
        """Not defined everywhere."""

        function = staticmethod(math.sqrt)
        derivative = staticmethod(lambda z, y: 0.5 / y)

    nn.register(Root)
    svg = view.activation_chart(["Root", nn.ELU(0.5), nn.Tanh])
    assert {"Root", "ELU(alpha=0.5)", "Tanh"} <= set(texts(svg))
    for what, kind, message in (
        ("Rooot", SettingError, f"activation_chart needs activations out of {', '.join(ALL)}, "
         "Root, or objects, got 'Rooot'; did you mean 'Root'?"),
        (nn.Softmax(), SettingError,
         "activation_chart needs activations, which take one number each, got Softmax()"),
        ([], SettingError, "activation_chart needs 1 to 14 activations, got 0"),
    ):  # fmt: skip
        refused(partial(view.activation_chart, [what] if what else []), kind, message)
    refused(
        lambda: view.activation_chart("Root", limits=(-3, -1)), DataError,
        "activation_chart needs a value of Root() for some z from (-3, -1), got none",
    )  # fmt: skip
    refused(
        lambda: view.activation_chart("Tanh", limits=(1, 1)), SettingError,
        "activation_chart needs axis limits (low, high) with low below high, got (1, 1)",
    )  # fmt: skip


# --- the pictures of the lesson -------------------------------------------------------------------


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_the_pictures_of_the_lesson_are_what_the_command_draws(name):
    with open(f"{pictures.FOLDER}/{name}.svg", encoding="utf-8") as file:
        assert file.read() == pictures.PICTURES[name]()


def test_the_command_writes_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pictures, "FOLDER", str(tmp_path / "new"))
    monkeypatch.setattr(pictures, "PICTURES", {"activations": pictures.activations})
    assert pictures.main() == 0
    assert (tmp_path / "new" / "activations.svg").read_text(encoding="utf-8").startswith("<svg")
    assert capsys.readouterr().out.strip().endswith("activations.svg")
