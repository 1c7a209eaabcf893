"""Texts as sequences for a network: lines, or one long text, cut into windows.

A list of lines: a line is the sequence end, c₁ … cₙ, end. The network learns to predict each kind
from those before, so the inputs are all but the last, the targets all but the first. What is longer
than a network has steps is cut into windows, one after another: each kind is predicted once, and
the first of a later window from the one before it alone.

One text: each window begins with `end`, which stands for whatever was before, and has no end.
"""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple, Sequence, Union

from ...checks.words import counted, excerpt
from ...errors import DataError
from ...lesson.random_streams import stream
from ...training.sequence_data import SequenceData
from .vocabulary import Vocabulary

Text = Union[str, Sequence[str]]
MOST_STEPS = 64  # by default, for one text and for long lines


class TextWindows(NamedTuple):
    """Sequences for a network: the kinds that go in, and for each the kind that follows."""

    inputs: list[list[int]]
    targets: list[list[int]]

    @property
    def size(self) -> int:
        """How many kinds there are to predict."""
        return sum(map(len, self.targets))


def checked_text(text: object, who: str) -> Text:
    """Return one text, or lines as a list. Raises DataError for anything else, or for none."""
    if isinstance(text, str):
        if not text:
            raise DataError(f"{who} needs a text of at least one character, got an empty one")
        return text
    if isinstance(text, (bytes, bytearray)) or not isinstance(text, Iterable):
        raise DataError(f"{who} needs a list of lines, or one text, got {excerpt(text)}")
    lines: list[Any] = list(text)
    for i, line in enumerate(lines):
        if not isinstance(line, str):
            raise DataError(f"{who} needs lines of text, got {excerpt(line)} in line {i + 1}")
    if not lines:
        raise DataError(f"{who} needs at least one line, got none")
    return lines


def usual_most_steps(text: Text) -> int:
    """Return how many steps a network for this text has by default: as many as the longest line
    with its end, or a tenth of one text, but at most 64."""
    if isinstance(text, str):
        return max(2, min(MOST_STEPS, len(text) // 10))
    return max(2, min(MOST_STEPS, max(map(len, text)) + 1))


def windows(
    text: Text, vocabulary: Vocabulary, most_steps: int, name: str, numbers: Sequence[int] = ()
) -> TextWindows:
    """Return a text as sequences of at most so many steps; messages call it `name`.

    `numbers` are those of the lines, if they are not 1, 2, 3 and so on.
    Raises DataError, naming line and column, for a character that is unknown.
    """
    found = TextWindows([], [])
    end = [vocabulary.end]
    if isinstance(text, str):
        kinds = vocabulary.encode(text, name)
        for start in range(0, len(kinds), most_steps):
            part = kinds[start : start + most_steps]
            found.inputs.append(end + part[:-1])
            found.targets.append(part)
        return found
    for i, line in enumerate(text):
        kinds = vocabulary.encode(line, name, numbers[i] if numbers else i + 1)
        inputs, targets = end + kinds, kinds + end
        for start in range(0, len(inputs), most_steps):
            found.inputs.append(inputs[start : start + most_steps])
            found.targets.append(targets[start : start + most_steps])
    return found


def as_data(shown: TextWindows, kinds: int) -> SequenceData:
    """Return windows as rows for training.

    All steps of one kind share a row of inputs, and one of targets: with rows of its own, a
    character would take more than a kilobyte.
    """
    inputs = [[float(k)] for k in range(kinds)]
    targets = [[float(k == j) for j in range(kinds)] for k in range(kinds)]
    made: Any = SequenceData  # whose rows are lists of rows
    X, T = (
        [[rows[k] for k in steps] for steps in sequences]
        for rows, sequences in ((inputs, shown.inputs), (targets, shown.targets))
    )
    return made(X, T, None)  # type: ignore[no-any-return]


def split(text: Text, share: float, seed: int, least: int, who: str) -> tuple[Text, Text]:
    """Return two parts of a text, the second of about this share of it.

    Lines are drawn at random, equal ones into the same part, so that none of the second part has
    been seen in the first. Of one text, the second part is its end; both have at least so many
    characters. Raises DataError if there are too few lines or characters.
    """
    if isinstance(text, str):
        cut = min(round(len(text) * (1.0 - share)), len(text) - least)
        if cut < least:
            raise DataError(
                f"{who} needs at least {counted(2 * least, 'character')} to hold some out, got "
                f"{len(text):,}"
            )
        return text[:cut], text[cut:]
    different = sorted(set(text))
    if len(different) < 2:
        raise DataError(
            f"{who} needs at least two different lines to hold some out, got {len(different)}"
        )
    stream(seed).shuffle(different)
    counts: dict[str, int] = {}
    for line in text:
        counts[line] = counts.get(line, 0) + 1
    apart: set[str] = set()
    left = max(1.0, round(share * len(text)))
    for line in different[:-1]:
        if left <= 0:
            break
        apart.add(line)
        left -= counts[line]
    kept = [line for line in text if line not in apart]
    return kept, [line for line in text if line in apart]
