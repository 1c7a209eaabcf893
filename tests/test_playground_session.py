"""What the playground's page asks: every question, good and bad, without a server or a page."""

import base64
import json
import math
import random

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

import tinynn as nn
from tinynn.engines.choice import ENGINES
from tinynn.teaching.playground import maps
from tinynn.teaching.playground.breaks import BREAKS
from tinynn.teaching.playground.digits import load_digits
from tinynn.teaching.playground.networks import shrink, weight_at
from tinynn.teaching.playground.problems import FEATURES, GENERATORS, NAMES, CsvTable
from tinynn.teaching.playground.questions import QUESTIONS, ask
from tinynn.teaching.playground.session import Session
from tinynn.teaching.playground.settings import ACTIVATIONS, OPTIMIZERS, Settings, read_settings
from tinynn.teaching.playground.stations import STATIONS

TABLE = "a,b,kind\n" + "".join(
    f"{k},{(k * 7) % 20},{'even' if k % 2 else 'odd'}\n" for k in range(40)
)


def asked(session, do, **more):
    """Return the answer to a question, which JSON must take, and which must be no error."""
    found = ask(session, {"do": do, **more})
    assert "error" not in found, found
    return json.loads(json.dumps(found, allow_nan=False))


def decoded(text):
    return base64.b64decode(text)


def refusal(session, do, **more):
    found = ask(session, {"do": do, **more})
    assert list(found) == ["error"]
    return found["error"]


def set_up(session, **settings):
    return asked(session, "set up", settings=settings)


def weights(session):
    return [value for p in session.model.parameters() for row in p.rows() for value in row]


@pytest.mark.parametrize("data", [name for name in NAMES if name not in ("csv", "points")])
def test_every_data_set_trains(data):
    session = Session()
    found = set_up(session, data=data, layers=[[4, "tanh", 0]], optimizer="adam", rate=0.02)
    trained = asked(session, "train", epochs=20, milliseconds=100)
    assert trained["loss"] < found["loss"]
    assert trained["epoch"] * sum(found["rows"][:1]) > 0 or trained["steps"] > 0
    share = found["rows"][0] / sum(found["rows"])
    assert share == pytest.approx(1.0 if data in ("original", "mazur") else 0.5, abs=0.01)


def test_the_same_seed_gives_the_same_training_in_steps_and_in_epochs():
    one, two = Session(), Session()
    for session in (one, two):
        set_up(session, data="moons", batch=7, optimizer="momentum", rate=0.05)
    asked(one, "train", epochs=1)
    for _ in range(asked(one, "train", epochs=1)["steps"]):
        found = asked(two, "step")
    assert found["epoch"] == 2 and weights(one) == weights(two)


def test_an_epoch_shows_every_row_once():
    session = Session()
    set_up(session, batch=7)
    assert sorted(session.order(3)) == list(range(len(session.inputs)))
    assert session.order(3) != session.order(4)


@pytest.mark.parametrize("feature", FEATURES)
def test_each_input_alone(feature):
    session = Session()
    found = set_up(session, features=[feature], layers=[])
    assert found["parameters"] == 2 and len(found["feature_maps"]) == 1
    x, y = found["train"][0][0]
    assert session.inputs[0] == [FEATURES[feature][1](x, y)]


@pytest.mark.parametrize(
    ("activation", "optimizer"),
    [(each, "adam") for each in ACTIVATIONS] + [("tanh", each) for each in OPTIMIZERS],
)
def test_each_activation_and_optimizer_learns_the_blobs(activation, optimizer):
    session = Session()
    set_up(session, data="blobs", layers=[[3, activation, 0]], optimizer=optimizer, rate=0.02)
    found = session.frame()
    while found["epoch"] < 30:
        found = asked(session, "train", epochs=30)
    assert found["loss"] < 0.35 and found["accuracy"] > 0.9


