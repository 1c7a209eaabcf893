"""`tinynn text`: a file of lines, or one text, becomes a model that writes more of them."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any, Callable, NamedTuple, Sequence

from ..checks.words import counted
from ..data.sources import UTF8, TextFile, near_file
from ..errors import DataError, EngineError, FormatError, SettingError
from ..estimators import storage
from ..estimators.text.about import TextAbout
from ..estimators.text.model import MOST_HELD, TextModel, perplexity_of
from ..estimators.text.networks import ARCHITECTURES, ONLY_OF
from ..estimators.text.storage import from_dict
from ..estimators.text.vocabulary import Vocabulary
from ..estimators.text.windows import Text, split, usual_most_steps
from ..files import json_file
from ..lesson.random_streams import stream
from ..training.callbacks import Callback
from ..training.progress import Progress
from .console import Console, Terminal, check_writable
from .models import fastest_engine
from .stages import Stages, say_end

SEEN_IN_A_LOG = 10.0  # seconds between two lines of progress that is not on a terminal
SHORTEST = 100  # characters of one text that training needs
EXAMPLES, TEMPERATURE = 5, 0.5  # what is shown after training


class TextSource(NamedTuple):
    """A text from a file: its lines with their numbers in the file, or the whole of it."""

    name: str
    text: Text
    numbers: Sequence[int]
    blank: int
    encoding: str
    guessed: bool

    @property
    def characters(self) -> int:
        """How many characters it has, without line ends where lines stand alone."""
        return len(self.text) if isinstance(self.text, str) else sum(map(len, self.text))

    def describe(self) -> str:
        """Return what was read, for people."""
        if isinstance(self.text, str):
            return f"one text of {counted(self.characters, 'character')}"
        lines = counted(len(self.text), "line")
        blank = f" ({counted(self.blank, 'blank line')} left out)" if self.blank else ""
        return f"{lines}{blank}, {counted(self.characters, 'character')}"


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    actions: dict[str, Callable[[argparse.Namespace, Console], int]] = {
        "train": _train, "sample": _sample, "evaluate": _evaluate
    }  # fmt: skip
    return actions[options.action](options, console)


def read_text(path: str, encoding: str | None, whole: bool | None) -> TextSource:
    """Return a text from a file; with `whole` None, a file of one line is one text.

    Raises DataError, with the line where there is one, for a file that is missing, empty or not
    text.
    """
    file = TextFile(path, encoding)
    if whole:
        text = "".join(file.lines()).replace("\r\n", "\n").replace("\r", "\n")
        if not text.strip():
            raise DataError(f"{file.name} is empty; it needs some text")
        return TextSource(file.name, text, (), 0, file.encoding, file.guessed)
    lines, numbers = [], []
    number = 0
    for number, line in enumerate(file.lines(), 1):
        line = line.rstrip("\r\n")
        if line.strip():
            lines.append(line)
            numbers.append(number)
    if not lines:
        raise DataError(f"{file.name} is empty; it needs at least one line of text")
    if whole is None and len(lines) == 1:
        return TextSource(file.name, lines[0], (), 0, file.encoding, file.guessed)
    return TextSource(file.name, lines, numbers, number - len(lines), file.encoding, file.guessed)


def load_text(path: str) -> TextModel:
    """Return the text model in a file. Raises DataError or FormatError for anything else."""
    try:
        content = json_file.read(path)
    except FileNotFoundError:
        raise DataError(f"there is no model file {path}{near_file(path)}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    if content.get("kind") != storage.TEXT:
        raise DataError(
            f"{path} holds no model of text: {content.get('kind')!r}; this command needs a file "
            "that `text train` wrote"
        )
    return from_dict(content, path)


def is_text_model(path: str) -> bool:
    """Return whether a file says that it holds a text model; False for one that cannot be read."""
    try:
        with open(path, "rb") as file:
            start = file.read(1)
            data = start + file.read() if start == b"{" else b""
        if f'"{storage.TEXT}"'.encode() not in data:
            return False  # most files of other models: there is no need to parse them twice
        return bool(json_file.loads(data, path).get("kind") == storage.TEXT)
    except (OSError, FormatError):
        return False


class TextProgress(Progress):
    """Shows how far training is within an epoch, too, as the epochs of texts are long."""

    def on_train_begin(self, trainer: Any) -> None:
        super().on_train_begin(trainer)
        self.recent = 0.0
        self.logged = time.monotonic()

    def on_batch_end(self, trainer: Any) -> None:
        if trainer.batch == 1 and not self.recent:
            self.recent = trainer.batch_loss
        self.recent += 0.02 * (trainer.batch_loss - self.recent)
        now = time.monotonic()
        if self.live and now - self.shown_at >= self.every:
            self.shown_at = now
            self.out.write(f"\r\x1b[K{self._within(trainer)}")
            self.out.flush()
        elif not self.live and now - self.logged >= SEEN_IN_A_LOG:
            self.logged = now
            self.out.write(self._within(trainer) + "\n")
            self.out.flush()

    def _within(self, trainer: Any) -> str:
        share = 100 * trainer.batch // trainer.updates.per_epoch
        return f"epoch {trainer.epoch}/{trainer.epochs}, {share}%  loss {self.recent:.4f}"


def _train(options: argparse.Namespace, console: Console) -> int:
    check_writable(options.out)
    callbacks: list[Callback] = [] if options.quiet else [TextProgress(sys.stderr)]
    model = TextModel(
        options.network,
        width=options.width,
        layers=options.layers,
        most_steps=options.most_steps,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        early_stopping=options.validation_share > 0.0,
        validation_share=options.validation_share or 0.1,
        patience=options.patience,
        seconds=options.seconds,
        seed=options.seed,
        engine=options.engine or fastest_engine(),
        callbacks=callbacks,
    )
    model.set_params(**_own_sizes(options))
    model.check()
    source = read_text(options.text, options.encoding, options.whole or None)
    stages = Stages(options.resume, console)
    vocabulary = Vocabulary(source.text)
    guessed = f", read as {source.encoding}" if source.encoding not in UTF8 else ""
    console.say(f"{source.name}: {source.describe()}{guessed}")
    console.say(f"{counted(vocabulary.end, 'different character')}: {vocabulary.shown()}")
    model.set_params(most_steps=options.most_steps or usual_most_steps(source.text))
    _check_size(source, model.most_steps or 1, options)
    test: Text = ""
    part = source.text
    if options.test_share:
        part, test = split(
            part, options.test_share, options.seed, model.most_steps or 1, source.name
        )
    console.say(_parts_text(part, test, options))
    try:
        model.fit(part, vocabulary, stages.file("network"))
    except EngineError as error:
        if options.engine:
            raise
        why = str(error).partition(" cannot be used: ")[2] or str(error)
        console.say(f"no machine code for this network: {why}")
        model.set_params(engine="auto")
        model.fit(part, vocabulary, stages.file("network"))
    _say_training(model, console, stages)
    interrupted = model.history_.stopped_by == "interrupted"
    model.about_ = TextAbout(
        source.name, 1 if isinstance(source.text, str) else len(source.text), source.characters,
        0, None, None,
    )  # fmt: skip
    if options.out:
        model.save(options.out)  # before all else: what was learned is not lost any more
    if test and not interrupted:
        loss, frequency = model.loss(test), model.frequency_loss(test)
        model.about_ = model.about_._replace(tested=len(test), loss=loss, frequency_loss=frequency)
        console.say()
        console.show(loss_text(loss, frequency, f"on the {unit_of(model)}s held out to test it"))
        if options.out:
            model.save(options.out)
    if not interrupted:
        console.say()
        console.say(f"it writes, at temperature {TEMPERATURE}:")
        for text in model.sample(EXAMPLES, TEMPERATURE, seed=options.seed, length=60):
            console.say(f"  {text}")
    console.say()
    if options.out:
        console.say(f"model written to {options.out}; `text sample {options.out}` writes more")
    else:
        console.note("note: the model was not saved; --out FILE saves it")
    console.result({**content_of(model), "model": options.out})
    return 130 if interrupted else 0


def _own_sizes(options: argparse.Namespace) -> dict[str, int]:
    """Return the sizes that only some networks have, as far as they are given.

    Raises SettingError for one that the network does not have.
    """
    given = {name: getattr(options, name) for name in ONLY_OF if getattr(options, name) is not None}
    for name in given:
        if options.network in ARCHITECTURES and options.network not in ONLY_OF[name]:
            *others, last = ONLY_OF[name]
            owners = f"{', '.join(others)} or {last}" if others else last
            raise SettingError(f"--{name} needs --network {owners}, got {options.network}")
    return given


def _check_size(source: TextSource, most_steps: int, options: argparse.Namespace) -> None:
    """Raise DataError for a text that cannot be divided into the parts that are wanted."""
    purposes = ["to learn from"]
    purposes += ["to decide when to stop"] if options.validation_share else []
    purposes += ["to test the model"] if options.test_share else []
    parts = len(purposes)
    if isinstance(source.text, str):
        needed, got = max(SHORTEST, parts * most_steps), len(source.text)
        if got < needed:
            raise DataError(
                f"{source.name} is one text of {counted(got, 'character')}; training needs at "
                f"least {needed:,}, or a file of several lines"
            )
        return
    different = len(set(source.text))
    if different < parts:
        raise DataError(
            f"{source.name} has {counted(different, 'different line')}; training needs at least "
            f"{parts}: {', '.join(purposes)}"
        )


def _parts_text(part: Text, test: Text, options: argparse.Namespace) -> str:
    """Return how a text is divided."""
    unit, note = "characters", ", in this order"
    if not isinstance(part, str):
        unit, note = "lines", "; equal lines are kept together"
    stop = f"{100 * options.validation_share:g}% of them to decide when to stop"
    size = len(part) if isinstance(part, str) else sum(map(len, part))
    if size * options.validation_share > MOST_HELD:
        stop = f"{MOST_HELD:,} characters of them to decide when to stop"
    if not options.validation_share:
        stop = "none of them to decide when to stop"
    return f"{unit}: {len(part):,} to train on, {stop}, {len(test):,} to test{note}"


def _say_training(model: TextModel, console: Console, stages: Stages) -> None:
    history, network = model.history_, model.network_
    console.say(
        f"network {model.network}, {counted(network.count_parameters(), 'parameter')}, at most "
        f"{counted(model.most_steps_, 'step')}, engine {history.engine} ({history.engine_reason})"
    )
    say_end(history, console, stages)


def unit_of(model: TextModel) -> str:
    """Return what a text of the model is counted in."""
    return "character" if model.whole_ else "line"


def loss_text(loss: float, frequency: float, where: str) -> str:
    """Return a loss beside that of a model that only knows frequencies, for people."""
    lines = [
        f"loss per character, {where}, in nats:",
        f"  this model                     {loss:.4f}  (as unsure as among "
        f"{perplexity_of(loss):.3g} characters)",
        f"  frequency of characters alone  {frequency:.4f}  (as unsure as among "
        f"{perplexity_of(frequency):.3g} characters)",
    ]
    if loss >= frequency:
        lines.append(
            "The model is no better than the frequencies: train it longer, or on more text."
        )
    return "\n".join(lines)


def content_of(model: TextModel) -> dict[str, Any]:
    """Return what is known of a model, for JSON."""
    history, about = model.history_, model.about_
    return {
        "kind": TextModel.kind,
        "network": repr(model.network_),
        "parameters": model.network_.count_parameters(),
        "characters": model.vocabulary_.characters,
        "most_steps": model.most_steps_,
        "whole": model.whole_,
        "training": {
            "epochs": history.epochs,
            "best_epoch": history.best_epoch,
            "seconds": history.seconds[-1] if history.seconds else 0.0,
            "stopped_by": history.stopped_by,
            "engine": history.engine,
            "loss": history.loss,
            "validation_loss": history.validation_loss,
        },
        "about": None if about is None else about._asdict(),
    }


def _sample(options: argparse.Namespace, console: Console) -> int:
    model = load_text(options.model)
    out = Terminal(sys.stdout) if sys.stdout.isatty() else sys.stdout
    rng, texts = stream(options.seed), []
    for i in range(options.count):  # each is shown when it is written
        texts += model.sample(
            1, options.temperature, options.top_k, rng, options.prompt, options.length
        )
        if not console.quiet and not console.as_json:
            out.write(f"{'' if i == 0 or not model.whole_ else chr(10)}{texts[-1]}\n")
            sys.stdout.flush()
    console.result({"model": options.model, "seed": options.seed, "texts": texts})
    return 0


def _evaluate(options: argparse.Namespace, console: Console) -> int:
    model = load_text(options.model)
    source = read_text(options.text, options.encoding, model.whole_)
    loss = model.loss(source.text, source.name, source.numbers)
    frequency = model.frequency_loss(source.text, source.name, source.numbers)
    console.say(f"{source.name}: {source.describe()}")
    console.show(loss_text(loss, frequency, "of this file"))
    if model.about_ is not None and model.about_.source == source.name:
        console.note(
            f"note: {options.model} was trained on a file called {source.name}; if it is this "
            "file, the model will do worse on another text"
        )
    console.result(
        {
            "data": source.name,
            "characters": source.characters,
            "loss": loss,
            "perplexity": perplexity_of(loss),
            "frequency_loss": frequency,
        }
    )
    return 0
