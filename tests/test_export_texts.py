"""Models of text, exported: of the same random numbers, each file makes the same texts."""

from __future__ import annotations

import json
import random
import sys

import exported_models as em
import pytest
from hypothesis import given, settings, strategies as st
from test_cli import run as tinynn_command
from test_export_code import STRICT, run, tool
from test_export_python import OLD_AND_SMALL, there

import tinynn as nn
from tinynn import text
from tinynn.errors import FormatError
from tinynn.estimators import NotFittedError
from tinynn.export import to_c, to_javascript, to_python
from tinynn.export.python import python_source
from tinynn.export.steps import describe

NAMES = ["anna", "hannah", "ann", "nan", "hanna", "anahan", "nana", "an", "ha", "hanan"] * 3
# Texts that could leave a string or a comment; C has no strings with NUL in them.
HOSTILE = [word.replace("\0", "") for word in em.WORDS if word]


def recurrent(kinds):
    return nn.Sequential(nn.Embedding(kinds, 4), nn.GRU(4, 8), nn.Dense(8, kinds), nn.Softmax())


def fitted(source, **changed):
    given_too = {"width": 8, "heads": 2, "epochs": 2, "most_steps": 6, "early_stopping": False}
    return text.TextModel(**{**given_too, **changed}).fit(source)


@pytest.fixture(scope="module")
def models():
    """Return models of lines and of one text, with attention and with a recurrent network."""
    whole = "\n".join(NAMES)
    return [
        fitted(NAMES), fitted(whole), fitted(NAMES, network=recurrent),
        fitted(whole, network=recurrent), fitted(HOSTILE), fitted("".join(HOSTILE)),
        fitted("ab" * 20, most_steps=2),
    ]  # fmt: skip


def of_source(model, **options):
    space = {"__name__": "exported"}
    exec(python_source(describe(model), **options), space)
    return space


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 6), st.integers(0, 2**32), st.data())
def test_python_writes_what_the_model_writes(models, k, seed, data):
    model = models[k]
    letters = model.vocabulary_.characters
    prompt = data.draw(st.text(letters, max_size=8))
    temperature = data.draw(st.sampled_from([0, 0.3, 1.0, 2.5]))
    length = data.draw(st.integers(0, 20))
    space = of_source(model, command=False)
    wanted = model.sample(3, temperature, seed=seed, prompt=prompt, length=length)
    uniform = random.Random(seed).random
    assert space["sample"](3, temperature, prompt, length, uniform) == wanted
    assert space["CHARACTERS"] == list(letters)


def test_of_itself_python_writes_as_much_as_the_model(models):
    for model in models:
        uniform = random.Random(1).random
        assert of_source(model)["sample"](uniform=uniform) == model.sample(seed=1)


def test_javascript_writes_what_the_model_writes(models, tmp_path):
    lines, wanted = [], []
    for k, model in enumerate(models):
        to_javascript(model, tmp_path / f"m{k}.mjs")
        lines.append(f"import * as m{k} from './m{k}.mjs';")
        for temperature in (0, 0.5, 1.0):
            rng, prompt = random.Random(k), model.vocabulary_.characters[:1]
            drawn = [rng.random() for _ in range(100)]
            options = {"count": 3, "temperature": temperature, "prompt": prompt, "length": 20}
            wanted.append([*model.sample(seed=k, **options), *model.vocabulary_.characters])
            lines += [
                f"{{ const u = {drawn}; const options = {json.dumps(options)};",
                f"const found = m{k}.sample({{ ...options, uniform: () => u.shift() }});",
                f"console.log(JSON.stringify([...found, ...m{k}.characters])); }}",
            ]
        lines.append(f"if (m{k}.sample({{ count: 2 }}).length !== 2) throw new Error();")
    (tmp_path / "main.mjs").write_text("\n".join(lines), encoding="utf-8")
    found = run([tool("node"), str(tmp_path / "main.mjs")]).split("\n")[:-1]
    assert list(map(json.loads, found)) == wanted