def test_settings_can_change_while_the_weights_stay():
    session = Session()
    asked(session, "train", epochs=3)
    before = weights(session)
    found = asked(session, "set up", settings={"rate": 0.3, "optimizer": "adam"}, keep=True)
    assert weights(session) == before and found["epoch"] == 3
    found = asked(session, "set up", settings={"layers": [[5, "tanh", 0]]}, keep=True)
    assert found["epoch"] == 0 and found["parameters"] == 21


def test_dropout_and_the_two_penalties():
    session = Session()
    set_up(session, l1=0.3, rate=0.1, layers=[[6, "tanh", 0]])
    while asked(session, "train", epochs=60)["epoch"] < 60:
        pass
    assert sum(w == 0.0 for w in weights(session)) >= 10
    set_up(session, l2=1.0, rate=0.1)
    while asked(session, "train", epochs=60)["epoch"] < 60:
        pass
    dense = session.model.layers[0]
    assert max(abs(w) for row in dense.W for w in row) < 0.1
    set_up(session, layers=[[6, "tanh", 50]])
    assert [type(layer).__name__ for layer in session.model.layers][2] == "Dropout"


@given(st.lists(st.floats(-2, 2), min_size=4, max_size=4), st.floats(0, 3))
def test_l1_is_the_proximal_step(values, amount):
    model = nn.Sequential(nn.Dense(2, 2, weights=[values[:2], values[2:]], bias=[1.0, -1.0]))
    shrink(model, amount)
    for w, v in zip([w for row in model.layers[0].W for w in row], values):
        # the w that makes amount · |w| + ½ (w − v)² least
        cost = amount * abs(w) + (w - v) ** 2 / 2
        for other in (v, 0.0, w + 1e-3, w - 1e-3):
            assert cost <= amount * abs(other) + (other - v) ** 2 / 2 + 1e-12
    assert model.layers[0].b == [1.0, -1.0]


def test_a_map_is_what_the_network_gives_there():
    session = Session()
    set_up(session, layers=[[2, "relu", 0]], features=["x", "xy"])
    side = 8
    first, output = maps.of_network(session.model, ("x", "xy"), side)
    shown = decoded(output[0])
    at = [(k + 0.5) * 12.0 / side - 6.0 for k in range(side)]
    for row, y in enumerate(reversed(at)):
        for column, x in enumerate(at):
            p = session.model.predict([[x, x * y]])[0][0]
            assert abs(shown[row * side + column] - (128 + 127 * (2 * p - 1))) <= 0.51
    assert len(first) == 2


def test_numbers_without_end_make_a_map_all_the_same():
    assert (
        len(decoded(maps.as_bytes([float("inf"), float("-inf"), float("nan"), 1e308], 1e308))) == 4
    )
    session = Session()
    set_up(session, layers=[[64, "linear", 0]] + [[1, "linear", 0]] * 31)
    for name in [f"{k}.W[0][0]" for k in range(0, 64, 2)]:
        row, at = weight_at(session.model, name)
        row[at] = 1e10
    asked(session, "look")


def test_a_weight_is_set_by_hand():
    session = Session()
    asked(session, "weigh", weight="0.W[1][2]", value=2.5)
    asked(session, "weigh", weight="2.b[1]", value=-1)
    assert session.model.layers[0].W[1][2] == 2.5 and session.model.layers[2].b[1] == -1.0
    assert refusal(session, "weigh", weight="0.W[9][9]", value=1) == (
        "the playground has no weight '0.W[9][9]' in this network"
    )
    assert refusal(session, "weigh", weight="0.W[0][0]", value=True) == (
        "the playground needs a weight to be a number from -1e6 to 1e6, got True"
    )
    assert "got nan" in refusal(session, "weigh", weight="0.W[0][0]", value=float("nan"))


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_derivative_is_caught(name):
    one = BREAKS[name]
    session = Session()
    kind = name if name in ACTIVATIONS else "tanh"
    settings = {"data": "circle", "layers": [[4, kind, 0]], "batch": 8}
    set_up(session, **settings)
    assert asked(session, "check")["ok"]
    set_up(session, **settings, broken=name)
    report = asked(session, "check")
    assert not report["ok"] and report["wrong"]
    # The line that is shown as right is the lesson's own.
    module, _ = one.place
    assert one.right in asked(session, "lesson", module=module)["source"]
    assert refusal(session, "export", format="json") == (
        "the playground exports no network with a broken derivative; mend it first"
    )


