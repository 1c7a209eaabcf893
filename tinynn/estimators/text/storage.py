"""Loading the model files that `saving` writes, with checks of all their parts."""

from __future__ import annotations

from typing import Any

from ...checks.settings import integer
from ...checks.stored import are_all, is_count, is_text
from ...checks.words import excerpt
from ...errors import FormatError, TinynnError
from ...lesson.network import Sequential
from ...training.model_files import network_from_dict
from ...training.saved_state import saved_history
from .about import TextAbout
from .generation import kinds_of, most_steps_of
from .model import TextModel
from .networks import ONLY_OF
from .saving import NOT_SAVED
from .vocabulary import Vocabulary

KEYS = ("settings", "characters", "whole", "most_steps", "counts", "network", "history")
WEIGHTS_LIMIT = 100_000  # that the settings of any file may ask for: more take seconds to train


def from_dict(content: dict[str, Any], name: str = "the model") -> TextModel:
    """Return the text model in a file; messages call it `name`.

    Raises FormatError, saying what is wrong and where, for anything else.
    """
    missing = [key for key in KEYS if key not in content]
    if missing:
        raise FormatError(f"{name} needs {', '.join(missing)} to be a text model")
    model = _with_settings(content["settings"], name)
    vocabulary = _vocabulary(content["characters"], name)
    if not isinstance(content["whole"], bool):
        raise FormatError(
            f"{name} needs whole to be true or false, got {excerpt(content['whole'])}"
        )
    counts = content["counts"]
    if not are_all(is_count, counts, vocabulary.kinds):
        raise FormatError(
            f"{name} needs counts to be {vocabulary.kinds} whole numbers, one for each kind"
        )
    network = network_from_dict(content["network"], f"{name}: network")
    try:
        most = integer("the file", "most_steps", content["most_steps"], least=2)
        kinds = kinds_of(network)
        network.stepper()
        history = saved_history(content["history"])
    except TinynnError as error:
        raise FormatError(f"{name} is not a valid text model: {error}") from None
    if kinds != vocabulary.kinds:
        raise FormatError(
            f"{name} needs a network of {vocabulary.kinds} kinds, one for each of its characters "
            f"and one for begin and end, got {kinds}"
        )
    if most > most_steps_of(network.layers):
        raise FormatError(
            f"{name} needs a network that takes {excerpt(most)} steps, got Positions for "
            f"{most_steps_of(network.layers)}"
        )
    _check_size(model, vocabulary, most, network, name)
    about = content.get("about")
    model.network_, model.vocabulary_, model.history_ = network, vocabulary, history
    model.most_steps_, model.whole_, model.counts_ = most, content["whole"], list(counts)
    model.about_ = None if about is None else TextAbout.from_dict(about, f"{name}: about")
    return model


def _with_settings(settings: object, name: str) -> TextModel:
    """Return an untrained model with the settings of a file, all of which are checked."""
    names = [each for each in TextModel.parameter_names() if each not in NOT_SAVED]
    if not isinstance(settings, dict):
        raise FormatError(f"{name} needs settings to be an object, got {excerpt(settings)}")
    unknown = [key for key in settings if key not in names]
    if unknown:
        raise FormatError(f"{name}: settings cannot have {excerpt(unknown[0])}")
    if not is_text(settings.get("network", "gpt")):
        raise FormatError(
            f"{name} needs network in settings to be text, got {excerpt(settings['network'])}"
        )
    model = TextModel(**settings)
    try:
        model.check()
    except TinynnError as error:
        raise FormatError(f"{name} is not a valid text model: {error}") from None
    return model


def _vocabulary(characters: object, name: str) -> Vocabulary:
    """Return the vocabulary of a file, whose characters are sorted and different."""
    if not isinstance(characters, str) or not characters:
        raise FormatError(f"{name} needs characters to be text, got {excerpt(characters)}")
    if any(a >= b for a, b in zip(characters, characters[1:])):
        raise FormatError(f"{name} needs its characters sorted, each of them once")
    return Vocabulary(characters)


def _check_size(
    model: TextModel, vocabulary: Vocabulary, most_steps: int, network: Sequential, name: str
) -> None:
    """Raise FormatError for settings with which the next `fit` or `sample` would never end."""
    most = max(model.most_steps or 1, most_steps)
    width, layers, units = model.width, model.layers, model.units
    weights = width * (2 * vocabulary.kinds + most + 12 * width * layers)
    named, got = "width, layers", f"{excerpt(width)}, {excerpt(layers)}"
    if model.network in ONLY_OF["units"]:
        weights = most + vocabulary.kinds * (width + units) + 4 * units * (width + units) * layers
        named, got = "width, layers, units", f"{got}, {excerpt(units)}"
    if weights > max(WEIGHTS_LIMIT, 10 * network.count_parameters()):
        raise FormatError(
            f"{name} needs {named} and most_steps in settings about those of its network, got "
            f"{got} and {excerpt(most)}"
        )
