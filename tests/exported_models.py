"""Random models with rows to ask them, and how far an exported one's answers may be from theirs.

`reach` goes through a network with intervals instead of numbers: what a program that rounds to a
given precision can come to. It is no tolerance that was tried out: a sum of n products is some
n + 8 roundings of the sum of their sizes away from the true one, and a function that rises is
between its values at the ends. So a sigmoid of 1e308 has to be 1, whatever the error of 1e308.
"""

from __future__ import annotations

import math
import random
import warnings
from typing import NamedTuple

from random_networks import random_layers, with_random_numbers

import tinynn as nn
from tinynn import activations
from tinynn.errors import DataError
from tinynn.lesson import more_activations
from tinynn.lesson.more_activations import MORE_ACTIVATION_LAYERS
from tinynn.preprocessing import CategoryColumn, NumberColumn, TableEncoder
from tinynn.preprocessing.dates import DAY_FIRST, MONTH_FIRST, MONTHS, SPELLINGS
from tinynn.preprocessing.notation import Notation

KINDS = [
    nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.Softplus, nn.SiLU,
    nn.Softmax, nn.LogSoftmax, nn.Linear, nn.Dropout, nn.BatchNorm, nn.LayerNorm,
    *MORE_ACTIVATION_LAYERS, nn.PReLU, nn.GroupNorm,
]  # fmt: skip
EXTREMES = [
    1e308, -1e308, 1.7976931348623157e308, 1e-308, -1e-308, 5e-324, 0.0, -0.0, 1e154, -1e154, 1e38,
    -3.4e38, 1e39, 88.7, -103.9, 709.7, 709.8, -745.2, -746.0, 1e16, -27.3, 38.6, 0.46875, 4.0,
]  # fmt: skip
WORDS = [
    '"; import os #', "*/ system(); /*", "</script><!--", "??/", "a\\", "new\nline", "é ü", "日本",
    "🙂", "\u2028", "%s %n", "${x}", "`", "'", "int", "INT", "", " ", "__proto__", "constructor",
    "length", "nil", "3", "x-y", "x_y", "9 lives", "\\u0041", "\x7f\x01", "//", "$half$",
]  # fmt: skip


def network(rng, kinds=None):
    """Return a network of random layers with random numbers in all of them."""
    names = [rng.choice(["BatchNorm", "LayerNorm"])] if rng.random() < 0.2 else []
    names.append("Dense")
    for kind in kinds or [rng.choice(KINDS) for _ in range(rng.randint(0, 4))]:
        names.append(kind.__name__)
        names += ["Dense"] if rng.random() < 0.4 else []
    layers = random_layers(names, rng.randint(1, 5), rng)
    return with_random_numbers(nn.Sequential(*layers, seed=rng.randrange(2**32)), rng)


