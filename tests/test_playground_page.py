"""The playground's page in a real Chromium: every control, from mouse and keyboard.

Needs Playwright, and Chromium on PATH or its path in TINYNN_CHROMIUM; skipped, with the reason,
where one is missing.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from local_server import serving

from tinynn.teaching.playground.breaks import BREAKS
from tinynn.teaching.playground.problems import NAMES
from tinynn.teaching.playground.server import Playground
from tinynn.teaching.playground.settings import ACTIVATIONS, OPTIMIZERS
from tinynn.teaching.playground.site import build_site
from tinynn.teaching.playground.stations import STATIONS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.browser import FLAGS, MISSING, find_browser  # noqa: E402


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("Playwright is not installed: THE PLAYGROUND'S PAGE WILL NOT BE TESTED")
    path = find_browser()
    if not path:
        pytest.skip(f"{MISSING}: THE PLAYGROUND'S PAGE WILL NOT BE TESTED")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def server():
    with Playground() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


class Tab:
    """A page, and what it said on its console."""

    def __init__(self, browser, address, **more):
        self.page = browser.new_page(**{"viewport": {"width": 1400, "height": 1600}, **more})
        self.faults, self.asked = [], []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
        self.page.on("request", lambda one: self.asked.append(one.url))
        self.page.goto(address)
        self.until("Boolean(state.frame)", 120)

    def until(self, what, seconds=30):
        """Wait for a JavaScript expression to be true."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(f"Boolean({what})"):
            assert time.monotonic() < end, (what, self.error(), self.faults)
            time.sleep(0.02)

    def error(self):
        return self.page.inner_text("#error")

    def get(self, what):
        return self.page.evaluate(what)

    def choose(self, control, value):
        self.page.select_option(f"#{control}", str(value))
        self.settled()

    def fill(self, control, value):
        self.page.fill(f"#{control}", str(value))
        self.page.dispatch_event(f"#{control}", "change")
        self.settled()

    def click(self, what):
        self.page.click(what)
        self.settled()

    def settled(self):
        """Wait until every question is answered, unless the page goes on asking by itself."""
        self.get(
            """(async () => { for (let quiet = 0; quiet < 3 && !state.playing;) {
                 const last = asked; await last;
                 await new Promise(done => setTimeout(done, 20));
                 quiet = asked === last ? quiet + 1 : 0; } })()"""
        )


@pytest.fixture()
def tab(browser, server):
    made = Tab(browser, server.address)
    yield made
    assert made.faults == []
    made.page.close()


def test_from_nothing_to_a_trained_spiral_and_to_the_line_that_computed_a_gradient(tab):
    """By clicks alone, and in less than a minute."""
    began = time.monotonic()
    tab.choose("data", "spiral")
    for name in ("sinx", "siny"):
        tab.click(f"[data-feature={name}]")
    for _ in range(4):
        tab.click("#more-0")
    tab.choose("optimizer", "adam")
    tab.choose("rate", 0.03)
    tab.click("#play")
    tab.until("state.frame.accuracy >= 0.94", 60)
    tab.click("#play")
    tab.click('.neuron[data-unit="0,1"]')
    assert time.monotonic() - began < 60
    tab.until("document.querySelectorAll('#numbers .board').length > 5")
    line = tab.page.locator("#numbers .board", has_text="∂E/∂w").first
    line.locator("button").click()
    tab.until("document.querySelector('#lesson-source mark')")
    assert "self.dW = matmul(transpose(self.X), dZ)" in tab.page.inner_text("#lesson-source mark")
    assert tab.page.locator("#module").input_value() == "layers"


def test_settings_change_while_it_plays(tab):
    """A frame that Python computed before a change is not shown after it.

    Drawing is slowed down here, so that such frames wait for it.
    """
    tab.get(
        """(() => { window.requestAnimationFrame = action => setTimeout(action, 150);
             window.seen = []; const show_ = show; show = frame => {
             seen.push([JSON.stringify(state.settings), frame.weights.length, frame.steps]);
             show_(frame); }; })()"""
    )
    tab.click("#play")
    for layers in ([], [[4, "tanh", 0]], [[2, "relu", 0], [3, "relu", 0]]) * 2:
        before = tab.get("seen.length")
        tab.get(f"change({{ layers: {layers!r} }})")
        tab.until(f"seen.length > {before + 4} && state.frame.weights.length === {len(layers) + 1}")
    tab.click("#play")
    seen = tab.get("seen")
    for (settings, _, steps), (others, _, later) in zip(seen, seen[1:]):
        assert settings != others or later >= steps
    for settings, weights, _ in seen:
        assert weights == len(json.loads(settings)["layers"]) + 1