def test_a_turned_sign_makes_the_training_go_wrong():
    right, wrong = Session(), Session()
    set_up(right, data="blobs", rate=0.1)
    set_up(wrong, data="blobs", rate=0.1, broken="sign")
    for _ in range(20):
        good, bad = asked(right, "train", epochs=1), asked(wrong, "train", epochs=1)
    assert good["loss"] < 0.1 and (bad["loss"] is None or bad["loss"] > 0.7)


def test_what_stands_in_the_walk_is_what_the_lesson_computes():
    session = Session()
    set_up(session, data="mazur")
    lines = asked(session, "walk", row=0)["lines"]
    by_name = {line["formula"].split(" = ")[0]: line for line in lines}
    assert by_name["net_h1"]["result"] == "0.3775"
    assert by_name["∂E/∂w5"]["result"] == "0.082167041" and by_name["∂E/∂w5"]["mark"] == "2.W[0][0]"
    assert by_name["w5⁺"]["result"] == "0.35891648"
    assert [line["heading"] for line in lines] == sorted(
        [line["heading"] for line in lines], key=["forward", "loss", "backward", "update"].index
    )
    for line in lines:
        place = line["place"]
        source = asked(session, "lesson", module=place["module"])["source"].splitlines()
        assert source[place["line"] - 1].strip() == place["source"]
    assert by_name["out_h1"]["place"]["source"] == "return 1.0 / (1.0 + exp(-z))"
    assert by_name["∂out_h1/∂net_h1"]["place"]["source"] == "return y * (1.0 - y)"
    assert by_name["∂E/∂w5"]["place"]["source"] == "self.dW = matmul(transpose(self.X), dZ)"


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("data", ["moons", "hills", "iris"])
def test_every_number_of_a_walk_has_its_line(data, activation):
    session = Session()
    set_up(session, data=data, layers=[[2, activation, 0]], optimizer="adam")
    lines = asked(session, "walk", row=1)["lines"]
    assert len(lines) > 20
    assert [line["formula"] for line in lines if not line["place"]] == []
    assert [line["note"] for line in lines if line["note"]] == []


def test_a_neuron_and_a_weight_are_explained():
    session = Session()
    found = asked(session, "explain", only="0[2]", row=5)
    assert found["title"] == "neuron 3 of layer 0, for row 5 alone"
    assert [line["heading"] for line in found["lines"]][:2] == ["forward", "forward"]
    found = asked(session, "explain", only="0.W[1][2]", row=5)
    assert found["value"] == session.model.layers[0].W[1][2]
    assert {line["heading"] for line in found["lines"]} == {"forward", "backward", "update"}
    assert {line["mark"] for line in found["lines"]} == {"", "0.W[1][2]"}
    for only in ("0[9]", "1[0]", "99[0]", "0[-1]", 7, None, "0.W[1]"):
        assert "in this network" in refusal(session, "explain", only=only)
    assert "needs row to be" in refusal(session, "explain", only="0[0]", row=10**6)


def test_the_race_is_from_one_start_in_one_order():
    session = Session()
    set_up(session, data="moons")
    lanes = [
        {"optimizer": "sgd", "rate": 0.05},
        {"optimizer": "sgd", "rate": 0.05},
        {"optimizer": "adam", "rate": 0.05},
    ]
    first = session.frame()["loss"]
    asked(session, "train", epochs=5)
    start = asked(session, "race", lanes=lanes)
    assert start["lanes"][0]["loss"] == first
    assert start["epoch"] == 0 and len({lane["loss"] for lane in start["lanes"]}) == 1
    found = asked(session, "race on", milliseconds=20)
    a, b, c = (lane["loss"] for lane in found["lanes"])
    assert found["epoch"] >= 1 and a == b != c
    assert refusal(Session(), "race on") == "the playground has no race under way; start one"
    assert (
        refusal(session, "race", lanes=[]) == "the playground races one to 7 optimizers at a time"
    )


