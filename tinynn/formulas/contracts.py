"""What a caller's own class needs so that the library can train, save and load with it.

| base        | methods                       | attributes                      |
|-------------|-------------------------------|---------------------------------|
| Layer       | forward, backward             |                                 |
| Activation  | function, derivative          |                                 |
| Loss        | of_row, row_derivative        | name                            |
| Optimizer   | update                        | name, learning_rate             |
| Schedule    | rate_at                       | name, learning_rate, per        |
| Initializer | sampler                       | name                            |

A layer with parameters also needs `gradients` and `shapes`, one with buffers `shapes`, and one
whose constructor has arguments `settings`. All others are described by the arguments of their
constructors, stored under the same names; what they store besides begins with an underscore.
"""

from __future__ import annotations

from typing import Any, Mapping

from ..checks.settings import Configured, is_number
from ..checks.words import excerpt
from ..errors import SettingError
from ..lesson.activation_layers import Activation
from ..lesson.initializers import Initializer
from ..lesson.layer import Layer
from ..lesson.loss import Loss
from ..lesson.optimizer import Optimizer
from ..lesson.schedule import Schedule

# By base: the names that a class has to define, with what each is.
_NEEDED: Mapping[type, Mapping[str, str]] = {
    Activation: {"function": "f(z)", "derivative": "f'(z), given z and y = f(z)"},
    Layer: {"forward": "Y for X", "backward": "dX for dY"},
    Loss: {
        "of_row": "the loss of one sample",
        "row_derivative": "its derivative by each output",
    },
    Optimizer: {"update": "the new row of weights"},
    Schedule: {"rate_at": "the learning rate at a position"},
    Initializer: {"sampler": "the function that draws one weight"},
}
BASES = tuple(base for base in _NEEDED if base is not Activation)


def base_of(kind: Any) -> type:
    """Return which of the bases a class has; raise SettingError if it has none."""
    if isinstance(kind, type):
        for base in _NEEDED:
            if issubclass(kind, base):
                if kind is base:
                    break
                return base
    names = ", ".join(base.__name__ for base in BASES[:-1])
    mend = ""
    if isinstance(kind, (Layer, Configured)):
        mend = f"; did you mean {type(kind).__name__}, the class itself?"
    raise SettingError(
        f"register needs a class derived from {names} or {BASES[-1].__name__}, "
        f"got {excerpt(kind)}{mend or '; callbacks and data need no registering'}"
    )


def check_contract(kind: Any) -> None:
    """Raise SettingError, saying what is missing, unless a class has all that its base asks for."""
    base, who = base_of(kind), kind.__name__
    for method, what in _NEEDED[base].items():
        if not _defines(kind, base, method):
            raise SettingError(f"{who} needs {method}, which returns {what}")
    if base is Loss and kind.partner is not None and not _defines(kind, Loss, "logits_derivative"):
        raise SettingError(
            f"{who} needs logits_derivative, because it has the partner {kind.partner}"
        )
    if issubclass(kind, Layer):
        _check_layer(kind)
    elif not (isinstance(kind.name, str) and kind.name.isidentifier() and kind.name.isascii()):
        raise SettingError(
            f"{who} needs a name, the short one for files: letters, digits and _, such as "
            f"name = {who.lower()!r}; got {excerpt(kind.name)}"
        )
    sample = default_object(kind)
    if sample is not None:
        check_stored(sample)
        if base is Activation:
            _check_functions(sample)
        if base is Optimizer:
            check_optimizer(sample)
        if base is Schedule:
            _check_schedule(sample)