def test_the_controls_of_the_training(tab):
    tab.click("#one-step")
    assert tab.get("[state.frame.epoch, state.frame.steps]") == [0, 1]
    tab.click("#one-epoch")
    assert tab.get("[state.frame.epoch, state.frame.steps]") == [1, 10]
    tab.choose("speed", 1)
    tab.page.keyboard.press("k")
    tab.until("state.frame.epoch >= 5")
    assert tab.page.inner_text("#play") == "⏸ Pause"
    tab.page.locator("h1").click()
    tab.page.keyboard.press("k")
    tab.settled()
    assert tab.page.inner_text("#play") == "▶ Play"
    epoch = tab.get("state.frame.epoch")
    time.sleep(0.3)
    assert tab.get("state.frame.epoch") == epoch == int(tab.page.inner_text("#epoch"))
    tab.click("#reset")
    assert tab.get("[state.frame.epoch, state.curve.length]") == [0, 1]


@pytest.mark.parametrize("data", [name for name in NAMES if name not in ("csv", "points")])
def test_every_data_set(tab, data):
    tab.choose("data", data)
    assert tab.error() == "" and tab.get("state.settings.data") == data
    before = tab.get("state.frame.loss")
    tab.choose("speed", 10)
    tab.click("#play")
    tab.until("state.frame.epoch > 10")
    tab.click("#play")
    assert tab.get("state.frame.loss") < before


@pytest.mark.parametrize(
    ("control", "value"),
    [("optimizer", name) for name in OPTIMIZERS]
    + [("rate", 0.3), ("l1", 0.01), ("l2", 0.03), ("engine", "lists"), ("engine", "native"),
       ("activation-0", "relu"),
       ("dropout-1", 30)],
)  # fmt: skip
def test_every_choice_is_taken_and_kept_in_the_address(tab, control, value):
    tab.choose(control, value)
    tab.click("#one-epoch")
    assert tab.error() == "" and tab.get("state.frame.epoch") == 1
    assert tab.page.locator(f"#{control}").input_value() == str(value)
    address = tab.get("location.href")
    if value != "sgd":
        assert str(value) in address
    settings = tab.get("JSON.stringify(state.settings)")
    tab.page.goto("about:blank")
    tab.page.goto(address)
    tab.until("Boolean(window.state === undefined && state.frame)")
    assert tab.get("JSON.stringify(state.settings)") == settings


def test_numbers_are_typed(tab):
    for control, value in (("batch", 4), ("seed", 7)):
        tab.fill(control, value)
        assert tab.get(f"state.settings.{control}") == value
    for control, value in (("noise", 50), ("train", 20)):
        tab.page.evaluate(
            f"$('{control}').value = {value}; $('{control}').onchange({{target: $('{control}')}})"
        )
        tab.settled()
        assert tab.get(f"state.settings.{control}") == value
        assert tab.page.inner_text(f"#{control}-value") == f"{value}%"
    assert tab.get("state.info.rows") == [40, 160]
    seed = tab.get("state.settings.data_seed")
    tab.click("#new-points")
    assert tab.get("state.settings.data_seed") == seed + 1
    tab.fill("batch", 0)
    assert tab.error() == (
        "the playground needs batch to be a finite number, at least 1 and at most 10000, got 0"
    )
    assert tab.get("state.settings.batch") == 4 and tab.page.locator("#batch").input_value() == "4"


def test_layers_neurons_and_inputs(tab):
    tab.click("#more-layers")
    assert tab.get("state.settings.layers.length") == 3
    assert tab.page.inner_text("#layer-count") == "3 hidden layers"
    for _ in range(7):
        tab.click("#more-1")
    tab.click("#fewer-0")
    assert tab.get("state.settings.layers.map(one => one[0])") == [3, 9, 2]
    assert tab.page.locator("#columns .column").count() == 5
    for _ in range(3):
        tab.click("#fewer-layers")
    assert tab.page.inner_text("#layer-count") == "0 hidden layers"
    tab.click("[data-feature=xy]")
    assert tab.get("state.settings.features") == ["x", "y", "xy"]
    for name in ("x", "y", "xy"):
        tab.click(f"[data-feature={name}]")
    assert tab.error() == "the network needs at least one input"
    assert tab.get("state.settings.features") == ["xy"]