def network_rows(rng, model, count):
    """Return rows of numbers, some of them of extremes."""
    rows = [[rng.gauss(0, 3) for _ in range(model.inputs)] for _ in range(count)]
    for row in rows[count // 3 :]:
        for j in range(len(row)):
            if rng.random() < 0.5:
                row[j] = rng.choice(EXTREMES)
    return rows


# Tables

SPACES = [c for c in map(chr, range(0x3100)) if c.isspace()]
NO_SPACES = ["\u200b", "\ufeff", "\u180e", "\x1b", "\x84", "\x86", "\u2027", "\u2030"]


def written(rng, x, notation):
    """Return a number as a text in a notation, in one of its ways."""
    decimal, grouped, unit, _ = notation
    text = f"{abs(x):{',' if grouped else ''}.{rng.choice([1, 2])}f}"
    if decimal == ",":
        text = text.translate(str.maketrans(",.", ".,"))
    elif grouped and rng.random() < 0.3:
        text = text.replace(",", rng.choice(" '\u2019\u00a0\u202f"))
    ways = [f"{unit}{text}", f"{unit} {text}", f"{text} {unit}"] if unit else [text]
    text = rng.choice(ways[2:] if unit == "%" else ways)
    if x < 0:
        text = rng.choice([f"-{text}", f"({text})", f"{text}-", f"\u2212 {text}"])
    return f" {text}\t" if rng.random() < 0.2 else text


NOTATIONS = [
    Notation(".", True, "$", True), Notation(",", True, "€", True), Notation(".", False, "%", True),
    Notation(",", False, "kr", True), Notation(".", True, "", True), Notation(",", True, "", True),
]  # fmt: skip


def cells(rng, kind):
    """Return a cell as it may come in a column of that kind, in training."""
    if rng.random() < 0.15:
        return rng.choice([None, "", " NA ", float("nan"), "-999", -999])
    if isinstance(kind, Dates):
        return date_text(rng, *kind)
    if kind == "prose":
        return prose(rng)
    if isinstance(kind, Notation):
        return written(rng, rng.gauss(0, 3000), kind)
    if kind == "number":
        x = rng.choice([rng.gauss(10, 3), float(rng.randint(-5, 5)), 1e6 * rng.random()])
        return rng.choice([x, x, f" {x!r}\t", int(x)])
    if kind == "constant":
        return 7
    return rng.choice([*kind, 3, 0.25, 1e16, True])


PROSE = [
    "good", "bad", "not", "ärger", "straße", "éa", "σίσυφος", "ΣΑΣ", "наука", "中文", "中", "ÀÈ",
    "\u212a", "\u212b", "\u2126", "İi", "ıI", "ﬀ", "\u0391\u0301", "हिन्दी", "x", "k", "å",
    "ω", "𐐀𐐨", "ﻻ", "ꙀꙁK", "ǅ", "ẞ", "café", "cafe\u0301", "كتاب", "ひらがな", "한국어",
]  # fmt: skip


class Dates(NamedTuple):
    """The kind of a column of dates: the spelling, and what is behind each."""

    spelling: str
    clock: str


def date_text(rng, spelling, clock, odd=False):
    """Return a date in a spelling, perhaps with a time; an odd one may be wrong."""
    most = 32 if odd else 28
    name = rng.choice(MONTHS)
    name = rng.choice([name, name[:3], name.upper(), name[:4]] if odd else [name, name[:3]])
    parts = {
        "Y": f"{rng.randint(1980, 2040):04d}", "y": f"{rng.randint(0, 99):02d}", "B": name,
        "M": f"{rng.randint(1, 12)}", "m": f"{rng.randint(1, 12):02d}",
        "D": f"{rng.randint(1, most)}", "d": f"{rng.randint(1, most):02d}",
        " ": rng.choice([" ", "-", ". "]), ",": rng.choice([", ", "/"]),
    }  # fmt: skip
    day = "".join(parts.get(part, part) for part in spelling)
    h, rest = rng.randint(0, 23), f"{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
    time = {
        "": "", "hm": f"{h}:{rest[:2]}", "hms": f"{h:02d}:{rest}.{rng.randint(0, 9999)}",
        "half": f"{h % 12 + 1}:{rest} {rng.choice(['am', 'P.M.', 'pm'])}",
        "zone": f"{h:02d}:{rest}{rng.choice(['Z', ' UTC', '+02:00', '-0330', '+05'])}",
    }[clock]  # fmt: skip
    return day + (rng.choice([" ", "T", ", "]) if day and time else "") + time


def prose(rng):
    """Return a sentence of words with all kinds of letters and signs in them and between."""
    gaps = [" ", " ", ", ", "-", "’", "'", ". ", "\u3000", "\n", "—", "3", "_", "(", "🙂"]
    words = [rng.choice(PROSE) for _ in range(rng.randint(2, 8))]
    words = [rng.choice([word, word, word.upper(), word.title()]) for word in words]
    return "".join(word + rng.choice(gaps) for word in words)


def asked(kind):
    """Return the kind to ask an encoder for."""
    first = dict.fromkeys(DAY_FIRST, "day-first date")
    return {**first, **dict.fromkeys(MONTH_FIRST, "month-first date")}.get(kind.spelling, "date")


def garbled(rng, text):
    """Return a text with one character out, in, or another."""
    i = rng.randrange(len(text) + 1)
    letter = rng.choice(["", *text, *"0123456789 -/.,:+TZapm", "K", "ſ", "é", "\u2003"])
    return text[:i] + letter + text[i + rng.randint(0, 1) :]


ODD = [
    "abc", "1_0", "١٢", "1.234,5", "1,5", "inf", "-Infinity", "nan", "NAN", "0x10", "1e400",
    " 2e3 ", "\x1c4\u3000", "\ufeff5", "+.5", "5.", ".", "1e", "\x855\xa0", "ı", "ınf", "９", "--1",
    "1 2", "𝟗", float("inf"), float("-inf"), True, False, 10**20, -(10**400), 1e15, 1e22, 1e-5,
    1e-7, 123456.789, 1.5e300, -0.0, "-0.0", "3.0", "True", "1e+16", "(missing)", None, "", "\t",
    "NA", "$5", "-$5", "$-5", "5 $", "$5.", "$.5", "$$5", "$5$", "5%", "5 %", "(5)", "(-5)", "(5%)",
    "$(1,2.5)", "12-", "-12-", "\u22127", "+ 8", "1,234", "1.234", "1,234.5", "12,34,567", "1'234",
    "1\u00a0234,5", "0,123", "0.123", "01,234", "1,23", "12 €-", "€1.234,50", "kr 3", "kr.3", "3kr",
    "1,,234", "1,234,", ",234", "1.234.567", "1 234 56", "(5", "5)", "()", "$", "%", "-", "--5",
    "5.0", "-3.0", ".0", "-.0", "3.00", "x.0", "9" * 400, "9" * 400 + ",5",
]  # fmt: skip


def table_rows(rng, kinds, count):
    """Return rows as no training may have seen them."""
    rows = [[cells(rng, kind) for kind in kinds] for _ in range(count)]
    for row in rows[count // 4 :]:
        j = rng.randrange(len(row))
        word = rng.choice(kinds[j] if isinstance(kinds[j], list) else WORDS)
        if kinds[j] == "prose" and rng.random() < 0.8:
            row[j] = garbled(rng, prose(rng))
            continue
        if isinstance(kinds[j], Dates) and rng.random() < 0.8:
            odd = date_text(rng, *kinds[j], odd=True)
            row[j] = garbled(rng, odd) if rng.random() < 0.7 else odd
            continue
        row[j] = rng.choice([*ODD, *EXTREMES, word, f"\u2003{word}\n", word + "\u200b"])
    return rows


def spaced():
    """Return an estimator of two kinds, and rows with what is a space around them, or is none."""
    rows = [["red"], ["blue"]] * 10
    model = nn.Classifier((2,), max_iter=2, random_state=0)
    quietly(model.fit, rows, [0, 1] * 10)
    around = [*SPACES, *NO_SPACES]
    return model, [[f"{c}{c}red{d}"] for c, d in zip(around, reversed(around))]


def dates(rng):
    """Return a kind of dates."""
    spelling = rng.choice(SPELLINGS)
    return Dates(spelling, rng.choice(["", "hm", "hms", "half", "zone"] if spelling else ["hm"]))


def estimator(rng):
    """Return a fitted estimator of a random table, and the kinds of its columns."""
    kinds = [
        rng.choice(
            [
                "number", "constant", rng.sample(WORDS, 5), rng.choice(NOTATIONS),
                rng.choice(NOTATIONS), dates(rng), "prose",
            ]
        )
        for _ in range(rng.randint(1, 7))
    ] + ["number"]  # fmt: skip
    encoder = TableEncoder(
        names=rng.sample(WORDS, len(kinds)),
        kinds={
            j: "words" if kind == "prose" else "category" if isinstance(kind, list) else asked(kind)
            for j, kind in enumerate(kinds)
            if isinstance(kind, (list, Dates)) or kind == "prose"
        },
        scaling=rng.choice(["standard", "minmax", None]),
        missing=rng.choice([("NA", -999), ("NA", "-999", "inf"), ("NA", "-999", "\u2028")]),
        missing_indicator=rng.random() < 0.5,
        missing_category=rng.choice(["own", "most_frequent"]),
        decimal=rng.choice([".", ","]),
        max_kinds=rng.choice([3, 50]),
        not_missing=rng.choice([(), ("NA",)]),
    )
    rows = [[cells(rng, kind) for kind in kinds] for _ in range(30)]
    if encoder.decimal == ",":
        rows = [
            [
                c.replace(".", ",") if isinstance(c, str) and kind == "number" else c
                for c, kind in zip(row, kinds)
            ]
            for row in rows
        ]
    settings = {
        "hidden_layer_sizes": (rng.randint(1, 6),),
        "activation": rng.choice(["relu", "gelu", "silu", "tanh"]),
        "max_iter": 2, "random_state": 0, "encoder": encoder,
    }  # fmt: skip
    shape = rng.randrange(6)
    if shape < 2:
        small = [{"loss": "poisson"}] * (encoder.scaling is not None)
        kind = rng.choice([{}, {"log_target": True}, *small])
        model = nn.Regressor(**settings, **kind)
        targets = [[abs(rng.gauss(5, 2)) for _ in range(1 + shape)] for _ in rows]
        if rng.random() < 0.3:
            targets[0] = [0.0] * len(targets[0])
    else:
        model = nn.Classifier(**settings)
        labels = rng.choice(
            [
                rng.sample(WORDS, 4),
                [0, 1, 7],
                [0.5, -1e-7, 2.0],
                [True, False],
                [1, "1", 2**70 + 1, 1.5],
            ]
        )
        labels = labels[: 2 if shape == 2 else 4]
        targets = [labels[i % len(labels)] for i in range(len(rows))]
        if shape == 5:
            targets = [[rng.randint(0, 1) for _ in range(3)] for _ in rows]
    quietly(model.fit, rows, targets)
    for j, column in enumerate(model.encoder_.columns):
        if rng.random() < 0.25 and isinstance(column, NumberColumn):
            model.encoder_.columns[j] = column._replace(median=None)
        elif rng.random() < 0.25 and isinstance(column, CategoryColumn):
            model.encoder_.columns[j] = column._replace(strict=True, fill=None)
    return model, kinds


def quietly(fit, *data):
    """Fit a model that is not meant to converge, and return it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit(*data)


def numbered():
    """Return an estimator of kinds that are numbers and labels of several types, and rows."""
    kinds = [0.1, 1e-4, 9e-5, 1e-7, 999999999999999.0, 1e15, 1e16, 1e22, 123456.789, -0.0, 5e-324]
    kinds += [True, 2**60, "1e-07", "1e15"]
    labels = [1, "1", 2**70 + 1, 1.5, -1]
    encoder = TableEncoder(kinds={0: "category"})
    model = nn.Classifier((3,), max_iter=2, random_state=0, encoder=encoder)
    quietly(model.fit, [[kind] for kind in kinds], [labels[i % 5] for i in range(len(kinds))])
    return model, [[kind] for kind in [*kinds, False, 2**61, math.inf, -math.inf, 0.0, 1e-8]]


def in_notations():
    """Return an estimator of a column in each notation, and rows with each odd text in each."""
    rng = random.Random(0)
    rows = [[written(rng, rng.gauss(0, 3000), way) for way in NOTATIONS] for _ in range(40)]
    model = quietly(nn.Classifier((2,), max_iter=2, random_state=0).fit, rows, [0, 1] * 20)
    texts = [*filter(lambda cell: isinstance(cell, str), ODD), "1,2345,678", "kr,3"]
    for text in texts:
        for j in range(len(NOTATIONS)):
            row = list(rows[0])
            row[j] = text
            rows.append(row)
    return model, rows


def refused(model, row, largest=math.inf):
    """Return the number of the first column that refuses its cell, or None.

    One that gives a number beyond `largest` does so, too: that does not fit a float.
    """
    for j, column in enumerate(model.encoder_.columns):
        try:
            found = column.encode([row[j]], 0, "", model.encoder_.reader)
        except DataError:
            return j
        if any(abs(x) > largest for (x,) in found.columns):
            return j
    return None


# What rounding allows

RISING = {
    "Sigmoid": activations.sigmoid, "Tanh": math.tanh, "ReLU": activations.relu,
    "LeakyReLU": activations.leaky_relu, "ELU": activations.elu, "SELU": activations.selu,
    "Softplus": activations.softplus, "Hardsigmoid": more_activations.hardsigmoid,
    "ReLU6": nn.ReLU6.function, "Clip": more_activations.clip,
    "Softsign": more_activations.softsign, "CELU": more_activations.celu,
    "LogSigmoid": more_activations.log_sigmoid,
}  # fmt: skip
SETTINGS = {"LeakyReLU": 1, "ELU": 1, "CELU": 1, "Clip": 2}  # how many numbers they take
# Functions that fall to a least value and rise then: that value, and where it is.
VALLEYS = {
    "GELU": (activations.gelu, nn.GELU.low, -0.7517915246935645),
    "SiLU": (activations.silu, nn.SiLU.low, -1.2784645427610738),
    "Mish": (more_activations.mish, nn.Mish.low, -1.1924312145154952),
    "Hardswish": (more_activations.hardswish, nn.Hardswish.low, -1.5),
    "TanhGELU": (more_activations.tanh_gelu, nn.TanhGELU.low, -0.7524614220710163),
}


def widened(lows, highs, relative, absolute):
    """Return intervals made longer at both ends by a share of the number there, and a bit."""
    return (
        [low - abs(low) * relative - absolute for low in lows],
        [high + abs(high) * relative + absolute for high in highs],
    )


def reach(description, x, u, tiny, largest):
    """Return the least and largest that each output can be, or None if that leaves the floats.

    `u` is half of the gap after 1, `tiny` and `largest` the ends of the type; x are the inputs as
    exact as they are known. Functions of a mathematical library are taken to err by at most 4 gaps.
    """
    lows, highs = widened(x, x, u, tiny)
    if any(abs(v) > largest for v in x):
        return None
    for plan, values in description.layers:
        kind, n, number = plan.kind, plan.inputs, plan.number
        error = 2 * u
        if kind == "Dense":
            b = values.get("b", [[0.0] * len(values["W"][0])])[0]
            sizes = [max(abs(a), abs(c)) for a, c in zip(lows, highs)]
            sums = [
                (
                    sum(w * (low if w > 0 else high) for w, low, high in zip(W, lows, highs)) + b_j,
                    sum(w * (high if w > 0 else low) for w, low, high in zip(W, lows, highs)) + b_j,
                    sum(abs(w) * size for w, size in zip(W, sizes)) + abs(b_j),
                )
                for W, b_j in zip(zip(*values["W"]), b)
            ]
            away = [(n + 8) * u * size + n * tiny for _, _, size in sums]
            lows = [low - e for (low, _, _), e in zip(sums, away)]
            highs = [high + e for (_, high, _), e in zip(sums, away)]
            if any(size > largest for _, _, size in sums):
                return None
        elif kind == "Affine":
            gamma, beta = values["gamma"][0], values["beta"][0]
            ends = [sorted((g * a, g * c)) for g, a, c in zip(gamma, lows, highs)]
            sizes = [max(abs(a), abs(c)) + abs(b) for (a, c), b in zip(ends, beta)]
            if any(size > largest for size in sizes):
                return None
            lows = [a + b - 6 * u * size - tiny for (a, _), b, size in zip(ends, beta, sizes)]
            highs = [c + b + 6 * u * size + tiny for (_, c), b, size in zip(ends, beta, sizes)]
        elif kind == "LayerNorm":
            ends = _standardized(lows, highs, number, values, u)
            if ends is None:
                return None
            lows, highs = ends
        elif kind == "GroupNorm":
            size = n // int(plan.second)
            parts = [slice(k, k + size) for k in range(0, n, size)]
            found = [
                _standardized(
                    lows[at], highs[at], number, {k: [v[0][at]] for k, v in values.items()}, u
                )
                for at in parts
            ]
            if None in found:
                return None
            lows, highs = ([v for part in found for v in part[end]] for end in (0, 1))
        elif kind == "PReLU":
            ends = [
                sorted(
                    (activations.leaky_relu(a, s), activations.leaky_relu(c, s), 0.0)[
                        : 2 + (a < 0 < c)
                    ]
                )
                for a, c, s in zip(lows, highs, values["slope"][0])
            ]
            lows, highs = [e[0] for e in ends], [e[-1] for e in ends]
        elif kind == "Softmax":
            pairs = [
                (math.exp(-_log_total(lows[i], highs, i)), math.exp(-_log_total(highs[i], lows, i)))
                for i in range(n)
            ]
            # An exponent's rounding is the power's, too; below -750 the power is 0.
            error = (2 * n + 20 + 4 * min(max(highs) - min(lows), 750.0)) * u
            lows, highs = [a for a, _ in pairs], [c for _, c in pairs]
        elif kind == "LogSoftmax":
            pairs = [
                (-_log_total(lows[i], highs, i), -_log_total(highs[i], lows, i)) for i in range(n)
            ]
            size = max(map(abs, [*lows, *highs]))
            away = (n + 10) * u + 4 * u * size
            lows, highs = [a - away for a, _ in pairs], [c + away for _, c in pairs]
        elif kind in VALLEYS:
            f, least, bottom = VALLEYS[kind]
            ends = [(f(a), f(c), a < bottom < c) for a, c in zip(lows, highs)]
            # One factor may be as small as floats get, and the other one x.
            tail = 4 * tiny * min(max(map(abs, [*lows, *highs])), 1e4)
            lows = [least if inside else min(a, c) - tail for a, c, inside in ends]
            highs = [max(a, c) + tail for a, c, _ in ends]
            error = 16 * u
        else:
            f = RISING[kind]
            extra = (number, plan.second)[: SETTINGS.get(kind, 0)]
            lows, highs = [f(a, *extra) for a in lows], [f(c, *extra) for c in highs]
            error = 16 * u
        lows, highs = widened(lows, highs, error, 2 * tiny)
        if not all(abs(v) < largest for v in [*lows, *highs]):
            return None
    return lows, highs


def _log_total(z, others, i):
    """Return log Σⱼ e^(zⱼ − zᵢ) for zᵢ = z, and the others as given."""
    powers = [0.0 if j == i else other - z for j, other in enumerate(others)]
    top = max(powers)
    return top + math.log(sum(math.exp(power - top) for power in powers))


def _standardized(lows, highs, eps, values, u):
    n = len(lows)
    x = [0.5 * a + 0.5 * c for a, c in zip(lows, highs)]
    mean = sum(x) / n
    variance = sum((v - mean) * (v - mean) for v in x) / n
    if not variance < 1e300:
        return None
    deviation = math.sqrt(variance + eps)
    off = max(0.5 * c - 0.5 * a for a, c in zip(lows, highs))
    off += (n + 6) * 2.0**-53 * max(map(abs, x))
    # The derivatives of (x - mean) / deviation by all x add up to less than (2 + √n) / deviation;
    # twice that for what is not linear, and none is further than √n from 0.
    off *= 2 * (2 + math.sqrt(n)) / deviation
    ends = [
        (
            max((v - mean) / deviation - off, -math.sqrt(n)),
            min((v - mean) / deviation + off, math.sqrt(n)),
        )
        for v in x
    ]
    gamma, beta = values["gamma"][0], values["beta"][0]
    pairs = [sorted((g * a, g * c)) for g, (a, c) in zip(gamma, ends)]
    sizes = [max(abs(a), abs(c)) + abs(b) for (a, c), b in zip(pairs, beta)]
    return (
        [a + b - 12 * u * size for (a, _), b, size in zip(pairs, beta, sizes)],
        [c + b + 12 * u * size for (_, c), b, size in zip(pairs, beta, sizes)],
    )
