"""Free text in tables: what a word is, when text is free text, and what it becomes."""

from __future__ import annotations

import json
import math
import random
import unicodedata

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.errors import DataError, FormatError
from tinynn.preprocessing import TableEncoder, WordsColumn, words_column as module
from tinynn.preprocessing.words import cases, is_letter, lowered, words_of


def reviews(rows, seed=0):
    """Return made-up reviews, and whether each is good."""
    rng = random.Random(seed)
    texts, labels = [], []
    for _ in range(rows):
        good = rng.random() < 0.5
        words = ["the", "a", "it", "was", "product", "shipped", "quickly"]
        words += ["good", "great", "love"] if good else ["bad", "poor", "broken"]
        texts.append(" ".join(rng.choice(words) for _ in range(12)))
        labels.append("yes" if good else "no")
    return texts, labels


def column(cells, kind=None, **settings):
    encoder = TableEncoder(kinds={"x": kind} if kind else {}, names=["x", "y"], **settings)
    return encoder.fit([[cell, i] for i, cell in enumerate(cells)]).columns[0]


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Good, VERY good!", ["good", "very", "good"]),
        ("don't — “l’été”", ["don", "t", "l", "été"]),
        ("3D x2y_z", ["d", "x", "y", "z"]),
        ("Straße ÄRGER ΣΊΣΥΦΟΣ наука", ["straße", "ärger", "σίσυφοσ", "наука"]),
        ("हिन्दी भाषा।", ["हिन्दी", "भाषा"]),
        ("كتاب، قلم", ["كتاب", "قلم"]),
        ("中文 ひら 한국어", ["中", "文", "ひ", "ら", "한국어"]),
        ("İstanbul Kelvin🙂x", ["istanbul", "kelvin", "x"]),
        ("cafe\u0301 ok", ["cafe\u0301", "ok"]),
        ("1 2, 3.", []),
    ],
)
def test_words(text, words):
    assert words_of(text) == words


@given(st.text())
def test_a_text_in_lower_case_is_that_of_its_characters(text):
    assert lowered(text) == "".join([cases().get(c, c) for c in text])


def test_letters_are_mostly_those_of_unicode():
    """Of 140,000 letters and marks nearly all count, and no punctuation of the usual scripts."""
    every = [chr(code) for code in range(0x20000)]
    letters = [c for c in every if unicodedata.category(c)[0] == "L"]
    assert sum(is_letter(lowered(c)) for c in letters) > 0.99 * len(letters)
    signs = [c for c in every[:0x590] + every[0x2000:0x2C00] if unicodedata.category(c)[0] in "PZ"]
    assert [c for c in signs if is_letter(c)] == []
    assert not any(is_letter(c) for c in every if c.isascii() and not c.islower())


# --- what is guessed ------------------------------------------------------------------------------


def test_sentences_are_found_and_said():
    texts, _ = reviews(200)
    found = column([*texts, None])
    assert isinstance(found, WordsColumn)
    assert found.words == [
        "a", "bad", "broken", "good", "great", "it", "love", "poor", "product", "quickly",
        "shipped", "the", "was",
    ]  # fmt: skip
    assert found.counts == [sum(w in t.split() for t in texts) for w in found.words]
    often = sorted(found.words, key=lambda word: -found.counts[found.words.index(word)])[:5]
    assert found.describe() == (
        f"free text, as counts of 13 words ({', '.join(map(repr, often))}, …); 1 missing cell with "
        "none and marked in a column: sentences whose words come again"
    )
    assert found.feature_names()[-2:] == ["x: was", "x missing"]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([f"user {i} of the list" for i in range(100)], "identifier"),
        ([f"room {i} {'with' if i % 3 else 'without'} a view" for i in range(100)], "words"),
        ([f"item{i}" for i in range(100)], "identifier"),
        ([f"{i:08x}-{i * 77:04x}-{i * 3:04x}" for i in range(100)], "identifier"),
        ([f"+49 {i} {i * 7}" for i in range(100)], "identifier"),
        ([f"{chr(97 + i % 26)}{chr(97 + i // 26)} xy" for i in range(100)], "identifier"),
        (["one of the few", "the other of them"] * 50, "category"),
        ([f"kind {i % 60} of them" for i in range(600)], "category"),
        ([f"q{a}z w{b}z e{c}z".translate(str.maketrans("0123456789", "abcdefghij"))
          for a, b, c in [(i, i + 100, i + 200) for i in range(100)]], "identifier"),
    ],
)  # fmt: skip
def test_what_is_free_text(cells, kind):
    assert column(cells).kind == kind