def test_a_large_network_is_drawn_and_trained(tab):
    tab.page.goto("about:blank")
    tab.page.goto(tab.asked[0] + "#layers=64-relu-0,64-relu-0,32-tanh-0&data=spiral&optimizer=adam")
    tab.until("state.frame && state.settings.layers.length === 3")
    tab.click("#one-epoch")
    assert (
        tab.get("state.frame.epoch") == 1
        and tab.page.locator("#links path").count() == 64 * 2 + 64 * 64 + 64 * 32 + 32
    )


def test_a_hand_on_a_weight(tab):
    tab.page.evaluate(
        "document.querySelector('#links .hit').dispatchEvent(new MouseEvent('click'))"
    )
    tab.settled()
    assert tab.page.inner_text("#weight-name") == "0.W[0][0]"
    assert re.search("∂E/∂w1 = ", tab.page.inner_text("#numbers"))
    tab.page.fill("#weight-value", "3.5")
    tab.click("#weight-set")
    assert tab.get("state.frame.weights[0].W[0][0]") == 3.5
    assert "3.5" in tab.page.inner_text("#numbers")


def test_a_point_is_chosen_by_mouse_and_by_keyboard(tab):
    tab.click('.neuron[data-unit="0,0"]')
    first = tab.page.inner_text("#numbers-hint")
    tab.page.click("#points", position={"x": 60, "y": 60})
    tab.settled()
    assert tab.page.inner_text("#numbers-hint") != first
    tab.page.focus("#points")
    for key in ["ArrowRight"] * 8 + ["ArrowUp"] * 4 + ["Enter"]:
        tab.page.keyboard.press(key)
    tab.settled()
    row = tab.get("state.row")
    x, y = tab.get(f"state.info.train[0][{row}]")
    assert tab.get("state.cross") == [2, 1]
    distances = tab.get("state.info.train[0].map(p => (p[0] - 2) ** 2 + (p[1] - 1) ** 2)")
    assert (x - 2) ** 2 + (y - 1) ** 2 == pytest.approx(min(distances))


def test_pointing_at_a_neuron_shows_its_map(tab):
    pixels = (
        "(map => Array.from(map.getContext('2d').getImageData(0, 0, map.width, map.height).data)"
        ".join())($('map'))"
    )
    output = tab.get(pixels)
    tab.page.hover('.neuron[data-unit="0,1"]')
    assert tab.get(pixels) != output
    tab.page.hover("h1")
    assert tab.get(pixels) == output
    tab.page.focus('.neuron[data-unit="0,1"]')  # the keyboard does the same
    assert tab.get(pixels) != output
    tab.page.check("#discrete")
    tab.page.uncheck("#show-test")


def test_one_number_at_a_time(tab):
    tab.choose("stations", "mazur")
    tab.until("state.walk.length > 30")
    assert tab.page.inner_text("#walk-step").split("\n")[1] == "net_h1 = w1·i1 + w2·i2 + b1"
    assert "0.3775" in tab.page.inner_text("#walk-step")
    assert "Z = matmul(X, self.W)" in tab.page.inner_text("#walk-source mark")
    assert tab.page.locator(".neuron.now").get_attribute("data-unit") == "0,0"
    seen = []
    for _ in range(tab.get("state.walk.length") - 1):
        tab.page.click("#walk-on")
        seen.append(tab.page.inner_text("#walk-step"))
    tab.settled()
    text = "\n".join(seen)
    for number in (
        "0.593269992",
        "0.298371109",
        "0.082167041",
        "0.186815602",
        "0.35891648",
        "0.149780716",
    ):
        assert number in text
    tab.click("#walk-back")
    tab.page.evaluate(
        "$('walk-range').value = 2; $('walk-range').oninput({target: $('walk-range')})"
    )
    tab.settled()
    assert tab.page.inner_text("#walk-at").startswith("3 of ")


