"""`tinynn text`: what a user sees."""

import gzip
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
from test_cli import run
from test_terminal import Screen, printed

import tinynn as nn
from tinynn.cli import text as command
from tinynn.cli.models import fastest_engine
from tinynn.engines.native.engine import NativeEngine

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = ["anna", "hannah", "ann", "nan", "hanna", "anahan", "nana", "an", "ha", "hanan", "hahn"]
QUICK = ("--epochs", 3, "--width", 8, "--heads", 2)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    (folder / "names.txt").write_text("\n".join(NAMES * 3) + "\n")
    run("text", "train", "names.txt", "--out", "names.json", *QUICK, "--quiet", cwd=folder)
    (folder / "t.csv").write_text("a,b\n" + "1,x\n2,y\n" * 20)
    run("train", "t.csv", "--target", "b", "--epochs", 2, "--out", "t.json", "--quiet", cwd=folder)
    return folder


def test_train_says_what_it_read_and_how_good_the_model_is(home, tmp_path):
    text = "\r\n".join(["", *NAMES * 3, "  "])
    (tmp_path / "n.txt").write_bytes(text.encode())
    out, err = run("text", "train", "n.txt", "--out", "n.json", *QUICK, cwd=tmp_path)
    lines = out.splitlines()
    assert lines[:2] == [
        f"n.txt: 33 lines (2 blank lines left out), {sum(map(len, NAMES)) * 3} characters",
        "3 different characters: 'ahn'",
    ]
    assert lines[2] == (
        "lines: 30 to train on, 10% of them to decide when to stop, 3 to test; equal lines are "
        "kept together"
    )
    assert lines[3].startswith("network gpt, ") and " at most 7 steps, engine " in lines[3]
    assert lines[4].startswith("trained 3 epochs in ")
    assert lines[6] == "loss per character, on the lines held out to test it, in nats:"
    assert lines[7].startswith("  this model                     ")
    assert lines[8].startswith("  frequency of characters alone  ")
    assert "it writes, at temperature 0.5:" in lines
    assert lines[-1] == "model written to n.json; `text sample n.json` writes more"
    assert err.splitlines()[0].startswith("epoch 1/3  loss ")
    about = nn.load(tmp_path / "n.json").about_
    assert about[:4] == ("n.txt", 33, sum(map(len, NAMES)) * 3, 3)
    assert f"this model                     {about.loss:.4f}" in lines[7]
    assert f"alone  {about.frequency_loss:.4f}" in lines[8]


def test_a_recurrent_network_is_trained_by_its_name(home, tmp_path):
    words = ("--network", "gru", "--units", 5, "--layers", 2, "--width", 4, "--epochs", 2)
    out, _ = run("text", "train", home / "names.txt", "--out", "g.json", *words, cwd=tmp_path)
    model = nn.load(tmp_path / "g.json")
    assert repr(model.network_) == (
        "Sequential(Embedding(4, 4), GRU(4, 5), GRU(5, 5), Dense(5, 4))"
    )
    assert "\nnetwork gru, " in out
    out, _ = run("text", "sample", "g.json", "--count", 3, cwd=tmp_path)
    assert out.splitlines() == model.sample(3)


def test_the_same_command_gives_the_same_model(home, tmp_path):
    run("text", "train", home / "names.txt", "--out", "m.json", *QUICK, "--quiet", cwd=tmp_path)
    first, second = (nn.load(path) for path in (home / "names.json", tmp_path / "m.json"))
    assert first.network_.state() == second.network_.state()
    data = gzip.compress((home / "names.txt").read_bytes())
    out, _ = run("text", "train", "-", *QUICK, "--json", cwd=tmp_path, stdin=data)
    found = json.loads(out)
    assert found["training"]["loss"] == first.history_.loss
    assert found["about"]["source"] == "standard input" and found["model"] is None


