"""Settings: constructor arguments, checked, stored, compared and saved by name.

Layers, losses, optimizers, schedules and initializers are all fully described by the arguments of
their constructors.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, Sequence, TypeVar

from ..errors import FormatError, SettingError, TinynnError
from .words import did_you_mean, excerpt, unknown_in_file


def is_number(value: object, whole: bool = False) -> bool:
    """Return whether `value` is a real number (or a whole one) of any type, NumPy's included.

    Booleans and arrays are not. (`numbers.Real` would do, too, but is slow to import.)
    """
    plain = isinstance(value, int if whole else (int, float))
    like = hasattr(value, "__index__" if whole else "__float__") and not hasattr(value, "__len__")
    return (plain or like) and not type(value).__name__.startswith("bool")


def number(
    who: str,
    name: str,
    value: Any,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a float: a finite number, least ≤ value ≤ most and above < value < below.

    Raises SettingError for anything else, including text, bool and NaN.

    >>> number("SGD", "momentum", 1, least=0)
    1.0
    """

    def fits(x: float) -> bool:
        return (
            math.isfinite(x)
            and (least is None or x >= least)
            and (above is None or x > above)
            and (most is None or x <= most)
            and (below is None or x < below)
        )

    x = math.nan
    if isinstance(value, str) or is_number(value):
        try:
            x = float(value)
        except (ValueError, OverflowError):
            x = math.nan
    if fits(x) and not isinstance(value, str):
        return x
    words = [("at least", least), ("above", above), ("at most", most), ("below", below)]
    limits = " and ".join(f"{word} {limit:g}" for word, limit in words if limit is not None)
    mend = ""
    if isinstance(value, str) and fits(x):
        mend = f"; did you mean {x:g}, without quotes?"
    elif x < 0 and fits(-x):
        mend = f"; did you mean {-x:g}?"
    raise SettingError(
        f"{who} needs {name} to be a finite number{limits and ', '}{limits}, "
        f"got {excerpt(value)}{mend}"
    )


def pair(who: str, name: str, values: Sequence[float], **limits: float) -> tuple[float, float]:
    """Return a setting that is two numbers, each within the limits of `number`.

    Raises SettingError for anything else.
    """
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        raise SettingError(f"{who} needs {name} to be two numbers, got {values!r}")
    first, second = [number(who, f"{name}[{i}]", values[i], **limits) for i in (0, 1)]
    return first, second


def integer(who: str, name: str, value: Any, least: int) -> int:
    """Return `value` as an int, least ≤ value < 2⁶³. Raises SettingError for anything else."""
    if is_number(value, whole=True) and least <= int(value) < 1 << 63:
        return int(value)
    mend = ""
    if isinstance(value, float) and value.is_integer() and value >= least:
        mend = f"; did you mean {int(value)}?"
    raise SettingError(
        f"{who} needs {name} to be a whole number, at least {least}, got {excerpt(value)}{mend}"
    )


def flag(who: str, name: str, value: object) -> bool:
    """Return `value`, which is True or False. Raises SettingError for anything else."""
    if isinstance(value, bool):
        return value
    raise SettingError(f"{who} needs {name} to be True or False, got {excerpt(value)}")


class Configured:
    """An object fully described by its constructor's arguments, stored under the same names.

    Attributes that begin with an underscore are not settings: they may change during use.
    """

    name = ""  # the short name used in files

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments: `type(x)(**x.settings()) == x`."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def to_dict(self) -> dict[str, object]:
        """Return {"type": short name, **settings} in types that JSON has."""
        plain: dict[str, object] = {"type": self.name}
        for key, value in self.settings().items():
            if isinstance(value, Configured):
                value = value.to_dict()
            plain[key] = list(value) if isinstance(value, tuple) else value
        return plain

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.settings().items())
        return f"{type(self).__name__}({arguments})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Configured):
            return NotImplemented
        return type(self) is type(other) and self.settings() == other.settings()

    # Settings may change after construction, so a hash of them would not be stable.
    __hash__ = None  # type: ignore[assignment]


C = TypeVar("C", bound=Configured)


def find(base: type[C], registry: Mapping[str, Callable[..., C]], wanted: object) -> C:
    """Return `wanted` if it is a `base`, else a new object of that short name, with defaults.

    Raises SettingError, with the known names and the nearest one, for anything else.
    """
    if isinstance(wanted, base):
        return wanted
    if isinstance(wanted, str) and wanted in registry:
        return registry[wanted]()
    if isinstance(wanted, type) and issubclass(wanted, base):
        mend = f"; did you mean {wanted.__name__}(), with parentheses?"
    else:
        mend = did_you_mean(wanted, registry) if isinstance(wanted, str) else ""
    raise SettingError(
        f"{base.__name__.lower()} needs to be one of {', '.join(map(repr, registry))} "
        f"or an object of class {base.__name__}, got {excerpt(wanted)}{mend}"
    )


def rebuild(base: type[C], registry: Mapping[str, Callable[..., C]], data: object) -> C:
    """Return the object whose `to_dict()` is `data`. Calls nothing but registered constructors.

    Raises FormatError for an unknown type or unknown settings, SettingError for a bad value.
    """
    kind = base.__name__.lower()
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise FormatError(
            f'a saved {kind} needs to be an object with a "type", got {excerpt(data)}'
        )
    if data["type"] not in registry:
        raise FormatError(
            f'a saved {kind} needs "type" to be one of {", ".join(map(repr, registry))}, '
            f"got {excerpt(data['type'])}{unknown_in_file(data['type'], registry)}"
        )
    settings = {key: value for key, value in data.items() if key != "type"}
    try:
        return registry[data["type"]](**settings)
    except TinynnError:
        raise
    except (TypeError, ValueError) as error:
        raise FormatError(
            f"a saved {kind} of type {data['type']!r} needs the settings of its constructor, "
            f"got {', '.join(map(repr, settings)) or 'none'}"
        ) from error