def test_the_lesson_is_at_hand(tab):
    tab.click("#tab-lesson")
    for module in ("optimizers", "training", "neural_net"):
        tab.choose("module", module)
        assert "def " in tab.page.inner_text("#lesson-source")


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_derivative(tab, name):
    if name in ACTIVATIONS:
        tab.choose("activation-0", name)
    tab.click("#tab-break")
    tab.click("#check")
    assert tab.page.inner_text("#check-report").startswith("✓")
    tab.choose("broken", name)
    assert BREAKS[name].wrong in tab.page.inner_text("#break-lines")
    tab.click("#check")
    assert tab.page.inner_text("#check-report").startswith("✗")
    assert tab.page.locator("#check-report tr").count() > 1
    tab.choose("broken", "")
    tab.click("#check")
    assert tab.page.inner_text("#check-report").startswith("✓")


def test_the_race(tab):
    tab.click("#tab-race")
    tab.page.check("#race-choice input[value=adamw]")
    tab.page.click("#race-start")
    tab.until("state.race && state.race.curves[0].length > 5")
    tab.page.click("#race-stop")
    tab.settled()
    assert tab.page.locator("#lanes figure").count() == 5
    names = tab.page.locator("#lanes b").all_inner_texts()
    assert [name.split(",")[0] for name in names] == ["sgd", "momentum", "rmsprop", "adam", "adamw"]
    tab.click("#draw-surface")
    tab.until("document.querySelector('#surface svg')")
    assert tab.error() == ""


def test_engines_and_source(tab):
    tab.click("#tab-engines")
    tab.click("#measure")
    tab.until("document.querySelectorAll('#engine-table tr').length > 4")
    for engine in ("unrolled", "loops"):
        tab.choose("source-engine", engine)
        tab.click("#show-source")
        assert "def " in tab.page.inner_text("#generated")


@pytest.mark.parametrize(
    ("format", "word"),
    [
        ("python", "def predict"),
        ("c", "static"),
        ("javascript", "export function"),
        ("json", '"format"'),
    ],
)
def test_exports(tab, format, word, tmp_path):
    tab.click("#one-epoch")
    tab.click("#tab-export")
    with tab.page.expect_download() as download:
        tab.page.click(f"#export-{format}")
    download.value.save_as(tmp_path / "file")
    assert word in (tmp_path / "file").read_text()
    assert download.value.suggested_filename.startswith("network.")


def test_own_points(tab):
    tab.choose("data", "points")
    assert tab.error() == "there is no point yet: click on the map to put one down"
    tab.page.evaluate("state.settings.data = 'points'; reflect()")
    tab.page.click("#points", position={"x": 80, "y": 80})
    tab.settled()
    tab.page.click("#points", position={"x": 200, "y": 200}, button="right")
    tab.settled()
    tab.page.focus("#points")
    for key in ("ArrowLeft", "ArrowDown", "Enter"):
        tab.page.keyboard.press(key)
    tab.settled()
    points = tab.get("state.settings.points")
    assert [p[2] for p in points] == [0, 1, 0] and points[2][:2] == [-0.25, -0.25]
    tab.choose("own-class", 1)
    tab.page.click("#points", position={"x": 20, "y": 20})
    tab.settled()
    assert (
        tab.get("state.settings.points.length") == 4 and tab.get("state.settings.points[3][2]") == 1
    )
    tab.click("#one-epoch")
    assert tab.get("state.frame.loss") > 0
    tab.click("#clear-points")


def test_a_csv_of_ones_own(tab, tmp_path):
    (tmp_path / "t.csv").write_text(
        "height;width;kind\n" + "".join(f"{k},5;{k * 3 % 11};{'ab'[k % 2]}\n" for k in range(30))
    )
    tab.page.evaluate("$('csv-controls').hidden = false; $('file').parentElement.hidden = false")
    tab.page.set_input_files("#file", tmp_path / "t.csv")
    tab.until("state.settings.data === 'csv'")
    tab.settled()
    assert tab.get("state.info.classes") == ["a", "b"]
    assert tab.page.inner_text("#map-note") == "across: height, up: width"
    tab.choose("column-0", "width")
    assert tab.page.inner_text("#map-note").startswith("across: width")
    (tmp_path / "big.csv").write_bytes(b"a,b\n" + b"1,2\n" * 2_500_000)
    tab.page.set_input_files("#file", tmp_path / "big.csv")
    tab.settled()
    assert (
        tab.error()
        == "big.csv has 10 MB; the playground reads up to 8 MB, python3 -m tinynn train reads more"
    )
    (tmp_path / "bad.csv").write_text("a,b\nx,y\n")
    tab.page.set_input_files("#file", tmp_path / "bad.csv")
    tab.settled()
    assert tab.error().startswith("the playground needs two columns of numbers")