def test_samples_are_lines_and_follow_the_options(home):
    out, err = run("text", "sample", "names.json", "--count", 20, cwd=home)
    assert err == "" and out.count("\n") == 20 and set(out) <= set("ahn\n")
    assert run("text", "sample", "names.json", "--count", 20, cwd=home)[0] == out
    assert run("text", "sample", "names.json", "--count", 20, "--seed", 1, cwd=home)[0] != out
    model = nn.load(home / "names.json")
    words = ("--temperature", 0.5, "--top-k", 2, "--seed", 3, "--prompt", "ha", "--length", 4)
    out, _ = run("text", "sample", "names.json", *words, cwd=home)
    assert out.splitlines() == model.sample(10, 0.5, 2, 3, "ha", 4)
    found = json.loads(run("text", "sample", "names.json", *words, "--json", cwd=home)[0])
    assert found == {"model": "names.json", "seed": 3, "texts": out.splitlines()}
    assert run("text", "sample", "names.json", "--count", 0, cwd=home)[0] == ""


def test_inspect_and_evaluate(home, tmp_path):
    out, _ = run("inspect", "names.json", cwd=home)
    about = nn.load(home / "names.json").about_
    lines = out.splitlines()
    assert lines[:3] == [
        "names.json: a model of text, of lines, at most 7 steps at once",
        f"trained on names.txt: 33 lines, {sum(map(len, NAMES)) * 3} characters",
        "3 characters: 'ahn'",
    ]
    assert "Embedding(4, 8)" in out and "training: 3 epochs, ended after the last epoch" in out
    assert f"on the {about.tested} lines held out to test it" in out
    assert f"{about.loss:.4f}" in out
    found = json.loads(run("inspect", "names.json", "--json", cwd=home)[0])
    assert found["kind"] == "text" and found["characters"] == "ahn"
    content = json.loads((home / "names.json").read_text())
    (tmp_path / "dense.json").write_text(json.dumps(dict(reversed(list(content.items())))))
    same, _ = run("inspect", "dense.json", cwd=tmp_path)
    assert same.splitlines()[1:] == lines[1:]
    out, err = run("text", "evaluate", "names.json", "names.txt", cwd=home)
    model = nn.load(home / "names.json")
    assert f"this model                     {model.loss(NAMES * 3):.4f}" in out
    assert err.startswith("note: names.json was trained on a file called names.txt; ")
    found = json.loads(run("text", "evaluate", "names.json", "names.txt", "--json", cwd=home)[0])
    assert found["loss"] == model.loss(NAMES * 3)


@pytest.mark.parametrize(
    "words",
    [("predict", "names.json", "t.csv"), ("evaluate", "names.json", "t.csv"),
     ("compare", "names.json", "t.json", "t.csv"), ("plot", "names.json"),
     ("gradcheck", "names.json", "t.csv"),
     ("explain", "names.json", "--data", "t.csv")],
)  # fmt: skip
def test_commands_for_tables_refuse_a_model_of_text(home, words):
    _, err = run(*words, cwd=home, code=2)
    assert err == (
        "tinynn: names.json holds a model of text, and this command needs one of a table; export, "
        "inspect, text sample and text evaluate take it\n"
    )


def test_one_text_by_itself_or_because_it_was_asked_for(tmp_path):
    one = "the cat sat on the mat. the dog sat on the cat. " * 10
    (tmp_path / "one.txt").write_text(one)
    out, _ = run("text", "train", "one.txt", "--out", "m.json", *QUICK, cwd=tmp_path)
    assert out.splitlines()[0] == "one.txt: one text of 480 characters"
    assert out.splitlines()[2] == (
        "characters: 432 to train on, 10% of them to decide when to stop, 48 to test, in this order"
    )
    (tmp_path / "many.txt").write_text(one.replace(". ", ".\n"), newline="\r\n")
    out, _ = run("text", "train", "many.txt", "--whole", "--out", "w.json", *QUICK, cwd=tmp_path)
    assert out.splitlines()[:2] == [
        "many.txt: one text of 480 characters",
        "14 different characters: '\\n .acdeghmnost'",
    ]
    out, _ = run("text", "sample", "w.json", "--count", 2, "--length", 50, cwd=tmp_path)
    assert len(out) == 2 * 51 + 1
    run("text", "evaluate", "w.json", "many.txt", cwd=tmp_path)


