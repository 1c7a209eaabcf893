"""`TextModel`: a network that continues a text, character by character, and its vocabulary."""

from __future__ import annotations

from copy import copy
from math import exp, inf, log
from typing import Any, Sequence, TypeVar

from ...checks.settings import flag, integer, number
from ...checks.words import did_you_mean, excerpt
from ...errors import DivergenceError, SettingError, TinynnError
from ...files.atomic import Path
from ...lesson.activation_layers import Softmax
from ...lesson.adam import Adam
from ...lesson.losses import CategoricalCrossEntropy
from ...lesson.network import Sequential
from ...lesson.random_streams import Seed, stream
from ...lesson.schedules import Linear
from ...training.callbacks import Callback, EarlyStopping
from ...training.history import History
from ...training.trainer import Trainer
from ..parameters import raise_not_fitted
from .about import Architecture, FittedText
from .generation import Draw, continued, kinds_of, most_steps_of
from .networks import ARCHITECTURES, Size
from .saving import OWN, run_file, save
from .vocabulary import Vocabulary
from .windows import Text, TextWindows, as_data, checked_text, split, usual_most_steps, windows

M = TypeVar("M", bound="TextModel")
SHOWN = 200_000  # characters that training shows by default, one more than once or not
MOST_EPOCHS = 200
MOST_HELD = 20_000  # characters by which training is stopped: more say little more, for much memory
CHUNK = 64  # sequences that are measured at once
CONTINUED = 500  # characters of one text, by default