def test_the_surface_shows_the_paths_of_the_race():
    session = Session()
    set_up(session, data="moons")
    assert refusal(session, "surface") == (
        "the playground draws the paths of a race; run one for some epochs first"
    )
    asked(session, "race", lanes=[{"optimizer": "sgd", "rate": 0.1}, {"optimizer": "adam"}])
    for _ in range(3):
        asked(session, "race on", milliseconds=20)
    svg = asked(session, "surface")["svg"]
    assert svg.startswith("<svg") and "1. sgd, rate 0.1" in svg and "2. adam, rate 0.03" in svg
    set_up(session, data="moons", layers=[[200, "tanh", 0]])
    asked(session, "race", lanes=[{"optimizer": "sgd"}])
    asked(session, "race on", milliseconds=1)
    assert "this network has 801; take neurons away" in refusal(session, "surface")


def test_one_that_diverges_drops_out_of_the_race():
    session = Session()
    set_up(session, data="plane", layers=[[3, "linear", 0]])
    asked(
        session,
        "race",
        lanes=[{"optimizer": "sgd", "rate": 900.0}, {"optimizer": "adam", "rate": 0.01}],
    )
    for _ in range(3):
        found = asked(session, "race on", milliseconds=20)
    assert "loss" in found["lanes"][0]["note"] or "weight" in found["lanes"][0]["note"]
    assert not found["lanes"][1]["note"]


def test_the_engines_agree():
    session = Session()
    found = asked(session, "engines")["engines"]
    assert [one["engine"] for one in found] == list(ENGINES)
    for one in found:
        assert one.get("refused") or (one["rows_per_second"] > 0 and one["difference"] < 1e-5)
    assert sum("refused" not in one for one in found) >= 3


def test_generated_source_and_exports():
    session = Session()
    asked(session, "train", epochs=2)
    assert "def " in asked(session, "source", engine="unrolled")["source"]
    found = {
        name: asked(session, "export", format=name)
        for name in ("python", "c", "javascript", "json")
    }
    space = {}
    exec(found["python"]["text"], space)
    row = [0.5, -1.5]
    assert space["predict"](row) == pytest.approx(session.model.predict([row])[0], abs=1e-12)
    assert [one["name"] for one in found.values()] == [
        "network.py",
        "network.h",
        "network.mjs",
        "network.json",
    ]
    assert "one of its choices" in refusal(session, "export", format="exe")


def test_digits_and_a_guess():
    session = Session()
    found = set_up(
        session, data="digits", train=80, layers=[[16, "relu", 0]], optimizer="adam", rate=0.01
    )
    assert found["kind"] == "pictures" and found["rows"] == [400, 100]
    for _ in range(40):
        found = asked(session, "train", epochs=2)
    assert found["accuracy"] > 0.85 and len(found["maps"][0]) == 16
    pixels, digits = load_digits()
    outputs = asked(session, "guess", pixels=pixels[3])["outputs"]
    assert sum(outputs) == pytest.approx(1.0) and outputs.index(max(outputs)) == digits[3]
    assert "needs a picture to be 64 numbers from 0 to 1" in refusal(
        session, "guess", pixels=[2.0] * 64
    )
    assert refusal(Session(), "guess", pixels=pixels[0]).endswith("trained on digits")
    assert len(pixels) == len(digits) == 500 and set(digits) == set(range(10))


def test_the_digits_are_those_of_the_source():
    datasets = pytest.importorskip("sklearn.datasets")
    pixels, digits = load_digits()
    original = datasets.load_digits()
    assert digits == original.target[:500].tolist()
    assert [[16 * v for v in row] for row in pixels] == original.data[:500].tolist()