def test_a_drawn_digit(tab):
    tab.choose("stations", "digits")
    for _ in range(20):  # as many on every machine: what is read depends on them
        tab.click("#one-epoch")
    tab.page.locator("#pad").scroll_into_view_if_needed()
    box, mouse = tab.page.locator("#pad").bounding_box(), tab.page.mouse
    at = lambda x, y: (box["x"] + x, box["y"] + y)  # noqa: E731
    mouse.move(*at(60, 40))
    mouse.down()
    for x, y in ((140, 40), (140, 45), (105, 100), (85, 170)):
        mouse.move(*at(x, y), steps=6)
    mouse.up()
    tab.until("document.querySelector('#guess b')?.textContent === '7'")
    tab.click("#pad-clear")
    tab.page.focus("#pad")
    for key in [" ", *["ArrowDown"] * 6, " "]:
        tab.page.keyboard.press(key)
    tab.until("document.querySelectorAll('#guess .bar').length === 10")


INK = """canvas => { const data = canvas.getContext('2d').getImageData(0, 0, canvas.width,
  canvas.height).data; let sum = 0; for (let k = 3; k < data.length; k += 4) sum += data[k] > 0;
  return sum; }"""


def test_the_smallest_gpt_writes_names_while_it_learns(tab):
    tab.choose("stations", "names")
    tab.until("state.names.frame")
    assert tab.page.locator("main").is_hidden() and not tab.page.locator("#panel-names").is_hidden()
    assert tab.page.inner_text("#names-about").startswith("463 words to learn from, 52 to test on")
    tab.click("#one-step")
    assert tab.get("[state.names.frame.steps, $('steps').textContent]") == [1, "1"]
    begun = tab.get("state.names.frame.loss")
    tab.click("#play")
    tab.until("state.names.frame.epoch >= 2", 60)
    assert int(tab.page.inner_text("#fps")) > 0
    tab.click("#play")
    tab.settled()
    assert tab.get("state.names.frame.loss") < tab.get("state.names.info.frequency_loss") < begun
    assert tab.get("state.names.curve.length") > 20
    assert tab.page.inner_text("#names-frequency") == "2.7715"
    columns = tab.page.locator("#names-written > div")
    assert columns.count() == 3
    assert [columns.nth(k).locator("li").count() for k in range(3)] == [5, 5, 5]
    assert "temperature 0.3" in columns.nth(0).inner_text()
    steps = tab.get("state.names.frame.steps")
    tab.page.fill("#names-word", "kath")
    tab.settled()
    assert tab.get("state.names.frame.letters") == list("⏎kath")
    assert tab.get("state.names.frame.steps") == steps  # reading is not training
    heads = tab.page.locator("#names-heads figure")
    assert heads.count() == 4
    assert re.match("head 1: h takes [0-9]+% from ", heads.nth(0).inner_text())
    for canvas in ("#names-curve", "#names-likely", "#names-heads canvas >> nth=3"):
        assert tab.page.locator(canvas).evaluate(INK) > 500
    label = tab.page.locator("#names-likely").get_attribute("aria-label")
    assert label.split(": ")[1] in tab.page.inner_text("#names-next")
    tab.page.fill("#names-word", "É")
    tab.settled()
    assert "'É' (U+00C9) is not among the 26 characters" in tab.page.inner_text("#names-note")
    assert tab.page.inner_text("#names-next") == "" and tab.error() == ""
    epoch = tab.get("state.names.frame.epoch")
    tab.click("#one-epoch")
    assert tab.get("[state.names.frame.epoch, $('epoch').textContent]") == [
        epoch + 1,
        f"{epoch + 1}",
    ]
    tab.click("#reset")
    assert tab.get("[state.names.frame.steps, state.names.curve.length]") == [0, 1]
    tab.click("#tab-numbers")
    assert not tab.page.locator("main").is_hidden()
    assert tab.page.inner_text("#epoch") == str(tab.get("state.frame.epoch"))


