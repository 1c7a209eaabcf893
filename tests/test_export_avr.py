"""C headers on AVR: compiled by avr-gcc, run by simavr, and compared with the models."""

from __future__ import annotations

import math
import random
import re
import struct
import subprocess

import exported_models as em
import pytest
from test_export_code import expected, in_bytes, run, tool, unchanged

import tinynn as nn
from tinynn.export import to_c
from tinynn.export.c_literals import field_names, string
from tinynn.export.float32 import nearest_float32
from tinynn.export.steps import describe
from tinynn.preprocessing import NumberColumn, TableEncoder

# avr-libc's functions are a few gaps less exact than others, and know no numbers below 1e-38.
AVR = (2.0**-21, 1.2e-38, 3.4e38)
MCU = "atmega1284p"
PROGRAM = """\
#include <stdio.h>
#include <stddef.h>
#include <string.h>
#include <avr/io.h>
#include <avr/interrupt.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>
#include "m.h"

static int put(char c, FILE *file)
{
    (void)file;
    while (!(UCSR0A & _BV(UDRE0))) {}
    UDR0 = (unsigned char)c;
    return 0;
}

static FILE out = FDEV_SETUP_STREAM(put, NULL, _FDEV_SETUP_WRITE);
static char texts[4][120];

static inline const char *text(int j, const char *from) { return strcpy_P(texts[j], from); }

static void show(float x)
{
    unsigned long bits;
    memcpy(&bits, &x, sizeof bits);
    printf(" %08lx", bits);
}

int main(void)
{
    stdout = &out;
    UCSR0B = _BV(TXEN0);
BODY
    cli();
    sleep_mode();
    return 0;
}
"""


def literal(x):
    """Return a number's literal; avr-gcc's own take 32 bits."""
    return "(double)NAN" if x != x else repr(x)


def answers_on_avr(folder, model, rows, change=("", ""), **settings):
    """Return what a header answers to rows on the simulated processor, and its bytes of RAM.

    `change` is what is replaced in the header before, and by what.
    """
    to_c(model, folder / "m.h", prefix="m", **settings)
    header = (folder / "m.h").read_text()
    assert change[0] in header
    (folder / "m.h").write_text(header.replace(*change))
    d = describe(model)
    real, lines = settings.get("dtype", "double"), []
    for row in rows:
        if d.kind == "network":
            lines.append(
                f"    {{ {real} x[] = {{{', '.join(map(literal, row))}}}, y[{d.outputs}];\n"
                f'    m_predict(x, y); printf("=");\n'
                f'    for (int j = 0; j < {d.outputs}; j++) show((float)y[j]); puts(""); }}'
            )
            continue
        fields, texts = [], 0
        for j, name in field_names(d.columns).items():
            if isinstance(d.columns[j], NumberColumn):
                fields.append(f"row.{name} = {literal(math.nan if row[j] is None else row[j])};")
            else:
                fields.append(f"row.{name} = text({texts}, PSTR({string(row[j] or '')}));")
                texts += 1
        count = len(d.classes) or d.outputs
        ask = "m_predict" if d.kind == "regressor" else "m_proba"
        label = ' printf(" %S", (const wchar_t *)m_class(m_predict(&row)));' * bool(d.classes)
        lines.append(
            f"    {{ m_row row; {real} y[{count}] = {{0}}; {' '.join(fields)}\n"
            f'    printf("= %d", {ask}(&row, y));\n'
            f'    for (int j = 0; j < {count}; j++) show((float)y[j]);{label} puts(""); }}'
        )
    found, ram = run_on_avr(folder, "\n".join(lines))
    assert len(found) == len(rows)
    return found, ram


def run_on_avr(folder, body):
    """Return what a program prints in lines that begin with =, and its bytes of RAM."""
    gcc, simavr = tool("avr-gcc"), tool("simavr")
    (folder / "main.c").write_text(PROGRAM.replace("BODY", body))
    options = ["-std=gnu99", "-Os", "-Wall", "-Wextra", "-Wshadow", "-Werror", f"-mmcu={MCU}"]
    run([gcc, *options, "-DF_CPU=16000000UL", "main.c", "-o", "m.elf", "-lm"], cwd=folder)
    ram = ram_of(folder)
    command = [simavr, "-m", MCU, "-f", "16000000", "m.elf"]
    done = subprocess.run(command, cwd=folder, timeout=60, capture_output=True)
    said = done.stderr.decode("latin-1") + done.stdout.decode("latin-1")
    lines = [line.split() for line in re.findall(r"=( [^\n]*)\.", said)]
    assert lines, said[-2000:]
    return [list(map(number_or_word, line)) for line in lines], ram


def ram_of(folder):
    """Return how many bytes of RAM a program's variables take."""
    sizes = run([tool("avr-size"), "-A", "m.elf"], cwd=folder)
    return sum(int(n) for n in re.findall(r"^\.(?:data|bss) +(\d+)", sizes, re.M))


