"""A column of free text: what is counted of it, and its encoding as counts of its words."""

from __future__ import annotations

from collections import Counter
from math import log
from typing import Any, Mapping, NamedTuple, Sequence

from ..checks.words import counted
from ..lesson.matrix import Vector
from .cells import Found, Reader, texts_of
from .words import words_of

# How many words to encode. On 2,500 descriptions of functions in four libraries, 50 words give an
# accuracy of 0.59, 100 0.68, 200 0.72, 500 0.78; on 300 of them, 0.54, 0.59, 0.64, 0.71. There,
# counts weighted by the rarity of a word, or scaled to the length of a text, were no better.
MOST_WORDS, LEAST_WORDS = 500, 200
_NUMBERS = 10_000_000  # in a table in memory; with more rows, fewer words
LEAST_CELLS = 2  # that have a word which is encoded
WORDS = 20_000  # different words counted in a column
_SEVERAL = 3  # words of a text that is a sentence rather than a name
_PATIENCE = 100  # texts, until a column of few sentences is given up
_PART = 256  # texts looked at before giving up


class WordTally:
    """Statistics of the texts of a column as sentences, in one pass and in bounded memory.

    cells:    the number of texts so far
    several:  how many of them have several words with blanks between
    counts:   the number of cells with each word; beyond WORDS words, the rarer half is forgotten
    """

    def __init__(self) -> None:
        self.cells = self.several = 0
        self.counts: Counter[str] = Counter()

    @property
    def hopeless(self) -> bool:
        """Whether it is clear that the column does not hold sentences."""
        return self.cells >= _PATIENCE and 2 * self.several < self.cells

    def add(self, texts: Mapping[str, tuple[int, int]], guess: bool) -> None:
        """Add different texts, each with the number of its cells and the row of the first.

        To `guess` what the column is, it stops where that is no longer open.
        """
        for i, (text, (count, _)) in enumerate(texts.items()):
            if guess and not i % _PART and self.hopeless:
                return
            words = set(words_of(text))
            self.cells += count
            if len(words) >= _SEVERAL and text.count(" ") >= _SEVERAL - 1:
                self.several += count
            self.counts.update(words if count == 1 else dict.fromkeys(words, count))
        if len(self.counts) > WORDS:
            self.counts = Counter(dict(self.counts.most_common(WORDS // 2)))

    def chosen(self) -> dict[str, int]:
        """Return the words to encode, in order, and the number of cells with each.

        They are those whose presence p (1 − p) varies most: words in nearly all cells, or in few,
        tell least.
        """
        most = max(LEAST_WORDS, min(MOST_WORDS, _NUMBERS // max(self.cells, 1)))
        telling = {
            word: count * (self.cells - count)
            for word, count in self.counts.items()
            if LEAST_CELLS <= count < self.cells
        }
        best = sorted(telling, key=lambda word: (-telling[word], word))[:most]
        return {word: self.counts[word] for word in sorted(best)}

    @property
    def is_prose(self) -> bool:
        """Whether most texts are sentences, of words of which most come again, but not always."""
        counts = [count for count in self.counts.values() if count < 0.9 * self.cells]
        shared = sum(count for count in counts if count >= LEAST_CELLS)
        return 2 * self.several >= self.cells and 0 < sum(counts) <= 2 * shared


class WordsColumn(NamedTuple):
    """Free text, encoded as log(1 + n) for each of `words`, of which the text has n.

    Words are those of words.py. Missing cells have none; with `indicator`, the last column is 1 for
    them, else 0. `counts` has the number of cells with each word; `missing` and `rows` count the
    missing cells and all cells.
    """

    name: str
    reason: str
    words: list[str]
    counts: list[int]
    indicator: bool
    missing: int
    rows: int

    @property
    def kind(self) -> str:
        return "words"

    @property
    def asked(self) -> str:
        """The kind to ask for to read other rows alike."""
        return self.kind

    @property
    def width(self) -> int:
        """The number of encoded columns."""
        return len(self.words) + self.indicator

    def feature_names(self) -> list[str]:
        """Return the names of the encoded columns."""
        names = [f"{self.name}: {word}" for word in self.words]
        return [*names, f"{self.name} missing"] if self.indicator else names

    def encode(self, cells: Sequence[Any], row: int, label: str, reader: Reader) -> Found:
        """Return the encoded columns of cells that begin in row `row`.

        Raises DataError, naming the row, for cells that are neither numbers nor text.
        """
        columns: list[Vector] = [[0.0] * len(cells) for _ in range(self.width)]
        column_of = dict(zip(self.words, columns))
        missing = 0
        for i, text in enumerate(texts_of(cells, row, label, reader.of_texts())):
            if text is None:
                missing += 1
                if self.indicator:
                    columns[-1][i] = 1.0
                continue
            for word, n in Counter(words_of(text)).items():
                if word in column_of:
                    column_of[word][i] = log(1.0 + n)
        return Found(columns, missing, {})

    def often(self) -> list[str]:
        """Return the words, the most frequent first."""
        count_of = dict(zip(self.words, self.counts))
        return sorted(self.words, key=lambda word: -count_of[word])

    def describe(self) -> str:
        """Return a description of the encoding and the reason for it."""
        often = self.often()
        shown = ", ".join(map(repr, often[:5])) + (", …" if len(often) > 5 else "")
        text = f"free text, as counts of {counted(len(often), 'word')} ({shown})"
        if self.missing:
            text += f"; {counted(self.missing, 'missing cell')} with none"
            if self.indicator:
                text += " and marked in a column"
        return f"{text}: {self.reason}"


def words_column(
    tally: WordTally, name: str, reason: str, indicator: bool, missing: int, rows: int
) -> WordsColumn:
    """Return the encoding of a column of free text."""
    chosen = tally.chosen()
    return WordsColumn(
        name, reason, list(chosen), list(chosen.values()), indicator and missing > 0, missing, rows
    )