REFUSED = {
    "empty": (b"", "{} is empty; it needs at least one line of text"),
    "blank": (b"\n  \n\n", "{} is empty; it needs at least one line of text"),
    "short": (b"hello\n", "{} is one text of 5 characters; training needs at least 100, or a file "
              "of several lines"),
    "two": (b"ann\nbob\n", "{} has 2 different lines; training needs at least 3: to learn from, to "
            "decide when to stop, to test the model"),
    "equal": (b"ann\n" * 50, "{} has 1 different line; training needs at least 3: to learn from, "
              "to decide when to stop, to test the model"),
    "nul": (b"ann\nb\0b\nc\n", "{}, line 2: a NUL character in column 2 of the line: this is not "
            "a text file, or its encoding is not utf-8 but, say, utf-16"),
    "binary": (b"ann\nb\x81\x8d\xff\n", "{}, line 2: this cannot be decoded as utf-8: byte 5 of "
               "the file, byte 2 of the line, is 0x81; give the file's encoding, for example "
               "cp1252 or latin-1"),
    "zip": (b"PK\x03\x04 and more", "{} is not a text file: it looks like a ZIP archive or a "
            "spreadsheet; save the table as CSV"),
}  # fmt: skip


def test_a_network_without_machine_code_is_trained_in_another_way(home, tmp_path, monkeypatch):
    if fastest_engine() != "native":
        pytest.skip("native cannot run here")
    monkeypatch.setattr(NativeEngine, "refuses", lambda *_: "it has no room for more than this")
    out, _ = run("text", "train", home / "names.txt", "--out", "g.json", *QUICK, cwd=tmp_path)
    assert "\nno machine code for this network: it has no room for more than this\n" in out
    assert "engine unrolled (" in out or "engine lists (" in out


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_cannot_be_trained_on_are_refused_and_nothing_is_written(tmp_path, name):
    content, message = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    _, err = run("text", "train", name, "--out", "m.json", cwd=tmp_path, code=2)
    assert err == f"tinynn: {message.format(name)}\n"
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say what to do: train, sample, evaluate; see `python3 -m tinynn text --help`"),
        (("trian", "names.txt"), "unknown action 'trian'; did you mean 'train'?; see `python3 -m "
         "tinynn text --help`"),
        (("train", "nams.txt"), "there is no file nams.txt; did you mean names.txt?"),
        (("train", "names.txt", "--network", "gtp"), "TextModel needs network to be 'gpt', "
         "'rnn', 'lstm', 'gru', or a function of the number of kinds that returns a Sequential, "
         "got 'gtp'; did you mean 'gpt'?"),
        (("train", "names.txt", "--network", "gpt", "--units", 8), "--units needs --network rnn, "
         "lstm or gru, got gpt"),
        (("train", "names.txt", "--network", "lstm", "--heads", 2), "--heads needs --network gpt, "
         "got lstm"),
        (("train", "names.txt", "--heads", 5), "MultiHeadAttention needs a width that its heads "
         "divide, got 16 and 5"),
        (("train", "names.txt", "--most-steps", 1), "TextModel needs most_steps to be a whole "
         "number, at least 2, got 1"),
        (("train", "names.txt", "--encoding", "utf-99"), "an encoding needs to be one that Python "
         "knows, such as utf-8, cp1252 or latin-1, got 'utf-99'"),
        (("train", "names.txt", "--engine", "packed"), None),
        (("train", "names.txt", "--epocs", 3), "unknown option --epocs; did you mean '--epochs' or "
         "'--help'?; see `python3 -m tinynn text train --help`"),
        (("sample", "name.json"), "there is no model file name.json; did you mean names.json?"),
        (("sample", "t.json"), "t.json holds no model of text: 'classifier'; this command needs a "
         "file that `text train` wrote"),
        (("sample", "names.txt"), "names.txt is not a complete model file: Expecting value at line "
         "1, column 1"),
        (("sample", "names.json", "--prompt", "hÁ\x1b"), "the prompt, line 1, column 2: 'Á' "
         "(U+00C1) is not among the 3 characters that the model knows, 'ahn'; did you mean 'a'?"),
        (("sample", "names.json", "--temperature", "-1"), "argument --temperature: needs a number "
         "of at least 0, got '-1'; see `python3 -m tinynn text sample --help`"),
        (("sample", "names.json", "--top-k", 0), "argument --top-k: needs a whole number of at "
         "least 1, got '0'; see `python3 -m tinynn text sample --help`"),
        (("evaluate", "names.json", "others.txt"), "others.txt, line 3, column 3: '\\x07' is not "
         "among the 3 characters that the model knows, 'ahn'"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(home, words, message):
    (home / "others.txt").write_text("hahn\n\nan\x07a\n")
    _, err = run("text", *words, cwd=home, code=2)
    assert message is None or err == f"tinynn: {message}\n"
    assert err.count("\n") == 1


@pytest.mark.parametrize("action", ["train", "sample", "evaluate"])
def test_each_action_has_help_with_examples(action, tmp_path):
    out, _ = run("text", action, "--help", cwd=tmp_path)
    assert out.startswith(f"usage: python3 -m tinynn text {action} ")
    examples = out.partition("examples:\n")[2].splitlines()
    assert examples and all(f"tinynn text {action} " in line for line in examples)
    assert max(map(len, out.splitlines())) <= 120


def test_a_training_in_a_folder_goes_on(home, tmp_path, monkeypatch):
    words = ("text", "train", home / "names.txt", "--epochs", 4, "--width", 8, "--heads", 2)

    class Stop(command.TextProgress):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command, "TextProgress", Stop)
        out, err = run(*words, "--out", "cut.json", "--resume", "run", cwd=tmp_path, code=130)
        assert "the best model so far is kept; the same command goes on with it" in err
        assert "model written to cut.json" in out
    assert nn.load(tmp_path / "cut.json").history_.stopped_by == "interrupted"
    out, _ = run(*words, "--out", "m.json", "--resume", "run", cwd=tmp_path)
    assert "going on from run/network.json" in out.replace("\\", "/")
    run(*words, "--out", "whole.json", cwd=tmp_path)
    first, second = (nn.load(tmp_path / name) for name in ("m.json", "whole.json"))
    assert first.network_.state() == second.network_.state()
    assert first.about_ == second.about_


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_saves_what_was_learned(home, tmp_path):
    arguments = ["text", "train", str(home / "names.txt"), "--epochs", "100000", "--patience",
                 "100000", "--out", "m.json"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "tinynn", *arguments], cwd=tmp_path, stderr=subprocess.PIPE,
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    process.stderr.readline()  # of the first epoch
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"interrupted after" in err and b"the best model so far is kept" in err
    assert b"model written to m.json" in out
    model = nn.load(tmp_path / "m.json")
    assert model.history_.epochs >= 1 and len(model.sample(3)) == 3