def test_the_smallest_gpt_learns_words_of_ones_own(tab):
    tab.choose("stations", "names")
    tab.until("state.names.frame")
    below, written = (
        tab.page.locator(one).bounding_box() for one in ("#panel-names summary", "#names-written")
    )
    assert 0 < below["y"] - written["y"] - written["height"] < 60  # not below the heads' pictures
    tab.page.click("summary")
    tab.page.fill("#names-text", "only\ntwo")
    tab.click("#names-take")
    assert tab.error() == (
        "the playground needs at least 10 different lines to learn from and to test on, got 2"
    )
    tab.page.fill("#names-text", "\n".join(f"<b>{'ab'[k % 2]}{k}</b>" for k in range(40)))
    tab.click("#names-take")
    assert tab.error() == ""
    assert tab.page.inner_text("#names-about").startswith("36 words to learn from, 4 to test on; ")
    tab.page.fill("#names-word", "<b>a1")
    tab.settled()
    tab.click("#one-epoch")
    assert tab.get("state.names.frame.steps") == 9
    assert tab.page.locator("#names-written b").count() == 3  # what it writes is text, no page
    tab.click("#names-back")
    assert tab.page.inner_text("#names-about").startswith("463 words")
    tab.page.focus("#names-word")
    for key in ("Tab", "Tab", "Tab", "Tab"):
        tab.page.keyboard.press(key)
    assert tab.get("document.activeElement.id") == "names-back"


@pytest.mark.parametrize("name", [station.name for station in STATIONS])
def test_every_station_opens(tab, name):
    tab.choose("stations", name)
    tab.until(f"$('stations').value === '{name}' && !$('station').hidden")
    tab.settled()
    assert tab.error() == ""
    station = next(one for one in STATIONS if one.name == name)
    assert station.question in tab.page.inner_text("#station")
    tab.click("#one-epoch")
    assert tab.error() == "" and not tab.page.locator(f"#panel-{station.panel}").is_hidden()


def test_stations_follow_each_other(tab):
    tab.click("#next-station")
    tab.click("#next-station")
    assert tab.page.locator("#stations").input_value() == STATIONS[1].name
    tab.click("#previous-station")
    assert tab.page.locator("#stations").input_value() == STATIONS[0].name
    tab.click("#link")
    tab.choose("stations", "")
    assert tab.page.locator("#station").is_hidden()