def number_or_word(word):
    """Return the number whose bits are given, or a label."""
    if re.fullmatch("[0-9a-f]{8}", word):
        return struct.unpack(">f", bytes.fromhex(word))[0]
    return word


def rounded(rows):
    """Return rows with numbers that have 32 bits."""
    return [[nearest_float32(x) if isinstance(x, float) else x for x in row] for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "weights"), [("float", "float"), ("double", "float"), ("float", "int8")]
)
def test_networks_of_every_layer_answer_on_avr_as_they_do_here(tmp_path, dtype, weights):
    rng = random.Random(f"{dtype} {weights}")
    change = in_bytes if weights == "int8" else unchanged
    for kind in em.KINDS:
        model = em.network(rng, [kind])
        rows = em.network_rows(rng, model, 6)
        rows = [[x if 1e-30 < abs(x) < 1e30 else 0.5 for x in row] for row in rounded(rows)]
        found, _ = answers_on_avr(tmp_path, model, rows, dtype=dtype, weights=weights)
        for row, got in zip(rows, found):
            _, ends, _ = expected(model, row, AVR, change)
            for y, low, high in zip(got, *(ends or ((), ()))):
                assert low <= y <= high, (kind, row, y, low, high)


def table_model(regressor=False):
    """Return a model of each kind of column, one of Unix times, and rows that are new to it."""
    rng = random.Random(4)
    words = ["quick brown", "lazy dog", "über fox", "brown FOX", "dog dog"]
    towns = ["Ulm", "Bonn", "København", None]
    rows = [
        [
            1.75e9 + 3600 * i, rng.choice(towns),
            f"2024-02-{1 + i % 9:02d} 1{i % 10}:30",
            f"{rng.choice(words)} {rng.choice(words)}", rng.gauss(0, 1) if i % 7 else None,
        ]
        for i in range(120)
    ]  # fmt: skip
    encoder = TableEncoder(
        names=["time", "town", "date", "note", "int"],
        kinds={1: "category", 2: "date", 3: "words"}, missing_indicator=True,
    )  # fmt: skip
    settings = {"max_iter": 15, "random_state": 0, "encoder": encoder, "learning_rate_init": 0.02}
    if regressor:
        model = nn.Regressor((6,), activation="tanh", log_target=True, **settings)
        targets = [1 + i % 12 + (row[1] == "Ulm") for i, row in enumerate(rows)]
    else:
        model = nn.Classifier((6,), activation="gelu", **settings)
        targets = [("early", "late")[i > 60] for i, _ in enumerate(rows)]
    em.quietly(model.fit, rows, targets)
    return model, rounded([*rows[::9], [1.75e9, " Ulm\n", "", "Über, Dog", None]])


@pytest.mark.slow
@pytest.mark.parametrize("regressor", [False, True])
def test_tables_answer_on_avr_as_they_do_here(tmp_path, regressor):
    model, rows = table_model(regressor)
    found, ram = answers_on_avr(tmp_path, model, rows, dtype="float")
    wanted = [[y] for y in model.predict(rows)] if regressor else model.predict_proba(rows)
    for row, got, expected_row in zip(rows, found, wanted):
        assert got.pop(0) == "0", row
        if not regressor:
            assert got.pop() == model.predict([row])[0], row
        assert got == pytest.approx(expected_row, rel=2e-5, abs=2e-5), row
    # 4 texts of 120 bytes for the rows, what printf needs, and nothing of the header.
    assert ram < 4 * 120 + 80


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        ("pgm_read_float(at)", "(*(at))"),  # reads RAM
        ("pgm_read_dword(at)", "(*(at))"),
        ("- shift - rest)", "- shift - 0 * rest)"),
        ("sizeof(double) < 8", "sizeof(double) < 4"),
        ("(1.00002368", "(1.0102368"),
    ],
)
def test_errors_are_found_on_avr(tmp_path, change):
    model, rows = table_model()
    found, _ = answers_on_avr(tmp_path, model, rows, change, dtype="float")
    right = [
        got[1:-1] == pytest.approx(wanted, rel=2e-5, abs=2e-5)
        for got, wanted in zip(found, model.predict_proba(rows))
    ]
    assert not all(right)


@pytest.mark.slow
def test_without_progmem_tables_take_ram(tmp_path):
    model, rows = table_model()
    _, ram = answers_on_avr(tmp_path, model, rows[:1], dtype="float")
    change = ("FLASH PROGMEM", "FLASH")
    header, gcc = tmp_path / "m.h", tool("avr-gcc")
    header.write_text(header.read_text().replace(*change))
    options = ["-std=gnu99", "-Os", f"-mmcu={MCU}", "-DF_CPU=16000000UL"]
    run([gcc, *options, "main.c", "-o", "m.elf", "-lm"], cwd=tmp_path)
    assert ram_of(tmp_path) > ram + 500