def test_control_characters_in_samples_are_escaped_on_a_terminal_only(tmp_path, monkeypatch):
    (tmp_path / "c.txt").write_text("a\x1b[31m\nb\x1b[31m\nc\x1b[31m\nd\x1b[31m\n")
    run("text", "train", "c.txt", "--out", "c.json", "--quiet", *QUICK, cwd=tmp_path)
    words = ("text", "sample", "c.json", "--prompt", "a\x1b", "--length", 2, "--count", 1)
    assert run(*words, cwd=tmp_path)[0] == "a\x1b\n"
    monkeypatch.chdir(tmp_path)
    code, out, _ = printed(words, monkeypatch, Screen)
    assert (code, out) == (0, "a\\x1b\n")


def test_no_early_stopping_and_no_test(home, tmp_path):
    out, _ = run(
        "text", "train", home / "names.txt", "--validation-share", 0, "--test-share", 0, *QUICK,
        cwd=tmp_path,
    )  # fmt: skip
    assert "lines: 33 to train on, none of them to decide when to stop, 0 to test" in out
    assert "loss per character" not in out
    (tmp_path / "same.txt").write_text("ann\nann\n")
    run(
        "text", "train", "same.txt", "--validation-share", 0, "--test-share", 0, *QUICK,
        cwd=tmp_path,
    )  # fmt: skip


def test_where_nothing_can_be_learned_it_is_said(tmp_path):
    rng = random.Random(0)
    (tmp_path / "r.txt").write_text("".join(rng.choice("abcdefghij") for _ in range(150)))
    out, _ = run("text", "train", "r.txt", "--epochs", 1, cwd=tmp_path)
    assert "The model is no better than the frequencies: train it longer, or on more text." in out
