"""The smallest GPT at work: it learns lines, letter by letter, while the page watches.

The network, its training and what it writes are those of `nn.text`; here they come in slices of
some milliseconds, with pictures of what the network does with a word.
"""

from __future__ import annotations

import time
from random import Random
from typing import Any, Sequence, cast

from ...checks.words import counted, excerpt
from ...engines.sequence_plans import with_parts
from ...errors import DataError
from ...estimators.text.generation import Draw
from ...estimators.text.model import TextModel
from ...estimators.text.vocabulary import Vocabulary
from ...estimators.text.windows import as_data, split, usual_most_steps
from ...lesson.adam import Adam
from ...lesson.attention import MultiHeadAttention
from ...lesson.losses import CategoricalCrossEntropy
from ...lesson.matrix import Matrix
from ...training.sequence_data import SequenceData
from ...training.trainer import Trainer
from .first_names import FIRST_NAMES
from .networks import short
from .session import LONGEST_TURN, Answer, Session
from .settings import WHO, whole

END = "⏎"  # how the page writes the kind that begins and ends a line
TEMPERATURES = (0.3, 0.7, 1.2)
WRITTEN = 5  # lines at each temperature
BATCH, RATE = 4, 0.01
MOST_STEPS = 24  # letters of a line that are seen at once
FEWEST_LINES = 10
LARGEST_TEXT = 50_000  # characters
MOST_CHARACTERS = 120  # different ones: each is a row and a column of weights
MEASURED = 40  # lines held out, on which the loss is measured as it goes
RECENT = 20  # batches, of whose losses about the mean is shown


class NameWriter:
    """A GPT of one block that learns from some lines, and how far it is.

    recent:    a running mean of the losses of batches, None before the first
    measured:  the loss on lines held out
    """

    def __init__(self, lines: Sequence[str], seed: int) -> None:
        part, held = split(lines, 0.1, seed, 1, WHO)
        most = min(MOST_STEPS, usual_most_steps(lines))
        self.model = TextModel(most_steps=most, early_stopping=False, seed=seed)
        shown, _ = self.model.start(part, Vocabulary(lines))
        self.lines, self.held = set(lines), list(held)[:MEASURED]
        self.data = as_data(shown, self.model.vocabulary_.kinds)
        self.counts = [len(part), len(held)]
        self.trainer = Trainer(
            self.model.network_, loss=CategoricalCrossEntropy(from_logits=True),
            optimizer=Adam(RATE, (0.85, 0.99), 1e-8), batch_size=BATCH, shuffle=False,
        )  # fmt: skip
        self.rng = Random(f"{seed} written")
        self.seed = seed
        self.epoch = self.steps = self.at = 0
        self.recent: float | None = None
        self.measured = self.model.loss(self.held)
        self.turn = 0  # whose temperature it is

    def step(self) -> None:
        """Train on the next batch."""
        order = list(range(len(self.data.X)))
        Random(f"{self.seed} {self.epoch}").shuffle(order)
        batch = order[self.at : self.at + BATCH]
        X, T = ([rows[i] for i in batch] for rows in (self.data.X, self.data.T))
        self.trainer.train_on(SequenceData(X, T, None))
        loss = self.trainer.history.loss[-1]
        self.steps += 1
        before = loss if self.recent is None else self.recent
        self.recent = before + (loss - before) / min(self.steps, RECENT)
        self.at += len(batch)
        if self.at >= len(order):
            self.at = 0
            self.epoch += 1

    def train(self, seconds: float) -> None:
        """Train for about so long, on one batch at least."""
        began, taken, batches = time.monotonic(), 0.0, 0
        while not batches or taken * (batches + 0.5) / batches < seconds:
            self.step()
            batches += 1
            taken = time.monotonic() - began

    def described(self) -> Answer:
        """Return what stays until it begins anew."""
        model = self.model
        network, total = model.network_, sum(model.counts_)
        return {
            "lines": self.counts,
            "kinds": [*model.vocabulary_.characters, END],
            "frequencies": short([[count / total for count in model.counts_]])[0],
            "frequency_loss": model.frequency_loss(self.held),
            "temperatures": TEMPERATURES,
            "parameters": network.count_parameters(),
            "most": model.most_steps_ - 1,
            "network": repr(network),
        }

    def frame(self, word: str, writes: bool) -> Answer:
        """Return the state, what it makes of a word and, if it `writes`, lines at a temperature.

        The temperatures take turns, and with the first the loss is measured: all at once would be
        seen as a jerk.
        """
        if writes and self.turn == 0:
            self.measured = self.model.loss(self.held)
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            "loss": self.recent,
            "test_loss": self.measured,
            "written": self.written() if writes else None,
            **self.read(word),
        }

    def written(self) -> Answer:
        """Return new lines at the next temperature, each with whether it is one of those learned
        from, or held out."""
        turn, most = self.turn, self.model.most_steps_
        lines = self.model.sample(WRITTEN, TEMPERATURES[turn], seed=self.rng, length=most)
        self.turn = (turn + 1) % len(TEMPERATURES)
        return {"turn": turn, "lines": [[line, line in self.lines] for line in lines]}

    def read(self, word: str) -> Answer:
        """Return what each head of attention takes from each letter, and what may follow."""
        model, note = self.model, ""
        letters = word[: model.most_steps_ - 1]
        if len(letters) < len(word):
            note = f"The network sees {counted(len(letters), 'letter')} at once: the rest is cut."
        try:
            kinds = model.vocabulary_.encode(letters, "the word")
        except DataError as error:
            return {"letters": [], "heads": [], "likely": [], "note": str(error)}
        outputs = model.network_([model.vocabulary_.end, *kinds])
        inside = with_parts(model.network_.layers)
        layer = next(part for part in inside if isinstance(part, MultiHeadAttention))
        likely = Draw(model.network_, 1.0, None, self.rng).probabilities(cast(Matrix, outputs)[-1])
        return {
            "letters": [END, *letters],
            "heads": [short(shares) for *_, shares in layer.found],
            "likely": short([likely])[0],
            "note": note,
        }


