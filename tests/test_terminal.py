"""Nothing that comes from a file or an option steers the terminal that a command prints to."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
import sys
import unicodedata
import warnings

import pytest
from hypothesis import example, given, strategies as st

from tinynn.cli import main
from tinynn.cli.console import Console
from tinynn.view import text_bars, text_confusion, text_table
from tinynn.view.terminal import printable

# Escape sequences in 7 and 8 bits, a bell, a backspace, and marks that turn the direction round.
HOSTILE = "p\x1b]0;title\x07\x1b[31m\x9b2J\b\u202e\u2066\u2028\u200b\x7f"
JOINERS = "\u200c\u200d"


def steers(text):
    """Return the characters of a text that a terminal would not just show."""
    kinds = ("Cc", "Cf", "Zl", "Zp", "Cs")
    return {c for c in text if unicodedata.category(c) in kinds and c not in JOINERS + "\n"}


class Screen(io.StringIO):
    """What a terminal receives."""

    encoding = "utf-8"

    def isatty(self):
        return True


def printed(words, monkeypatch, screen=io.StringIO):
    """Run a command; return its exit code, and what it wrote to both streams."""
    streams = screen(), screen()
    for name, stream in zip(("stdout", "stderr"), streams):
        monkeypatch.setattr(sys, name, stream)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        try:
            code = main([*map(str, words)])
        except SystemExit as end:
            code = end.code
    return (code, *(stream.getvalue() for stream in streams))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Return a folder with a hostile name, a table of hostile texts, and a model of it."""
    folder = tmp_path_factory.mktemp("terminal") / "d\x1b[31m\x9b\u202e"
    folder.mkdir()
    with open(folder / "t\x1b\x07.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"a{HOSTILE}", f"b{HOSTILE}\nsecond line", f"c{HOSTILE}", f"y{HOSTILE}"])
        for k in range(80):
            kind = f"kind {k % 4}{HOSTILE}\nnext"
            label = f"{'yes' if k % 3 else 'no'}{HOSTILE}"
            writer.writerow([k % 7, kind, f"{HOSTILE}{k}", label])
    return folder


@pytest.fixture(scope="module")
def model(hostile):
    path = hostile / "m\x1b.json"
    table = hostile / "t\x1b\x07.csv"
    words = ["train", table, "--target", "-1", "--epochs", "2", "--quiet", "--out", path]
    assert main([*map(str, words)]) == 0
    return path


COMMANDS = [
    ["train", "{table}", "--target", "-1", "--epochs", "2"],
    ["train", "{table}", "--target", "-1", "--epochs", "2", "--search", "2"],
    ["train", "{table}", "--target", "-1", "--epochs", "1", "--stream", "--no-early-stopping"],
    ["train", "{table}", "--target", "-1", "--epochs", "2", "--out", "{folder}/n\x9b.json",
     "--report", "{folder}/n\x9b.html"],
    ["train", "{table}", "--target", "1", "--task", "regress", "--epochs", "2", "--json"],
    ["train", "{table}", "--target", "no\x1b"],
    ["train", "{table}", "--target", "-1", "--numbers", "2"],
    ["train", "{table}", "--target", "-1", "--class-weights", "x\x1b=2"],
    ["train", "{table}", "--target", "-1", "--class-weights", "\x1b"],
    ["train", "{table}", "--target", "-1", "--solver", "\x1b[2J"],
    ["train", "{table}", "--target", "-1", "--epochs", "\x1b[2J"],
    ["train", "{table}", "--target", "-1", "--encoding", "\x9b"],
    ["train", "{table}", "--target", "-1", "--delimiter", "\x1b\x1b"],
    ["train", "no\x1b[31m.csv", "--target", "y"],
    ["train", "{table}", "--\x1b[31m"],
    ["train", "{table}", "--target", "-1", "--out", "no\x1b/x.json"],
    ["text", "train", "{table}", "--epochs", "1", "--out", "{folder}/text\x1b.json"],
    ["text", "sample", "{folder}/text\x1b.json", "--temperature", "3"],
    ["text", "sample", "{folder}/text\x1b.json", "--prompt", "\x9b", "--json"],
    ["text", "evaluate", "{folder}/text\x1b.json", "{other}"],
    ["inspect", "{folder}/text\x1b.json"],
    ["text", "\x1b[31m"],
    ["predict", "{model}", "{table}"],
    ["predict", "{model}", "{table}", "--proba", "--keep-going"],
    ["predict", "{model}", "{table}", "--out", "{folder}/out\x1b.csv"],
    ["predict", "{model}", "{other}"],
    ["predict", "{model}", "{other}", "--keep-going"],
    ["evaluate", "{model}", "{table}"],
    ["evaluate", "{model}", "{table}", "--json", "--report", "{folder}/r\x1b.html"],
    ["evaluate", "{model}", "{table}", "--target", "\x1b"],
    ["inspect", "{model}"],
    ["inspect", "{model}", "--json"],
    ["inspect", "{table}"],
    ["inspect", "no\x1b.json"],
    ["compare", "{model}", "{model}", "{table}"],
    ["compare", "{model}", "{model}", "{table}", "--json"],
    ["plot", "{model}"],
    ["plot", "{model}", "--out", "{folder}/p\x1b.html"],
    ["export", "{model}", "--to", "python", "--out", "{folder}/e\x1b.py"],
    ["export", "{model}", "--to", "javascript", "--out", "{folder}/e\x1b.mjs"],
    ["export", "{model}", "--to", "\x1b[31m", "--out", "x"],
    ["gradcheck", "{model}", "{table}"],
    ["demo", "--csv", "{folder}/iris\x1b.csv"],
    ["explain", "no\x1b"],
    ["explain", "mazur", "--only", "\x1b"],
    ["explain", "xor", "--html", "{folder}/e\x1b.html"],
    ["explain", "{model}", "--data", "{table}"],
    ["explain", "{model}", "--data", "{table}", "--optimizer", "\x9b"],
    ["lesson", "\x1b"],
    ["lesson", "3", "{table}"],
    ["lesson", "3", "--start", "{folder}/mine\x1b.py"],
    ["demo", "--\x1b"],
    ["selftest", "--\x9b"],
    ["vendor", "--check", "{folder}/broken\x1b.py"],
    ["vendor", "--include", "\x1b", "x.py"],
    ["bench", "--\x1b"],
    ["\x1b[31m"],
    ["--\x1b[31m"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: ascii(" ".join(words)))
def test_no_command_passes_on_what_steers_a_terminal(hostile, model, monkeypatch, words):
    monkeypatch.setattr("tinynn.cli.bench.os.path.isfile", lambda path: False)
    table = hostile / "t\x1b\x07.csv"
    lines = table.read_text(encoding="utf-8").split("\n")
    (hostile / "o\x1b.csv").write_text("\n".join([*lines, f"\x1b,{HOSTILE}"]), encoding="utf-8")
    (hostile / "broken\x1b.py").write_text("\x1b[31m", encoding="utf-8")
    filled = [
        word.format(table=table, model=model, folder=hostile, other=hostile / "o\x1b.csv")
        for word in words
    ]
    code, out, err = printed(filled, monkeypatch)
    assert code in (0, 1, 2)
    assert "a bug" not in err
    assert steers(err) == set()
    exact = words[0] == "predict" and "--out" not in words
    exact = exact or (words[:2] == ["text", "sample"] and "--json" not in words)
    if not exact:
        assert steers(out) == set()
    elif code == 0 and words[0] == "predict":  # a table for other programs
        assert HOSTILE in out
    if code == 0 and "--json" in words:
        json.loads(out)


def test_a_table_on_a_terminal_is_shown_and_one_in_a_pipe_is_exact(hostile, model, monkeypatch):
    words = ["predict", model, hostile / "t\x1b\x07.csv"]
    code, shown, _ = printed(words, monkeypatch, Screen)
    assert code == 0
    assert steers(shown) == set()
    assert r"yesp\x1b]0;title\x07\x1b[31m\x9b2J\x08\u202e\u2066\u2028\u200b\x7f" in shown
    code, exact, _ = printed(words, monkeypatch)
    assert shown == printable(exact, lines=True)


def leaves(tree, path=()):
    """Yield the path to every text and every key of a JSON tree."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield path, key
            yield from leaves(value, (*path, key))
    elif isinstance(tree, list):
        for i, value in enumerate(tree[:3]):
            yield from leaves(value, (*path, i))
    elif isinstance(tree, str):
        yield path, None


def changed(tree, path, key):
    """Return a copy of a tree with a hostile text, or a hostile key, at a path."""
    tree = copy.deepcopy(tree)
    above = tree
    for step in path[: len(path) - (key is None)]:
        above = above[step]
    if key is None:
        above[path[-1]] += HOSTILE
    else:
        above[key + HOSTILE] = above.pop(key)
    return tree


@pytest.mark.slow
def test_no_text_in_a_model_file_steers_a_terminal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"{k % 7},k{k % 5},{'yes' if k % 3 else 'no'}" for k in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *lines, ""]))
    train = ["train", "t.csv", "--target", "y", "--epochs", "2", "--quiet", "--out", "m.json"]
    assert printed(train, monkeypatch)[0] == 0
    whole = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    seen = 0
    for path, key in leaves(whole):
        text = json.dumps(changed(whole, path, key))
        (tmp_path / "x.json").write_text(text)
        for words in (
            ["inspect", "x.json"],
            ["predict", "x.json", "t.csv", "--only", "--out", "o"],
        ):
            _, out, err = printed(words, monkeypatch)
            assert (steers(out), steers(err)) == (set(), set()), (path, key)
            seen += "\\x1b" in out + err
    assert seen > 50


@given(st.text(), st.booleans())
@example("\x00\x1b\x9b\u202e\u2066\u2028\ud800\U000e0041", False)
def test_printable_text_steers_nothing_and_says_what_was_there(text, lines):
    shown = printable(text, lines)
    assert steers(shown) == set()
    assert lines or "\n" not in shown
    assert shown.count("\n") == (text.count("\n") if lines else 0)
    assert printable(shown, lines) == shown
    if "\\" not in text:
        escape = re.compile(r"\\(x..|u....|U........|.)")
        back = escape.sub(lambda m: eval(f'"{m[0]}"'), shown)
        assert back == text


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=3))
def test_charts_of_text_steer_nothing(rows):
    names = [a for a, _ in rows]
    square = [[1.0] * len(rows) for _ in rows]
    for text in (
        text_table(rows, ["\x1b", "\n"]), text_bars(names, [1.0] * len(names)),
        text_confusion(square, names),
    ):  # fmt: skip
        assert steers(text) == set()
    assert len(text_table(rows).split("\n")) == len(rows)


@given(st.dictionaries(st.text(), st.text(), max_size=3))
def test_json_says_the_same_without_what_steers(content):
    before, sys.stdout = sys.stdout, io.StringIO()
    try:
        Console(as_json=True).result(content)
        out = sys.stdout.getvalue()
    finally:
        sys.stdout = before
    assert steers(out) == set()
    assert json.loads(out) == content


def test_words_of_many_languages_stay_as_they_are():
    for word in ("naïve", "می‌خواهم", "क्‍ष", "👩‍🔬", "10 000", "ｶﾅ　漢字"):
        assert printable(word) == word