class TextModel(FittedText):
    """Learns to continue texts, character by character, and writes new ones.

    A text is a list of lines (names, words, verses), each of which begins and ends; or one string,
    which goes on, with line ends as characters like any other.

    network:          the name of an architecture, "gpt", "rnn", "lstm" or "gru", or a function of
                      the number of kinds that returns a Sequential, which begins with Embedding and
                      has an output per kind
    width, layers:    the size of the architecture: the numbers that stand for a character, and how
                      many blocks of attention and dense layers, or recurrent layers, there are
    heads:            of a "gpt", the parts attention divides the width into
    units:            of an "rnn", "lstm" or "gru", the numbers in the state of each layer
    most_steps:       how many characters the network learns from at once; longer texts are cut into
                      windows of so many. None: as many as the longest line has and one more, at
                      most 64
    epochs:           how often the text is shown at most; None: as often as shows about 200,000
                      characters, at most 200 times
    batch_size:       lines (windows) per update
    learning_rate:    of Adam at first; it falls linearly to 0
    early_stopping:   whether to hold out a `validation_share` of the text (different lines, or the
                      end of one text; at most about 20,000 characters), stop when the loss on it
                      has not improved for `patience` epochs, and keep the best weights
    seconds:          stop after about so many
    seed:             of the weights, of what is held out, and of the order of the lines
    engine, callbacks:  as in `fit` of networks

    After `fit`: `network_`, `vocabulary_`, `history_`, `most_steps_`, `whole_` (whether it was one
    text), and `counts_` (how often each kind followed in the text that it was trained on).

    >>> model = TextModel(width=4, heads=1, epochs=40, early_stopping=False, learning_rate=0.1)
    >>> model.fit(["aha", "ahaha", "aha"]).sample(2, temperature=0, prompt="a")
    ['aha', 'aha']
    """

    width: int
    heads: int
    layers: int
    units: int
    most_steps: int | None
    epochs: int | None
    batch_size: int
    learning_rate: float
    early_stopping: bool
    validation_share: float
    patience: int
    seconds: float | None
    seed: int
    engine: str
    callbacks: Sequence[Callback]

    def __init__(
        self,
        network: Architecture = "gpt",
        *,
        width: int = 16,
        heads: int = 4,
        layers: int = 1,
        units: int = 32,
        most_steps: int | None = None,
        epochs: int | None = None,
        batch_size: int = 8,
        learning_rate: float = 0.01,
        early_stopping: bool = True,
        validation_share: float = 0.1,
        patience: int = 5,
        seconds: float | None = None,
        seed: int = 0,
        engine: str = "auto",
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self._take(locals())

    # --- training -------------------------------------------------------------------------------

    def fit(
        self: M, text: Text, vocabulary: Vocabulary | None = None, resume: Path | None = None
    ) -> M:
        """Train a new network on lines, or on one text; return self.

        `vocabulary` is by default that of the text. With `resume`, the training is kept in this
        file, and goes on from there if it was cut short, as `fit` of networks does.

        Ctrl-C ends the training and keeps the best weights so far, or those within the first epoch.
        Raises DataError or SettingError, naming what cannot be used, before anything is changed.
        """
        before = dict(vars(self))
        shown, apart = self.start(text, vocabulary)
        try:
            self._train(shown, apart, resume)
        except DivergenceError:
            raise
        except TinynnError:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def start(
        self, text: Text, vocabulary: Vocabulary | None = None
    ) -> tuple[TextWindows, TextWindows | None]:
        """Make a new network for a text, with all that `fit` sets, but do not train it.

        Return what of the text it is to be trained on, and what is held out for early stopping.
        Raises DataError or SettingError, as `fit` does, before anything is changed.
        """
        self.check()
        text = checked_text(text, "TextModel")
        vocabulary = Vocabulary(text) if vocabulary is None else vocabulary
        if not isinstance(vocabulary, Vocabulary):
            raise SettingError(f"TextModel needs a Vocabulary, got {excerpt(vocabulary)}")
        most = self.most_steps or usual_most_steps(text)
        windows(text, vocabulary, most, "the text")  # all of it is checked, line by line
        apart: TextWindows | None = None
        part = text
        if self.early_stopping:
            size = len(text) if isinstance(text, str) else sum(map(len, text))
            share = min(self.validation_share, MOST_HELD / max(1, size))
            part, held = split(text, share, self.seed, most, "TextModel")
            apart = windows(held, vocabulary, most, "the text")
        shown = windows(part, vocabulary, most, "the text")
        network = self._new_network(vocabulary, most)
        counts = [0] * vocabulary.kinds
        for targets in shown.targets:
            for kind in targets:
                counts[kind] += 1
        self.network_, self.vocabulary_, self.most_steps_ = network, vocabulary, most
        self.whole_, self.counts_, self.about_ = isinstance(text, str), counts, None
        self.history_ = History()
        return shown, apart

    def check(self) -> None:
        """Raise SettingError for a parameter that cannot be used."""
        who = type(self).__name__
        for name in ("width", "heads", "layers", "units", "batch_size", "patience"):
            integer(who, name, getattr(self, name), least=1)
        for name, least in (("most_steps", 2), ("epochs", 1)):
            if getattr(self, name) is not None:
                integer(who, name, getattr(self, name), least)
        integer(who, "seed", self.seed, least=0)
        number(who, "learning_rate", self.learning_rate, above=0)
        number(who, "validation_share", self.validation_share, above=0, below=1)
        if self.seconds is not None:
            number(who, "seconds", self.seconds, above=0)
        flag(who, "early_stopping", self.early_stopping)
        if not callable(self.network) and self.network not in (*ARCHITECTURES, OWN):
            near = did_you_mean(self.network, ARCHITECTURES)
            names = ", ".join(map(repr, ARCHITECTURES))
            raise SettingError(
                f"{who} needs network to be {names}, or a function of the number of kinds that "
                f"returns a Sequential, got {excerpt(self.network)}{near}"
            )

    def _new_network(self, vocabulary: Vocabulary, most_steps: int) -> Sequential:
        """Return an untrained network; raise SettingError for one that does not fit."""
        kinds = vocabulary.kinds
        if self.network == OWN:
            raise SettingError(
                "this TextModel's network was made by a function of its own, which its file does "
                "not hold; set network"
            )
        if callable(self.network):
            network = self.network(kinds)
        else:
            size = Size(self.width, self.heads, self.layers, most_steps, self.units)
            network = Sequential(*ARCHITECTURES[self.network](kinds, size), seed=self.seed)
        if kinds_of(network) != kinds:
            raise SettingError(
                f"TextModel needs a network of {kinds} kinds, {kinds - 1} characters and one for "
                f"begin and end, got {network.outputs}"
            )
        if most_steps_of(network.layers) < most_steps:
            raise SettingError(
                f"TextModel needs a network that takes {most_steps} steps, got Positions for "
                f"{most_steps_of(network.layers)}; set most_steps"
            )
        network.stepper()  # raises SettingError where later steps are seen
        return network

    def _train(self, shown: TextWindows, apart: TextWindows | None, resume: Path | None) -> None:
        epochs = self.epochs or max(1, min(MOST_EPOCHS, round(SHOWN / shown.size)))
        batches = -(-len(shown.inputs) // self.batch_size)
        stopping = [] if apart is None else [EarlyStopping(self.patience)]
        trainer = Trainer(
            self.network_,
            loss=CategoricalCrossEntropy(
                from_logits=not isinstance(self.network_.layers[-1], Softmax)
            ),
            # Betas and eps are those of microgpt.
            optimizer=Adam(
                Linear(self.learning_rate, 0.0, steps=epochs * batches), (0.85, 0.99), 1e-8
            ),
            batch_size=self.batch_size,
            seed=self.seed,
            callbacks=[*stopping, *self.callbacks],
            time_budget=self.seconds,
            engine=self.engine,
        )
        file = None
        if resume is not None:

            def so_far() -> TextModel:
                found = copy(self)
                found.history_ = trainer.history
                return found

            file = run_file(resume, so_far)
        kinds = self.vocabulary_.kinds
        data = as_data(shown, kinds)
        held = None if apart is None else as_data(apart, kinds)
        try:
            trainer.train_on(data, held, epochs, file)
        finally:
            self.history_ = trainer.history

    # --- use ------------------------------------------------------------------------------------

    def loss(self, text: Text, name: str = "the text", numbers: Sequence[int] = ()) -> float:
        """Return the mean of −log p over all characters (and ends of lines) of a text, in nats.

        p is the probability that the network gives to the character that comes, seeing those before
        it in its window. Messages call the text `name`, and its lines by `numbers` if they are
        given. Raises DataError, naming line and column, for a character that is unknown.
        """
        network = self._fitted().network_
        found = self._windows(text, name, numbers)
        loss = CategoricalCrossEntropy(from_logits=not isinstance(network.layers[-1], Softmax))
        kinds = self.vocabulary_.kinds
        hot = [[float(k == j) for j in range(kinds)] for k in range(kinds)]
        total = 0.0
        for start in range(0, len(found.inputs), CHUNK):
            for Y, targets in zip(
                network.predict(found.inputs[start : start + CHUNK]),
                found.targets[start : start + CHUNK],
            ):
                rows: Any = Y
                total += loss(rows, [hot[kind] for kind in targets]) * len(targets)
        return total / found.size

    def perplexity(self, text: Text) -> float:
        """Return exp(loss): among how many equally likely characters the model seems to choose."""
        return perplexity_of(self.loss(text))

    def frequency_loss(
        self, text: Text, name: str = "the text", numbers: Sequence[int] = ()
    ) -> float:
        """Return the loss of a model that only knows how frequent each character is.

        That is −log of (its count in training + 1) / (the count of all + 1 for each kind): what a
        network has to be better than. Raises what `loss` raises.
        """
        self._fitted()
        found = self._windows(text, name, numbers)
        # One text has no ends, so there is one kind fewer to count.
        all_counts = sum(self.counts_) + len(self.counts_) - self.whole_
        logs = [log(all_counts / (count + 1.0)) for count in self.counts_]
        return sum([logs[kind] for targets in found.targets for kind in targets]) / found.size

    def sample(
        self,
        count: int = 1,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: Seed = 0,
        prompt: str = "",
        length: int | None = None,
    ) -> list[str]:
        """Return so many new texts, each of which begins with the prompt.

        A model of lines writes until it ends the line, or until there are `length` characters, by
        default as many as the network has steps; one of a text writes `length`, by default 500.
        `temperature`, `top_k` and `seed` are as in `generate`.

        Raises DataError, naming line and column, for a character in the prompt that is unknown.
        """
        self._fitted()
        count = integer("sample", "count", count, least=0)
        if length is None:
            length = CONTINUED if self.whole_ else self.most_steps_
        length = integer("sample", "length", length, least=0)
        known = self.vocabulary_.encode(prompt, "the prompt")
        end = self.vocabulary_.end
        draw = Draw(self.network_, temperature, top_k, stream(seed), end if self.whole_ else None)
        head = [end] if self.whole_ else []
        found = []
        for _ in range(count):
            steps = max(0, length - len(known))
            kinds = continued(self.network_, [end, *known], steps, draw, end, head)
            found.append(prompt + self.vocabulary_.decode(kinds))
        return found

    def save(self, path: Path) -> None:
        """Save network and vocabulary as one JSON file, which `nn.load` reads.

        The file is written completely or not at all. Raises NotFittedError before `fit`.
        """
        save(self._fitted(), path)

    def _fitted(self: M) -> M:
        if "network_" not in self.__dict__:
            raise_not_fitted(self, "text")
        return self

    def _windows(self, text: Text, name: str, numbers: Sequence[int]) -> TextWindows:
        text = checked_text(text, "TextModel")
        if isinstance(text, str) != self.whole_:
            ours, theirs = ("one text", "lines") if self.whole_ else ("lines", "one text")
            raise SettingError(
                f"this TextModel was trained on {ours}, and measures {ours}, got {theirs}"
            )
        return windows(text, self.vocabulary_, self.most_steps_, name, numbers)


def perplexity_of(loss: float) -> float:
    """Return e to the power of a loss; infinity where that leaves the floats.

    >>> perplexity_of(0.0), perplexity_of(1e9)
    (1.0, inf)
    """
    return exp(loss) if loss < 700.0 else inf
