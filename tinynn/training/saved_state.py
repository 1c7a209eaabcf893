"""Parts of a training's state in a file, checked before they are used.

`who` begins the messages. Each function raises FormatError for anything that is not saved.
"""

from __future__ import annotations

import time
from math import isfinite
from typing import Any, Callable, NamedTuple, Sequence

from ..checks.settings import integer, number
from ..checks.words import excerpt
from ..errors import FormatError, SettingError
from ..lesson.file_checks import checked_rows
from ..lesson.layer import Values
from ..lesson.matrix import shape
from ..lesson.network import Sequential
from ..lesson.parameters import rows_of
from .callbacks import Callback
from .history import History
from .run import Run

CURVES = ("loss", "validation_loss", "learning_rate", "seconds")
NOT_FINITE = ("inf", "-inf", "nan")  # as JSON has no such numbers
WORDS = ("stopped_by", "engine", "engine_reason")


def history_to_dict(history: History) -> dict[str, Any]:
    """Return a history in JSON's types: numbers that are not finite as texts."""
    return {
        **{name: curve_to_json(getattr(history, name)) for name in CURVES},
        "metrics": {name: curve_to_json(values) for name, values in history.metrics.items()},
        **{name: getattr(history, name) for name in WORDS},
    }


def saved_history(saved: object) -> History:
    """Return the history that `history_to_dict` described."""
    names = [*CURVES, "metrics", *WORDS]
    if not isinstance(saved, dict) or set(saved) != set(names):
        raise FormatError(f"history needs {', '.join(names)}")
    history = History()
    for name in CURVES:
        setattr(history, name, saved_curve(saved[name], f"history.{name}"))
    for name in WORDS:
        if saved[name] is not None and not isinstance(saved[name], str):
            raise FormatError(f"history.{name} needs to be text, got {excerpt(saved[name])}")
        setattr(history, name, saved[name])
    if not isinstance(saved["metrics"], dict):
        raise FormatError("history.metrics needs to be an object")
    for name, values in saved["metrics"].items():
        history.metrics[name] = saved_curve(values, f"history.metrics.{excerpt(name)}")
    return history


def curve_to_json(values: list[float]) -> list[Any]:
    """Return the numbers of a curve in JSON's types, for `saved_curve`."""
    return [value if isfinite(value) else repr(value) for value in values]


def saved_curve(values: object, name: str) -> list[float]:
    """Return the numbers of a curve; messages call it `name`."""
    if not isinstance(values, list):
        raise FormatError(f"{name} needs to be a list of numbers, got {excerpt(values)}")
    found = []
    for value in values:
        try:
            known = value in NOT_FINITE if isinstance(value, str) else isfinite(value)
        except (TypeError, OverflowError):
            known = False
        if not known or isinstance(value, bool):
            raise FormatError(f"{name} needs to be a list of numbers, got {excerpt(value)} in it")
        found.append(float(value))
    return found


def states_of(callbacks: Sequence[Callback], trainer: Run) -> list[dict[str, Any]]:
    """Return what each callback remembers, with the name of its class."""
    return [
        {
            "type": type(callback).__name__,
            "state": {
                name: _to_json(getattr(callback, name), kind, trainer)
                for name, kind in callback.remembers.items()
            },
        }
        for callback in callbacks
        if callback.remembers
    ]


def restore_states(
    callbacks: Sequence[Callback], states: Sequence[dict[str, Any]], trainer: Run
) -> None:
    """Give each callback what it remembers: the first of a class the first state, and so on.

    The callbacks may be others now; states of classes that are no longer there are not used.
    """
    left = list(states)
    for callback in callbacks:
        who = type(callback).__name__
        saved = next((each for each in left if each["type"] == who), None)
        if saved is None or not callback.remembers:
            continue
        left.remove(saved)
        found = {
            name: _from_json(saved["state"].get(name), kind, trainer, f"{name} of {who}")
            for name, kind in callback.remembers.items()
        }
        vars(callback).update(found)


def _to_json(value: Any, kind: str, trainer: Run) -> Any:
    if kind in ("number", "curve"):
        return curve_to_json(value if kind == "curve" else [value])
    if kind == "epoch":
        return trainer.epoch - value
    return time.monotonic() - value if kind == "time" else value