def test_words_in_all_cells_or_in_one_are_left_out():
    cells = ["all of a", "all of b", "all or a", "all or b", "all in once"]
    found = column(cells, "words")
    assert dict(zip(found.words, found.counts)) == {"a": 2, "b": 2, "of": 2, "or": 2}
    assert found.reason == "as asked"


def test_the_words_that_vary_most_are_kept(monkeypatch):
    monkeypatch.setattr(module, "LEAST_WORDS", 3)
    monkeypatch.setattr(module, "MOST_WORDS", 3)
    cells = [f"{'often ' * (i % 10 < 9)}{'half ' * (i % 2)}{'third ' * (i % 3 < 1)}"
             f"{'rare ' * (i % 30 < 1)}{'quarter ' * (i % 4 < 1)}" for i in range(60)]  # fmt: skip
    assert column(cells, "words").words == ["half", "quarter", "third"]


def test_an_encoded_text_is_the_logarithm_of_its_counts():
    encoder = TableEncoder(names=["x"], kinds={"x": "words"})
    encoder.fit([["good good bad"], ["Good"], ["bad ok"], [None]])
    rows, missing, unseen = encoder.encode([["BAD bad, bad good new"], ["ok"], [None], [3]])
    assert encoder.feature_names_out() == ["x: bad", "x: good", "x missing"]
    assert rows[0] == pytest.approx([math.log(4), math.log(2), 0.0])
    assert rows[1:] == [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    assert missing == {"x": 1} and unseen == {}


def test_text_without_common_words_is_refused_if_asked_for():
    with pytest.raises(DataError) as raised:
        column(["a", "b"], "words")
    assert str(raised.value) == (
        "column 'x' needs words that come in several of its texts, got none; give kinds={'x': "
        "'drop'} to leave it out"
    )


# --- the same by every way ------------------------------------------------------------------------


def test_a_stream_is_read_as_a_table_is():
    texts, _ = reviews(6000)
    for i in range(0, 6000, 97):
        texts[i] = [None, "", texts[i + 1]][i % 3]
    rows = [[text, i] for i, text in enumerate(texts)]
    whole = TableEncoder(names=["x", "y"]).fit(rows)
    parts = TableEncoder(names=["x", "y"])
    for start in range(0, 6000, 500):
        parts.partial_fit(rows[start : start + 500])
    assert isinstance(whole.columns[0], WordsColumn)
    assert whole.columns[0] == parts.columns[0]
    every = whole.encode(rows[:200]).rows
    assert every == [whole.encode([row]).rows[0] for row in rows[:200]]
    saved = TableEncoder.from_dict(json.loads(json.dumps(whole.to_dict())))
    assert saved.columns == whole.columns and saved.transform(rows[:200]) == every


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "WORDS", 500)
    rng = random.Random(0)
    letters = "abcdefghijklmnop"
    cells = [
        f"good {'bad' if i % 3 else 'ok'} {''.join(rng.choice(letters) for _ in range(6))}"
        for i in range(9000)
    ]
    encoder = TableEncoder(kinds={0: "words"})
    for start in range(0, 9000, 300):
        encoder.partial_fit([[cell] for cell in cells[start : start + 300]])
    assert len(encoder._summaries[0].prose.counts) <= 500 + 300 * 3
    found = dict(zip(encoder.columns[0].words, encoder.columns[0].counts))
    assert found["bad"] == 6000 and found["ok"] == 3000


def test_a_classifier_learns_from_words():
    texts, labels = reviews(400)
    model = nn.Classifier((8,), learning_rate_init=0.05, max_iter=30, random_state=0)
    model.fit([[text] for text in texts[:300]], labels[:300])
    assert model.score([[text] for text in texts[300:]], labels[300:]) > 0.97


@pytest.mark.parametrize("changes", [{"words": []}, {"words": ["a", "a"]}, {"counts": [1]}])
def test_a_damaged_file_is_refused(changes):
    state = TableEncoder(kinds={0: "words"}).fit([["a b"], ["a"], ["b c"]]).to_dict()
    state["columns"][0].update(changes)
    with pytest.raises(FormatError) as raised:
        TableEncoder.from_dict(state)
    assert str(raised.value) == (
        "column 0 of a saved TableEncoder needs different words, each with a count"
    )
