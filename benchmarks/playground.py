"""`python3 -m benchmarks.playground`: how many frames a second the playground shows.

Each station plays for some seconds, as in the page: 15 ms of training, then a frame. The first
figure is what the session could send, with its JSON; the second, where Playwright and a Chromium
(on PATH, or in TINYNN_CHROMIUM) are found, what a real page shows, counted by its own scripts.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from typing import Any, Sequence

from tinynn.teaching.playground.questions import ask
from tinynn.teaching.playground.server import Playground
from tinynn.teaching.playground.session import Session
from tinynn.teaching.playground.stations import STATIONS, Station

from .browser import FLAGS, find_browser
from .command import say

ONE_TURN = {"do": "train", "epochs": 1000, "milliseconds": 15}
ONE_TURN_OF_NAMES = {"do": "write on", "milliseconds": 15, "word": "mari"}
COUNTED = """seconds => new Promise(done => { const before = state.shown; play();
  setTimeout(() => { stop(); done((state.shown - before) / seconds); }, 1000 * seconds); })"""


def by_session(station: Station, seconds: float) -> float:
    """Return frames a second of a session alone."""
    session, turn = Session(), ONE_TURN
    assert "error" not in ask(session, {"do": "set up", "settings": station.settings})
    if station.panel == "names":
        turn = ONE_TURN_OF_NAMES
        assert "error" not in ask(session, {"do": "write"})
    frames, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        asked: dict[str, Any] = json.loads(json.dumps({**turn, "writes": frames % 7 == 0}))
        json.dumps(ask(session, asked))
        frames += 1
    return frames / (time.perf_counter() - began)


def by_browser(seconds: float) -> dict[str, float]:
    """Return frames a second of the page at each station; an empty table without a browser."""
    path = find_browser()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = ""
    if not path:
        say("no Playwright or no Chromium here: the page itself is not measured")
        return {}
    found = {}
    with Playground() as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(server.address)
        while not page.evaluate("Boolean(state.frame)"):
            time.sleep(0.05)
        for k, station in enumerate(STATIONS):
            page.evaluate(f"openStation({k})")
            time.sleep(0.5)
            found[station.name] = page.evaluate(COUNTED, seconds)
        browser.close()
        server.shutdown()
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.playground")
    parser.add_argument("--tiny", action="store_true", help="a moment of each station")
    seconds = 0.1 if parser.parse_args(words).tiny else 5.0
    shown = by_browser(seconds)
    print("\n| station | frames a second: session | page |\n|---|---|---|")
    for station in STATIONS:
        page = f"{shown[station.name]:.0f}" if station.name in shown else "–"
        print(f"| {station.title} | {by_session(station, seconds):.0f} | {page} |")


if __name__ == "__main__":
    main()