def _from_json(value: Any, kind: str, trainer: Run, name: str) -> Any:
    if kind in ("number", "curve"):
        curve = saved_curve(value, name)
        if kind == "number" and len(curve) != 1:
            raise FormatError(f"{name} needs one number, got {excerpt(value)}")
        return curve if kind == "curve" else curve[0]
    if kind in ("epoch", "count"):
        count = _number(value, name, integer)
        return trainer.epoch - count if kind == "epoch" else count
    if kind == "time":
        return time.monotonic() - _number(value, name, number)
    return saved_weights(name, value, trainer.model) if kind == "weights" else value


def _number(value: object, name: str, check: Callable[..., Any]) -> Any:
    """Return a number of at least 0."""
    try:
        return check("a saved run", name, value, least=0)
    except SettingError as error:
        raise FormatError(str(error)) from None


def saved_weights(who: str, weights: object, network: Sequential) -> dict[str, Values] | None:
    """Return the numbers of a `Sequential.state` of this network, or None."""
    if weights is None:
        return None
    wanted = network.state()
    if not isinstance(weights, dict) or set(weights) != set(wanted):
        raise FormatError(f"{who} needs the weights of this network, got {excerpt(weights)}")
    least = {
        f"{i}.{letter}": number
        for i, layer in enumerate(network.layers)
        for letter, number in layer.least_values.items()
    }
    return {
        name: _like(
            checked_rows(weights[name], shape(rows_of(value)), name, who, least.get(name)), value
        )
        for name, value in wanted.items()
    }


def _like(rows: list[list[float]], value: Values) -> Values:
    return rows if value and isinstance(value[0], list) else rows[0]


class SavedRun(NamedTuple):
    """A training in the middle, or at its end; its numbers are in the network's `training`.

    history:      of all its epochs so far
    callbacks:    the states of its callbacks; see `states_of`
    best_loss, best_weights: of the epoch with the least validation loss; infinite and None without
    last_weights: those after the latest epoch, if a callback has since put others into the network
    of:           what it trains on and how, by name, if that is known
    engine:       the engine and the state of its program; kept beside the run, in `training`
    """

    history: History
    callbacks: list[dict[str, Any]]
    best_loss: float = float("inf")
    best_weights: dict[str, Values] | None = None
    last_weights: dict[str, Values] | None = None
    of: dict[str, Any] | None = None
    engine: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the run in JSON's types."""
        found: dict[str, Any] = {
            "history": history_to_dict(self.history),
            "callbacks": self.callbacks,
        }
        if self.best_weights is not None:
            found["best"] = {"loss": self.best_loss, "weights": self.best_weights}
        if self.last_weights is not None:
            found["last"] = self.last_weights
        if self.of:
            found["of"] = self.of
        return found

    @classmethod
    def from_dict(cls, saved: object, network: Sequential) -> SavedRun:
        """Return the run of this network that `to_dict` described."""
        who = "a saved run"
        if not isinstance(saved, dict):
            raise FormatError(f"{who} needs to be an object, got {excerpt(saved)}")
        callbacks, of = saved.get("callbacks"), saved.get("of")
        if not isinstance(callbacks, list) or not all(map(_is_state, callbacks)):
            raise FormatError(f"{who} needs callbacks to be a list of types and states")
        if of is not None and not isinstance(of, dict):
            raise FormatError(f"{who} needs its description to be an object, got {excerpt(of)}")
        run = cls(saved_history(saved.get("history")), callbacks, of=of)
        best = saved.get("best")
        if best is not None:
            if not isinstance(best, dict):
                raise FormatError(f"{who} needs best to be an object, got {excerpt(best)}")
            loss = saved_curve([best.get("loss")], "the best loss")[0]
            weights = saved_weights(who, best.get("weights"), network)
            run = run._replace(best_loss=loss, best_weights=weights)
        return run._replace(last_weights=saved_weights(who, saved.get("last"), network))


def _is_state(saved: object) -> bool:
    return (
        isinstance(saved, dict)
        and isinstance(saved.get("type"), str)
        and isinstance(saved.get("state"), dict)
    )