def test_own_points():
    session = Session()
    assert refusal(session, "set up", settings={"data": "points"}) == (
        "there is no point yet: click on the map to put one down"
    )
    assert session.settings.data == "circle"  # nothing has changed
    found = set_up(session, data="points", points=[[1, 1, 0], [-1, -1, 1]])
    assert found["rows"] == [2, 0] and found["test_loss"] is None
    found = set_up(session, data="points", points=[[k, 1, k % 2] for k in range(-5, 6)])
    assert sum(found["rows"]) == 11
    for bad in ([[1, 1, 2]], [[1, 1]], [[7, 0, 1]], ["x"], [[None, 0, 0]], {"a": 1}):
        refusal(session, "set up", settings={"data": "points", "points": bad})


def test_a_table_of_ones_own():
    session = Session()
    assert refusal(session, "set up", settings={"data": "csv"}) == (
        "no table has been read: choose a CSV file first"
    )
    found = asked(session, "read table", text=TABLE)["table"]
    assert found == {"columns": ["a", "b", "kind"], "numeric": ["a", "b"], "rows": 40}
    found = set_up(session, data="csv")
    assert found["classes"] == ["even", "odd"] and found["axes"][0]["name"] == "a"
    xs = [x for x, _ in found["train"][0] + found["test"][0]]
    assert min(xs) == pytest.approx(-5) and max(xs) == pytest.approx(5)
    axis = found["axes"][0]
    assert sorted(round(axis["offset"] + axis["scale"] * x) for x in xs) == list(range(40))
    found = set_up(session, data="csv", columns=["b", "a", "a"])
    assert found["kind"] == "numbers"
    assert "no column 'c'" in refusal(
        session, "set up", settings={"data": "csv", "columns": ["c", "", ""]}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        (
            "a,b\n",
            "the playground needs two columns of numbers for its axes, got 0 columns of numbers",
        ),
        ("a,b\nx,y\nz,w\n", "the playground needs two columns of numbers"),
        ("PK\x03\x04\0\0", "the file is not text; save the table as CSV"),
    ],
)
def test_a_table_that_is_none(text, message):
    session = Session()
    assert refusal(session, "read table", text=text).startswith(message)
    assert session.table is None


def test_rows_that_are_left_out_are_counted():
    session = Session()
    asked(session, "read table", text=TABLE + "1,2\n1,,odd\n3,4,even\n")
    assert set_up(session, data="csv")["note"] == "2 rows left out: incomplete, or beyond 5,000"
    with pytest.raises(nn.DataError, match="is the same in every row"):
        CsvTable("a,b,c\n1,2,x\n2,3,x\n").problem(Settings())
    many = "a,b,c\n" + "".join(f"{k},{k},word {k}\n" for k in range(30))
    with pytest.raises(nn.DataError, match="30 different texts; the playground tells at most 10"):
        CsvTable(many).problem(Settings())


def test_stations_stand_on_their_own():
    session = Session()
    for station in STATIONS:
        set_up(session, **station.settings)
        asked(session, "train", epochs=2)
        assert len(station.paragraphs) == 2 and station.attempt and station.question.endswith("?")
    assert len({station.name for station in STATIONS}) == len(STATIONS) >= 8


# --- names, by the smallest GPT


def words(count=30):
    return "\n".join(
        f"{'ab'[k % 2]}{'oie'[k % 3]}{'lmnrs'[k % 5]}{'ax'[k // 15]}" for k in range(count)
    )


def test_the_smallest_gpt_learns_names_and_is_compared_with_the_letters_frequencies():
    session = Session()
    found = asked(session, "write", word="mari")
    assert found["lines"] == [463, 52] and found["parameters"] == 4112
    assert "4,112 weights" in STATIONS[-1].paragraphs[0]
    assert found["kinds"][:3] == ["a", "b", "c"] and found["kinds"][-1] == "⏎"
    assert sum(found["frequencies"]) == pytest.approx(1.0, abs=1e-4)
    assert found["loss"] is None and found["test_loss"] > found["frequency_loss"] > 2.5
    while found["steps"] < 116:
        found = asked(session, "write on", milliseconds=50)
    assert found["epoch"] >= 1 and found["loss"] < 2.6
    for turn in (1, 2, 0):
        found = asked(session, "write on", milliseconds=0, writes=True)
        assert found["written"]["turn"] == turn
    assert found["test_loss"] < asked(Session(), "write")["frequency_loss"]
    model = session.writer.model
    assert found["test_loss"] == model.loss(session.writer.held)
    assert asked(session, "write on", milliseconds=0)["written"] is None


