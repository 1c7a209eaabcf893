"""What a notebook shows: Jupyter asks an object for `_repr_svg_` or `_repr_html_`."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import tinynn as nn
from tinynn.single_file import build

X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
T = [[0.0], [1.0], [1.0], [0.0]]


def network():
    return nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 1), nn.Sigmoid(), seed=1)


class Pairs(nn.Layer):
    """Two columns become one."""

    def build(self, inputs, rng):
        return inputs // 2

    def forward(self, X, training=False):
        return [[a + b for a, b in zip(x[::2], x[1::2])] for x in X]


def test_a_network_draws_itself():
    picture = ET.fromstring(network()._repr_svg_())
    texts = "".join(picture.itertext())
    assert "Sequential(Dense(2, 4)" in texts
    assert "4 neurons" in texts


@pytest.mark.parametrize(
    "layers", [[nn.Tanh()], [nn.Dense(2, 4), Pairs(), nn.Dense(2, 1)]], ids=["none", "unequal"]
)
def test_a_network_that_cannot_be_drawn_is_text(layers):
    assert nn.Sequential(*layers)._repr_svg_() is None


def test_a_history_draws_its_losses():
    history = nn.fit(network(), X, T, epochs=5)
    texts = "".join(ET.fromstring(history._repr_svg_()).itertext())
    assert "Loss by epoch" in texts
    assert nn.History()._repr_svg_() is None


def test_a_gradient_report_is_a_table():
    report = nn.gradcheck(network(), "mse", X, T)
    table = ET.fromstring(report._repr_html_())
    assert [cell.text for cell in table.iter("th")] == [
        "derivative by", "back-propagation", "differences", "relative error"
    ]  # fmt: skip
    assert table.find("caption").text == "All 25 derivatives agree. The worst:"
    assert len(table.findall("tr")) == 2


def test_a_gradient_report_names_what_is_wrong(monkeypatch):
    monkeypatch.setattr(nn.Tanh, "derivative", staticmethod(lambda z, y: 1.0 - y))
    report = nn.gradcheck(network(), "mse", X, T)
    page = ET.fromstring(f"<div>{report._repr_html_()}</div>")
    assert page.find("table/caption").text == f"{len(report.wrong)} of 25 derivatives are wrong:"
    assert len(page.findall("table/tr")) == 11
    assert page.find("p").text == f"and {len(report.wrong) - 10} more"


def test_pictures_are_loaded_only_when_they_are_shown():
    program = (
        "import sys, tinynn as nn; net = nn.Sequential(nn.Dense(1, 1)); "
        "nn.fit(net, [[1.0]], [[2.0]], epochs=1); "
        "print([name for name in sys.modules if '.view' in name or '.report' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(("parts", "drawn"), [(["train"], False), (["train", "report"], True)])
def test_a_single_file_draws_if_it_has_the_part(tmp_path, parts, drawn):
    """Without the part, the objects are shown as text, not as an error."""
    (tmp_path / "one.py").write_text(build(parts).source, encoding="utf-8")
    program = "import one; print(type(one.Sequential(one.Dense(1, 1))._repr_svg_()).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("str\n" if drawn else "NoneType\n", "")