def begin(session: Session, message: dict[str, Any]) -> Answer:
    """Begin with new weights on the names or, {"text": …}, on lines of the user's own."""
    text = message.get("text")
    lines = FIRST_NAMES if text is None else _lines(text)
    seed = whole(0, 1 << 31)("seed", message.get("seed", 0))
    word = _word(message)
    session.writer = NameWriter(lines, seed)
    return {**session.writer.described(), **session.writer.frame(word, True)}


def write_on(session: Session, message: dict[str, Any]) -> Answer:
    """Train for some milliseconds, or with 0 not at all, and look at the word again.

    {"milliseconds": 15, "word": "mari", "writes": true}; 1 is a single batch.
    """
    writer = session.writer
    if writer is None:
        raise DataError(f"{WHO} has no lines to learn from yet; begin first")
    wanted = whole(0, LONGEST_TURN)("milliseconds", message.get("milliseconds", LONGEST_TURN))
    word = _word(message)
    if wanted == 1:
        writer.step()
    elif wanted:
        writer.train(wanted / 1000.0)
    found: Answer = writer.frame(word, message.get("writes") is True)
    return found


def _lines(text: object) -> list[str]:
    """Return the lines of the user's own text. Raises DataError if they cannot be learned from."""
    if not isinstance(text, str) or len(text) > LARGEST_TEXT:
        got = f"{len(text):,}" if isinstance(text, str) else excerpt(text)
        raise DataError(
            f"{WHO} learns from at most {LARGEST_TEXT:,} characters, got {got}; "
            "python3 -m tinynn text train learns from more"
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(set(lines)) < FEWEST_LINES:
        raise DataError(
            f"{WHO} needs at least {FEWEST_LINES} different lines to learn from and to test on, "
            f"got {len(set(lines))}"
        )
    different = len(set("".join(lines)))
    if different > MOST_CHARACTERS:
        raise DataError(
            f"{WHO} needs lines of at most {MOST_CHARACTERS} different characters, got {different}"
        )
    return lines


def _word(message: dict[str, Any]) -> str:
    word = message.get("word", "")
    if not isinstance(word, str) or len(word) > 1000:
        raise DataError(f"{WHO} needs a word of at most 1,000 characters, got {excerpt(word)}")
    return word