def test_a_batch_at_a_time_is_the_same_training_as_by_the_clock():
    one, two = Session(), Session()
    for session in (one, two):
        asked(session, "write", text=words(), seed=3)
    found = asked(one, "write on", milliseconds=30)
    while found["epoch"] < 2:
        found = asked(one, "write on", milliseconds=30)
    for k in range(found["steps"]):
        assert asked(two, "write on", milliseconds=1)["steps"] == k + 1
    assert one.writer.model.network_.state() == two.writer.model.network_.state()
    assert [one.writer.epoch, one.writer.at] == [two.writer.epoch, two.writer.at]
    batches = -(-one.writer.counts[0] // 4)
    assert found["epoch"] == found["steps"] // batches


def test_an_epoch_of_names_shows_every_line_once(monkeypatch):
    session, shown = Session(), []
    asked(session, "write", text=words(), seed=3)
    writer = session.writer
    trained = writer.trainer.train_on
    monkeypatch.setattr(
        writer.trainer, "train_on", lambda batch: (shown.append(batch.X), trained(batch))
    )
    orders = []
    for epoch in (1, 2):
        while writer.epoch < epoch:
            asked(session, "write on", milliseconds=1)
        assert [len(X) for X in shown] == [4] * 6 + [3]
        orders.append([line for X in shown for line in X])
        assert sorted(orders[-1]) == sorted(writer.data.X)
        shown.clear()
    assert orders[0] != orders[1]


def test_attention_is_what_the_layer_computes_and_looks_at_no_later_letter():
    session = Session()
    asked(session, "write")
    found = asked(session, "write on", milliseconds=50, word="anna")
    assert found["letters"] == ["⏎", "a", "n", "n", "a"] and found["note"] == ""
    assert len(found["heads"]) == 4
    for head in found["heads"]:
        for t, row in enumerate(head):
            assert sum(row) == pytest.approx(1.0, abs=1e-3)
            assert row[t + 1 :] == [0.0] * (4 - t)
    # Of head 2 by hand: the softmax of the query of the last letter with all keys.
    layers = session.writer.model.network_.layers
    X = [[0.0 + kind] for kind in (26, 0, 13, 13, 0)]
    for layer in layers[:3]:
        X = layer.forward(X)
    norm, attention = layers[3].parts.values()
    X = norm.forward(X)
    q, k = (attention.parts[name].forward(X) for name in ("query", "key"))
    scores = [sum(a * b for a, b in zip(q[-1][4:8], row[4:8])) / 2 for row in k]
    powers = [math.exp(s - max(scores)) for s in scores]
    assert found["heads"][1][-1] == pytest.approx([p / sum(powers) for p in powers], abs=1e-4)
    outputs = session.writer.model.network_([26, 0, 13, 13, 0])[-1]
    powers = [math.exp(y) for y in outputs]
    assert found["likely"] == pytest.approx([p / sum(powers) for p in powers], rel=1e-3)


def test_words_that_cannot_be_read_are_told_and_stop_nothing():
    session = Session()
    asked(session, "write")
    found = asked(session, "write on", milliseconds=1, word="Anna")
    assert found["steps"] == 1 and found["heads"] == []
    assert found["note"].startswith("the word, line 1, column 1: 'A' is not among the 26 ")
    assert found["note"].endswith("; did you mean 'a'?")
    found = asked(session, "write on", milliseconds=1, word="abcdefghijklm")
    assert found["note"] == "The network sees 10 letters at once: the rest is cut."
    assert found["letters"] == list("⏎abcdefghij")
    assert asked(session, "write on", milliseconds=1)["letters"] == ["⏎"]


def test_lines_of_ones_own_are_learned_and_marked():
    session = Session()
    found = asked(session, "write", text="\n" + words().replace("\n", " \r\n\n"))
    assert sum(found["lines"]) == 30 and found["most"] == 4
    for _ in range(3):
        for line, known in asked(session, "write on", writes=True)["written"]["lines"]:
            assert known == (line in words().split())
    before = session.writer
    for text, message in (
        ("", "needs at least 10 different lines to learn from and to test on, got 0"),
        ("a\n" * 50, "needs at least 10 different lines to learn from and to test on, got 1"),
        ("a" * 50_001, "learns from at most 50,000 characters, got 50,001; python3 -m tinynn text "
         "train learns from more"),
        (7, "learns from at most 50,000 characters, got 7; python3 -m tinynn text train learns "
         "from more"),
        ("\n".join(map(chr, range(1000, 1200))), "needs lines of at most 120 different "
         "characters, got 200"),
    ):  # fmt: skip
        assert refusal(session, "write", text=text) == f"the playground {message}"
    assert refusal(session, "write", word=3) == (
        "the playground needs a word of at most 1,000 characters, got 3"
    )
    assert session.writer is before
    assert refusal(Session(), "write on") == (
        "the playground has no lines to learn from yet; begin first"
    )


def test_the_original_program_ends_where_the_article_does():
    session = Session()
    set_up(session, data="original")
    while asked(session, "train", epochs=1000)["epoch"] < 10_000:
        pass
    trained = nn.NeuralNet(seed=1)
    trained.train([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], [[0], [1], [1], [0]], session.epoch)
    assert weights(session) == pytest.approx([w[0] for w in trained.synaptic_weights], rel=1e-9)


def test_unknown_questions_and_settings():
    session = Session()
    assert (
        refusal(session, "tran") == "the playground has no answer to 'tran'; did you mean 'train'?"
    )
    assert ask(session, []) == {"error": 'the playground needs a message {"do": ...}, got []'}
    assert refusal(session, "set up", settings=[]) == (
        "the playground needs settings to be an object, got []"
    )
    assert refusal(session, "set up", settings={"lyers": 1}) == (
        "the playground has no setting 'lyers'; did you mean 'layers'?"
    )
    assert refusal(session, "set up", settings={"layers": [[256, "tanh", 0]] * 32}) == (
        "the playground trains at most 50,000 weights while one watches, and these layers have "
        "2,032,384; take neurons away"
    )
    assert refusal(session, "set up", settings={"layers": [[2, "tnh", 0]]}) == (
        "the playground needs the activation of hidden layer 1 to be one of its choices, got "
        "'tnh'; did you mean 'tanh'?"
    )


ARGUMENTS = [
    "settings",
    "epochs",
    "milliseconds",
    "weight",
    "value",
    "text",
    "only",
    "row",
    "module",
    "pixels",
    "lanes",
    "engine",
    "format",
    "keep",
    "word",
    "writes",
]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["circle", "tanh", "0.W[0][0]", "0[0]", "sgd", "python", 10**400]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@hypothesis_settings(deadline=None)
@given(
    st.sampled_from([name for name in QUESTIONS if name not in ("engines",)]),
    st.dictionaries(st.sampled_from(ARGUMENTS), ANY, max_size=4),
    st.dictionaries(st.sampled_from(Settings._fields), ANY, max_size=3),
)  # fmt: skip
def test_nothing_that_a_page_can_send_is_worse_than_a_sentence(do, more, settings):
    session = Session()
    message = {"do": do, **more}
    if random.Random(repr(message)).random() < 0.7:
        message["settings"] = settings
    before = session.settings
    found = ask(session, message)
    json.dumps(found, allow_nan=False)
    if "error" in found:
        assert isinstance(found["error"], str) and 0 < len(found["error"]) <= 1000
        assert session.settings == before


def test_settings_begin_as_stated():
    assert read_settings({}) == Settings()
    assert set(GENERATORS) < set(NAMES)