def check_optimizer(optimizer: Optimizer) -> None:
    """Raise SettingError unless an optimizer is ready to train with."""
    who = type(optimizer).__name__
    if not _defines(type(optimizer), Optimizer, "update"):
        raise SettingError(f"{who} needs update, which returns the new row of weights")
    rate = getattr(optimizer, "learning_rate", None)
    if not isinstance(rate, Schedule) and not (is_number(rate) and float(rate or 0) >= 0):
        raise SettingError(
            f"{who} needs learning_rate, a number of at least 0 or a Schedule, got "
            f"{excerpt(rate)}; set self.learning_rate in its constructor"
        )
    start = optimizer.start()
    if not isinstance(start, dict) or not all(
        isinstance(name, str) and is_number(value) for name, value in start.items()
    ):
        raise SettingError(
            f"{who} needs start to return the first number of each row of its memory by name, "
            f"such as {{'velocity': 0.0}}, got {excerpt(start)}"
        )


def check_stored(sample: Any) -> None:
    """Raise SettingError unless `settings()` are arguments of the object's constructor."""
    kind = type(sample)
    known, others = _arguments(kind)
    for name in sample.settings():
        if name not in known and not others:
            mend = "; what is not an argument begins with an underscore"
            raise SettingError(
                f"{kind.__name__} needs its settings to be arguments of its constructor, got "
                f"{name!r}{mend if isinstance(sample, Configured) else ''}"
            )


def has_defaults(kind: Any) -> bool:
    """Return whether all arguments of a class's constructor have defaults."""
    from inspect import signature  # slow to import

    try:
        signature(kind).bind()
    except (TypeError, ValueError):
        return False
    return True


def default_object(kind: Any) -> Any:
    """Return an object of a class with default settings, None if it has none.

    Raises SettingError if the constructor fails in another way.
    """
    if not has_defaults(kind):
        return None
    try:
        return kind()
    except Exception as error:
        raise SettingError(
            f"{kind.__name__} needs a constructor that takes its own defaults, got "
            f"{type(error).__name__}: {excerpt(str(error), 200)[1:-1]}"
        ) from error


def _check_layer(kind: type[Layer]) -> None:
    who = kind.__name__
    for owner, needed in (("parameters", ("gradients", "shapes")), ("buffers", ("shapes",))):
        for method in needed:
            if _defines(kind, Layer, owner) and not _defines(kind, Layer, method):
                raise SettingError(f"{who} needs {method}, because it has {owner}")
    arguments, _ = _arguments(kind)
    if arguments and not _defines(kind, Layer, "settings"):
        raise SettingError(
            f"{who} needs settings, which returns the arguments of its constructor by name: "
            f"{', '.join(arguments)}"
        )


def _check_functions(activation: Activation) -> None:
    """Raise SettingError unless the functions can be called with numbers alone."""
    from inspect import signature

    for name, given in (("function", ("z",)), ("derivative", ("z", "y"))):
        try:
            signature(getattr(activation, name)).bind(*given)
        except ValueError:  # a function of C that does not tell
            continue
        except (TypeError, AttributeError):
            raise SettingError(
                f"{type(activation).__name__} needs {name} to take {' and '.join(given)}; in a "
                f"class, write {name} = staticmethod(...) or let it take self first"
            ) from None


def _check_schedule(schedule: Schedule) -> None:
    who = type(schedule).__name__
    if not is_number(getattr(schedule, "learning_rate", None)):
        raise SettingError(f"{who} needs learning_rate, the number that it begins with")
    if getattr(schedule, "per", None) not in ("epoch", "step"):
        raise SettingError(f"{who} needs per, the unit of its position: 'epoch' or 'step'")


def _defines(kind: type, base: type, name: str) -> bool:
    """Return whether a class, or a layer's constructor, has something of its own by a name."""
    missing = object()
    found = getattr(kind, name, missing)
    if found is missing:
        # LeakyReLU, for one, makes its functions in its constructor.
        return base is Activation and _has_constructor(kind)
    return found is not getattr(base, name, missing)


def _arguments(kind: Any) -> tuple[list[str], bool]:
    """Return the arguments of a class's constructor, and whether it takes any others, too."""
    if not _has_constructor(kind):
        return [], False
    from inspect import signature

    parameters = list(signature(kind.__init__).parameters.values())[1:]
    named = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _has_constructor(kind: Any) -> bool:
    return kind.__init__ is not object.__init__