def test_everything_is_reached_by_the_tab_key(tab):
    reached = set()
    tab.page.locator("h1").click()
    for _ in range(150):
        tab.page.keyboard.press("Tab")
        reached.add(
            tab.get("document.activeElement.id || document.activeElement.dataset.unit || ''")
        )
    assert {
        "play",
        "one-step",
        "one-epoch",
        "reset",
        "speed",
        "data",
        "noise",
        "train",
        "batch",
        "optimizer",
        "rate",
        "engine",
        "fewer-layers",
        "more-layers",
        "more-0",
        "activation-0",
        "dropout-0",
        "points",
        "stations",
        "0,0",
        "1,1",
    } <= reached
    tab.page.focus("#tab-numbers")
    tab.page.keyboard.press("ArrowRight")
    assert not tab.page.locator("#panel-walk").is_hidden()
    tab.page.focus('.neuron[data-unit="1,0"]')
    tab.page.keyboard.press("Enter")
    tab.settled()
    assert not tab.page.locator("#panel-numbers").is_hidden() and "net_" in tab.page.inner_text(
        "#numbers"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_and_the_dark(browser, server, scheme):
    phone = Tab(
        browser, server.address, viewport={"width": 390, "height": 844}, color_scheme=scheme
    )
    assert phone.get("document.documentElement.scrollWidth") <= 390
    for station in ("original", "iris", "digits", "names"):
        phone.choose("stations", station)
        assert phone.get("document.documentElement.scrollWidth") <= 390
    shade = phone.get("getComputedStyle(document.body).backgroundColor")
    assert (shade == "rgb(255, 255, 255)") == (scheme == "light")
    assert phone.faults == []
    phone.page.close()


def test_contrast_of_texts_is_enough(tab):
    """At least 4.5 to 1, as WCAG 2.1 asks for."""
    for scheme in ("light", "dark"):
        tab.page.emulate_media(color_scheme=scheme)
        found = tab.get(
            """(() => { const lum = c => { const [r, g, b] = channels(c.trim()).map(v => { v /= 255;
                 return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
                 return .2126 * r + .7152 * g + .0722 * b; };
               const ratio = (a, b) => {
                 const [x, y] = [lum(css(a)), lum(css(b))].sort((p, q) => q - p);
                 return (x + .05) / (y + .05); };
               return [["--ink", "--paper"], ["--soft", "--paper"], ["--soft", "--panel"],
                 ["--on-accent", "--accent"], ["--ink", "--mark"]]
                 .map(([a, b]) => ratio(a, b)); })()"""
        )
        assert min(found) >= 4.5, (scheme, found)


def test_the_pure_functions_of_the_page(tab):
    assert (
        tab.get("written(null) + written(0) + written(12.34567) + written(0.00012345)")
        == "–0.000012.34571.23e-4"
    )
    assert tab.get("Array.from(decode('gAH/'))") == [128, 1, 255]
    for settings in (
        {"layers": [[3, "relu", 20], [2, "tanh", 0]], "features": ["x", "siny"], "rate": 0.3},
        {"data": "points", "points": [[1.5, -2, 0], [0, 0, 1]], "noise": 5},
        {"data": "csv", "columns": ["a, b", "c&d", "é"]}, {"layers": []},
    ):  # fmt: skip
        hash_ = tab.page.evaluate("s => toAddress({...state.choices.defaults, ...s})", settings)
        assert tab.page.evaluate("h => fromAddress(h)", hash_) == settings
    square = tab.get("""(() => { const ink = new Float32Array(400);
        for (let y = 2; y < 18; y++) for (let x = 8; x < 12; x++) ink[20 * y + x] = 1;
        return shrinkDigit(ink, 20); })()""")
    rows = [square[8 * k : 8 * k + 8] for k in range(8)]
    assert all(row == pytest.approx([0, 0, 0, 1, 1, 0, 0, 0], abs=1e-6) for row in rows)
    assert tab.get("shrinkDigit(new Float32Array(400), 20).every(v => v === 0)")
    colours = tab.get("[0, 128, 255].map(k => Array.from(palette.slice(3 * k, 3 * k + 3)))")
    assert colours[0][2] > colours[0][0] and colours[2][0] > colours[2][2]  # blue, and orange


def test_nothing_is_loaded_from_elsewhere(tab, server):
    tab.choose("stations", "iris")
    assert {url.split("#")[0] for url in tab.asked if not url.startswith("data:")} == {
        server.address, server.address + "ask"
    }  # fmt: skip


def test_a_server_that_has_gone_is_told(browser):
    process = subprocess.Popen(
        [sys.executable, "-m", "tinynn", "playground", "--no-browser"], cwd=ROOT, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE,
    )  # fmt: skip
    tab = Tab(browser, re.search(r"http://\S+", process.stdout.readline())[0])
    process.kill()
    process.wait()
    tab.page.click("#one-step")
    tab.until("$('error').textContent")
    assert tab.error() == "the playground's program has ended; start it again"
    tab.page.close()


@pytest.mark.parametrize("variable", ["TINYNN_PYODIDE_312", "TINYNN_PYODIDE_314"])
def test_the_same_page_with_python_in_the_browser(browser, tmp_path, variable):
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set: the page with Pyodide will not be tested")
    runtime = Path(os.environ[variable]) / "node_modules" / "pyodide"
    build_site(str(tmp_path / "site"), str(runtime))
    with serving(tmp_path / "site") as address:
        tab = Tab(browser, f"{address}/index.html")
        tab.click("#play")
        tab.until("state.frame.epoch > 20", 120)
        tab.click("#play")
        assert tab.get("state.frame.loss") < 0.69
        tab.click('.neuron[data-unit="0,0"]')
        tab.until("$('numbers').textContent.includes('net_h1')", 60)
        tab.click("#tab-lesson")
        assert "def " in tab.page.inner_text("#lesson-source")
        tab.click("#tab-export")
        tab.click("#export-python")
        assert "def predict" in tab.page.inner_text("#exported")
        tab.choose("stations", "names")
        tab.click("#play")
        tab.until("state.names.frame && state.names.frame.steps > 100", 120)
        tab.click("#play")
        assert tab.get("state.names.frame.loss") < 3.0
        assert tab.error() == "" and tab.faults == []
        tab.page.close()
