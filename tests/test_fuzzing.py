"""The tool that damages files: some of its cases, and faults planted for it to find."""

from __future__ import annotations

import json
import os
import random

import pytest

import tinynn as nn

pytest.importorskip("resource")  # Windows has none

from fuzzing import mutators
from fuzzing.formats import FORMATS, samples_of
from fuzzing.runner import QUICK, Finding, Work, case, peak, run, shrunk, tried

SEED = 12
EACH = 80  # cases of each format by default; a minute of them among the slow tests
MANY = 30_000


@pytest.mark.parametrize("format", FORMATS)
def test_samples_are_read_and_used(format, tmp_path):
    for sample in samples_of(format):
        for choice in range(8):
            assert tried(format, sample, str(tmp_path / "f"), choice) is None


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files_are_refused_or_work(format, tmp_path):
    assert list(run(format, SEED, iter(range(EACH)), str(tmp_path))) == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_many_damaged_files_are_refused_or_work(tmp_path):
    work = Work(list(FORMATS), SEED, EACH, str(tmp_path / "found"))
    found = work.all(2, MANY, float("inf"), lambda done: None)
    assert sum(work.done.values()) == MANY
    assert found == []


# --- the tool itself -----------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_a_case_follows_from_its_numbers(format):
    assert case(format, 1, 7) == case(format, 1, 7)
    assert len({case(format, seed, number) for seed in (1, 2) for number in range(20)}) > 30


def test_a_text_of_json_can_stand_for_itself():
    tree = {"a": [mutators.RAW + "1e999", "b", mutators.RAW + "[" * 3 + "]" * 3]}
    assert mutators.written(tree) == '{"a":[1e999,"b",[[[]]]]}'


@pytest.mark.parametrize("sample", range(6))
def test_fields_are_written_as_they_were_read(sample):
    data = samples_of("onnx")[sample]
    assert mutators.bytes_of(mutators.fields_of(data)) == data


def test_json_is_changed_at_every_depth():
    rng, text = random.Random(0), json.dumps({"a": 1, "b": [[1, 2], {"c": 3}]})
    changed = {mutators.mutated_json(rng, text) for _ in range(500)}
    assert len(changed) > 300
    for part in ('{"a":1,"b":[[1,', '{"a":1,"b":[[1,2],{"c":', '"b":[[1,2],{"c":3}]}', '{"a":1}'):
        assert any(part in other for other in changed)


def broken(*arguments, **options):
    raise KeyError("planted")


# What is taken away or broken, and the format in which that has to be found.
PLANTS = {
    "an error of another kind": ("brainjs", "importers.brainjs", "_lookup", broken),
    "entries of a header": ("safetensors", "files.safetensors", "_sizes", lambda values: True),
    "loss curves": ("estimator", "estimators.storage", "saved_curve", lambda values, name: values),
    "settings": ("estimator", "estimators.storage", "NetworkDesign", lambda parameters: parameters),
    "kinds of columns": ("estimator", "preprocessing.saved_columns", "is_text", lambda value: True),
    "numbers of columns": (
        "estimator", "preprocessing.saved_columns", "is_real", lambda value: True
    ),
    "findings": ("model", "report.findings.Findings", "_needed", lambda self: set()),
    "memory of training": (
        "network", "training.model_files", "_check_training", lambda training: None
    ),
    "messages": (
        "network", "training.model_files", "excerpt", lambda value, most=60: str(value)
    ),
    "deep nesting": ("network", "files.json_text", "_check_nesting", lambda data: None),
    "an error of another kind in ONNX": ("onnx", "files.protobuf.Message", "fail", broken),
}  # fmt: skip
SOON = (
    "an error of another kind", "an error of another kind in ONNX", "entries of a header",
    "loss curves", "kinds of columns",
)  # fmt: skip


@pytest.mark.parametrize(
    "plant",
    [pytest.param(name, marks=[] if name in SOON else [pytest.mark.slow]) for name in PLANTS],
)
def test_a_planted_fault_is_found(plant, monkeypatch, tmp_path):
    format, owner, name, instead = PLANTS[plant]
    monkeypatch.setattr(f"tinynn.{owner}.{name}", instead)
    assert next(run(format, SEED, iter(range(5000)), str(tmp_path)), None) is not None


@pytest.mark.parametrize(
    ("planted", "what"),
    [
        (lambda path: len(bytearray(peak() + 10**8)), "memory"),  # more than there ever was
        (lambda path: [None for _ in iter(int, 1)], "slow"),
        (lambda path: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_goes_wrong_is_named(planted, what, monkeypatch, tmp_path):
    kind = FORMATS["csv"]._replace(read=planted, use=lambda rng, model, path: None)
    monkeypatch.setitem(FORMATS, "csv", kind)
    monkeypatch.setattr("fuzzing.runner.SECONDS", 0.2 if what == "slow" else 60.0)
    trouble = tried("csv", b"a,b\n", str(tmp_path / "f"))
    assert trouble is not None and trouble.startswith(f"{what}\n")


@pytest.mark.parametrize("text", ["x" * 2000, "a\x1b[2J"])
def test_messages_that_are_long_or_do_not_print_are_found(text, monkeypatch, tmp_path):
    class Long(nn.TinynnError):
        def __str__(self):
            return text

    def read(path):
        raise Long

    monkeypatch.setitem(FORMATS, "csv", FORMATS["csv"]._replace(read=read))
    assert "message" in tried("csv", b"a,b\n", str(tmp_path / "f"))


def test_a_finding_is_shrunk_and_kept(monkeypatch, tmp_path):
    def read(path):
        with open(path, "rb") as file:
            if b"!" in file.read():
                raise KeyError("it")

    kind = FORMATS["csv"]._replace(read=read, use=lambda rng, model, path: None)
    monkeypatch.setitem(FORMATS, "csv", kind)
    finding = Finding("csv", 1, 5, "KeyError", "in full", b"a,b\n" * 50 + b"!" + b"c\n" * 50)
    small = shrunk(finding, str(tmp_path))
    assert small == b"!"
    name = Work(["csv"], 1, 0, str(tmp_path / "out")).keep(finding, small)
    with open(name + ".bin", "rb") as file:
        assert file.read() == finding.data
    with open(name + ".small", "rb") as file:
        assert file.read() == b"!"
    with open(name + ".txt", encoding="utf-8") as file:
        assert file.read() == "KeyError\nin full\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_processes_that_die_and_findings_are_reported(monkeypatch, tmp_path):
    def read(path):
        with open(path, "rb") as file:
            data = file.read()
        if data == case("csv", 3, 5):
            os._exit(9)
        if data == case("csv", 3, 2):
            raise KeyError("it")

    kind = FORMATS["csv"]._replace(read=read, use=lambda rng, model, path: None)
    monkeypatch.setitem(FORMATS, "csv", kind)
    said = []
    work = Work(["csv"], 3, 0, str(tmp_path / "out"))
    found = work.all(1, 8, 60.0, said.append)
    assert [os.path.basename(name) for name in found] == ["csv-3-2", "csv-3-5"]
    assert work.done == {"csv": 8} and said
    assert QUICK is None or os.path.isdir(QUICK)
