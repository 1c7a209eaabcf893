"""What a text model knows of the text it was trained on, and its attributes after `fit`."""

from __future__ import annotations

from typing import Callable, NamedTuple, Union

from ...checks.stored import is_count, is_real, is_text
from ...checks.words import excerpt
from ...errors import FormatError
from ...lesson.network import Sequential
from ...training.history import History
from ..parameters import Adjustable
from .vocabulary import Vocabulary

Architecture = Union[str, Callable[[int], Sequential]]


class TextAbout(NamedTuple):
    """What a model file says about the text.

    source:     the name of the file
    lines:      how many lines it has
    characters: how many characters
    tested:     how many lines, or characters of one text, the model was tested on; 0 if on none
    loss:       its loss on them; `frequency_loss`: that of a model that only knows how frequent
                each character is
    """

    source: str
    lines: int
    characters: int
    tested: int
    loss: float | None
    frequency_loss: float | None

    @classmethod
    def from_dict(cls, data: object, name: str) -> TextAbout:
        """Return what `_asdict` described. Raises FormatError for anything else."""
        if not isinstance(data, dict) or set(data) != set(cls._fields):
            raise FormatError(f"{name} needs {', '.join(cls._fields)}")
        found = cls(**data)
        if not is_text(found.source):
            raise FormatError(f"{name}: source needs to be text, got {excerpt(found.source)}")
        for key in ("lines", "characters", "tested"):
            if not is_count(data[key]):
                raise FormatError(
                    f"{name}: {key} needs to be a whole number, got {excerpt(data[key])}"
                )
        for key in ("loss", "frequency_loss"):
            if data[key] is not None and not (is_real(data[key]) and data[key] >= 0):
                raise FormatError(
                    f"{name}: {key} needs to be a number of at least 0, or null, got "
                    f"{excerpt(data[key])}"
                )
        return found


class FittedText(Adjustable):
    """A text model with the attributes that `fit` sets."""

    kind = "text"
    network: Architecture
    network_: Sequential
    vocabulary_: Vocabulary
    history_: History
    most_steps_: int
    whole_: bool
    counts_: list[int]
    about_: TextAbout | None