def test_c_knows_the_characters_and_their_kinds(models, tmp_path):
    lines = ["#include <stdio.h>"]
    calls = []
    for k, model in enumerate(models):
        to_c(model, tmp_path / f"m{k}.h")
        lines.append(f'#include "m{k}.h"')
        calls.append(
            f"{{ m{k}_state s; double y[m{k}_outputs]; int best = 0; m{k}_begin(&s);\n"
            f"  m{k}_predict_step(&s, m{k}_end, y);\n"
            f"  for (int k = 1; k < m{k}_end; k++) if (y[k] > y[best]) best = k;\n"
            f'  printf("%s|", m{k}_character(best));\n'
            f'  for (int k = 0; k < m{k}_end; k++) printf("%s", m{k}_character(k)); }}\n'
            '  puts("|=");'
        )
    lines.append("int main(void) {" + "\n".join(calls) + "return 0; }")
    (tmp_path / "main.c").write_text("\n".join(lines))
    program = str(tmp_path / "program")
    run([tool("gcc"), "-std=c99", *STRICT, str(tmp_path / "main.c"), "-o", program, "-lm"])
    for model, line in zip(models, run([program]).split("|=\n")):
        best, characters = line[0], line[2:]
        assert characters == model.vocabulary_.characters
        scores = model.network_.predict([[model.vocabulary_.end]])[0][0][:-1]
        assert best == characters[scores.index(max(scores))]


@pytest.mark.parametrize("name", OLD_AND_SMALL)
def test_other_pythons_write_the_same(models, tmp_path, name):
    lines = ["import sys", "sys.path.insert(0, '.')"]
    for k in range(4):
        rng = random.Random(k)
        to_python(models[k], tmp_path / f"m{k}.py")
        drawn = [rng.random() for _ in range(60)]
        lines += [f"import m{k}", f"u = {drawn}"]
        lines.append(f"print('|'.join(m{k}.sample(2, 1.0, 'a', 12, lambda: u.pop(0))))")
    (tmp_path / "main.py").write_text("\n".join(lines) + "\n")
    said = run([*there(name).command, "main.py"], cwd=tmp_path)
    wanted = ["|".join(models[k].sample(2, seed=k, prompt="a", length=12)) for k in range(4)]
    assert said == "\n".join([*wanted, ""])


def test_the_command_prints_texts(models, tmp_path):
    to_python(models[0], tmp_path / "names.py")
    assert len(run([sys.executable, "names.py"], cwd=tmp_path).splitlines()) == 5
    said = run([sys.executable, "names.py", "2", "0", "ha"], cwd=tmp_path).splitlines()
    assert said == models[0].sample(2, temperature=0, prompt="ha")


def test_tried_on_texts(models, tmp_path):
    for model in models[:4]:
        rows = NAMES[:4] if not model.whole_ else ["\n".join(NAMES)]
        assert to_python(model, tmp_path / "m.py", rows=rows).difference < 1e-12
        assert to_c(model, tmp_path / "m.h", rows=rows).difference < 1e-12
        assert 1e-6 < to_c(model, tmp_path / "m.h", rows=rows, weights="int8").difference < 0.5


def test_what_is_refused(models, tmp_path):
    with pytest.raises(ValueError) as raised:
        of_source(models[0])["sample"](1, prompt="anx")
    assert str(raised.value) == "a prompt needs to be of known CHARACTERS, got 'x'"
    with pytest.raises(NotFittedError) as not_fitted:
        to_c(text.TextModel(), tmp_path / "never.h")
    assert str(not_fitted.value) == "this TextModel needs fit(text) first"
    with pytest.raises(FormatError) as nul:
        to_c(fitted("a\0b" * 9), tmp_path / "never.h")
    assert str(nul.value) == "a string in C cannot contain a NUL character, got '\\x00'"
    assert not (tmp_path / "never.h").exists()


def test_from_the_command_line(models, tmp_path):
    models[0].save(tmp_path / "names.json")
    out, err = tinynn_command("export", "names.json", "--out", "names.py", cwd=tmp_path)
    size = (tmp_path / "names.py").stat().st_size
    assert (out, err) == (f"names.py: names.json as python, {size:,} bytes\n", "")
    _, err = tinynn_command(
        "export", "names.json", "--out", "n.py", "--data", "names.json", cwd=tmp_path, code=2
    )
    assert "--data takes a table, and names.json is a model of text" in err
