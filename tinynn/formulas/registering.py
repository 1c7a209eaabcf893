"""`register`: a caller's own class becomes known by name, as the library's own classes are."""

from __future__ import annotations

from typing import Any, Callable, Mapping, MutableMapping, Sequence, TypeVar, cast

from ..checks.settings import is_number
from ..checks.words import excerpt
from ..errors import SettingError
from ..lesson.activation_layers import Activation
from ..lesson.initializers import INITIALIZERS, Initializer
from ..lesson.layer import Layer
from ..lesson.loss import Loss
from ..lesson.losses import LOSSES
from ..lesson.network import KINDS
from ..lesson.optimizer import Optimizer
from ..lesson.optimizers import OPTIMIZERS
from ..lesson.schedule import Schedule
from ..lesson.schedules import SCHEDULES
from . import losses, optimizers
from .activations import ACTIVATIONS
from .caches import forget
from .comparison import check_layer, check_loss, check_update
from .contracts import base_of, check_contract, default_object
from .expressions import Tree
from .indexed_loops import LoopLanguage, Loops
from .normalizations import NORMALIZATIONS
from .optimizers import UpdateFormula
from .own_programs import Given, Names, ends_with
from .programs import Assignment, Each, LayerFormula, Let, LossFormula, Program, Total

K = TypeVar("K", bound=type)

# Names with a meaning elsewhere: an optimizer of whole tables, and what estimators call losses.
_RESERVED = {"lbfgs", "gradient_sum", "squared_error", "absolute_error"}
_CLASSES: Mapping[type, Mapping[str, Any]] = {
    Layer: KINDS,
    Loss: LOSSES,
    Optimizer: OPTIMIZERS,
    Schedule: SCHEDULES,
    Initializer: INITIALIZERS,
}


def register(
    kind: K,
    value: Given | None = None,
    derivative: Given | None = None,
    *,
    joint: Given | None = None,
    update: Given | None = None,
    once: Mapping[str, str] | None = None,
) -> K:
    """Make a class of your own known by name, and return it, so that this can be a decorator.

    The class is derived from `Layer`, `Activation`, `Loss`, `Optimizer`, `Schedule` or
    `Initializer`. It can then be saved and loaded with a model, and be given by its name: a layer's
    is that of its class, any other's is its attribute `name`. A class of the same module and name
    is replaced, as when a notebook's cell runs again.

    With a *row program* all engines train it and all exports write it; without one, `lists` does.
    A program is a text, or a list of `Each`, `Total`, `Largest` and `Let` (`tinynn.formulas`):

        layer:      value gives y from z, derivative dy/dz from z and y; a list of statements for
                    the derivative assigns d, which is first dL/dy and at the end dL/dz
        loss:       value gives the loss of one output from y and t, derivative its derivative by
                    y; as statements, they assign loss, and d with the factor k; joint is
                    `logits_derivative`, for a loss with a partner
        optimizer:  update gives the new w from w, g, rate and what it remembers; once has numbers
                    that are needed once, as Python in rate and step, by name

    Settings are used by their names. The program is compared with the class at once.

    Raises SettingError for a class that lacks something, a name that is taken, or a program that
    does not compute what the class does. lesson/WRITE_YOUR_OWN.md has an example of each.
    """
    check_contract(kind)
    given: dict[str, Any] = {
        "value": value, "derivative": derivative, "joint": joint, "update": update, "once": once,
    }  # fmt: skip
    given = {name: program for name, program in given.items() if program is not None}
    base = base_of(kind)
    base = Layer if base is Activation else base
    name = kind.__name__ if base is Layer else kind.name  # type: ignore[attr-defined]
    _check_name(kind, name, base)
    if given:
        _take_program(kind, name, base, given)
    else:
        _drop_program(name, base)
    cast(MutableMapping[str, Any], _CLASSES[base])[name] = kind
    forget()
    return kind


def _check_name(kind: type, name: str, base: type) -> None:
    """Raise SettingError if a name is taken, unless by an earlier version of the same class."""
    taken = _CLASSES[base].get(name)
    if taken is None and not (base is Layer and name in NORMALIZATIONS) and name not in _RESERVED:
        return
    if taken is not None:
        same = (taken.__module__, taken.__qualname__) == (kind.__module__, kind.__qualname__)
        if same and not _is_ours(taken):
            return
    by = f"{taken.__module__}.{taken.__qualname__}" if taken else "the library"
    mend = "rename the class" if base is Layer else f"give {kind.__name__} another `name`"
    raise SettingError(
        f"{kind.__name__} needs a name of its own: {name!r} is taken by {by}; {mend}"
    )


def _is_ours(kind: Any) -> bool:
    return str(kind.__module__).split(".")[0] == __name__.split(".")[0]


# What each base's programs are called, as arguments of `register`: the necessary ones first.
_PROGRAMS: Mapping[type, tuple[Sequence[str], Sequence[str]]] = {
    Layer: (("value", "derivative"), ()),
    Loss: (("value", "derivative"), ("joint",)),
    Optimizer: (("update",), ("once",)),
    Schedule: ((), ()),
    Initializer: ((), ()),
}


def _take_program(kind: Any, name: str, base: type, given: Mapping[str, Any]) -> None:
    who = kind.__name__
    needed, more = _PROGRAMS[base]
    if not needed:
        raise SettingError(
            f"register needs no row program for the {base.__name__.lower()} {who}, which every "
            f"engine calls; got {', '.join(given)}"
        )
    missing = [part for part in needed if part not in given]
    unknown = [part for part in given if part not in (*needed, *more)]
    if missing or unknown:
        raise SettingError(
            f"register needs {' and '.join(needed)} for the row program of the "
            f"{base.__name__.lower()} {who}, got {', '.join(given)}"
        )
    if not (name.isidentifier() and name.isascii()):
        raise SettingError(
            f"{who} needs a name of plain letters, digits and _ for a row program, which is also "
            "written as C and JavaScript"
        )
    sample = default_object(kind)
    if sample is None:
        raise SettingError(
            f"{who} needs a default for each argument of its constructor, so that its row program "
            "can be compared with it"
        )
    if base is Layer:
        ACTIVATIONS[name] = _layer_formula(sample, given["value"], given["derivative"])
    elif base is Loss:
        formula = _loss_formula(sample, given)
        losses.LOSSES[losses.formula_name(name, sample.from_logits)] = formula
    else:
        optimizers.OPTIMIZERS[name] = _update_formula(sample, given["update"], given.get("once"))


def _drop_program(name: str, base: type) -> None:
    """Forget the program of an earlier version of a class."""
    if base is Layer:
        ACTIVATIONS.pop(name, None)
    elif base is Loss:
        for from_logits in (False, True):
            losses.LOSSES.pop(losses.formula_name(name, from_logits), None)
    elif base is Optimizer:
        optimizers.OPTIMIZERS.pop(name, None)


def _single_setting(who: str, settings: Mapping[str, object]) -> str:
    """Return the name of the only setting, "" if there is none."""
    if len(settings) > 1:
        raise SettingError(
            f"{who} needs at most one setting for a row program, got {', '.join(settings)}; it can "
            "be trained without one"
        )
    for name, value in settings.items():
        if not is_number(value):
            raise SettingError(
                f"{who} needs its setting {name} to be a number for a row program, got "
                f"{excerpt(value)}"
            )
        return name
    return ""


def _layer_formula(layer: Layer, value: Given, derivative: Given) -> LayerFormula:
    who = type(layer).__name__
    if type(layer).parameters is not Layer.parameters or type(layer).buffers is not Layer.buffers:
        raise SettingError(
            f"{who} needs no parameters and buffers for a row program, which cannot have any; it "
            "can be trained without one"
        )
    setting = _single_setting(who, layer.settings())
    names = Names(
        who, ["z"], ["n"], {setting: ("name", "c")} if setting else {}, fixed=("y", "d")
    )  # fmt: skip
    forward = names.program(_statements(value, lambda source: Each("y", source)))
    _needs(who, forward, "y", "value")
    names.take("row", "d")
    backward = names.program(
        _statements(derivative, lambda source: Each("d", _factor("d", source)))
    )
    _needs(who, backward, "d", "derivative")
    formula = LayerFormula(forward, backward, setting, own=True)
    _check_shared_rows(who, formula)
    check_layer(layer, formula)
    return formula


def _statements(given: Given, first: Callable[[str], Assignment]) -> Sequence[Any]:
    """Return the statements of a program; `first` makes one of a text."""
    if isinstance(given, str):
        return [first(given.strip())]
    return given if isinstance(given, (list, tuple)) else [given]


def _factor(name: str, source: str) -> str:
    return f"{name} * ({source})" if source else ""


def _needs(who: str, program: Program, name: str, what: str) -> None:
    if not ends_with(program, name, (Each,)):
        raise SettingError(f"the row program of {who} needs Each({name!r}, …) in its {what}")


def _check_shared_rows(who: str, formula: LayerFormula) -> None:
    """Raise SettingError unless one array can hold every row in turn, as in exported C."""
    shared = dict.fromkeys(["z", *[s.to for s in formula.forward if isinstance(s, Each)]], "x")
    try:
        Loops(LoopLanguage(), lambda line: None, "n", shared, str, ["y"]).run(formula.forward)
    except AssertionError as error:
        raise SettingError(
            f"the row program of {who} needs rows that can replace one another in one array: "
            f"{error}"
        ) from None


def _loss_formula(loss: Loss, given: Mapping[str, Any]) -> LossFormula:
    who = type(loss).__name__
    setting = _single_setting(who, loss.settings())
    if loss.partner is not None and "joint" not in given:
        raise SettingError(
            f"register needs joint for the row program of {who}, because it has the partner "
            f"{loss.partner}"
        )
    names = Names(
        who, ["y", "t"], (), {setting: ("name", "c")} if setting else {}, fixed=("loss", "d")
    )  # fmt: skip
    program = names.program(_statements(given["value"], lambda source: Total("loss", source)))
    if not ends_with(program, "loss", (Total, Let)):
        raise SettingError(
            f"the row program of {who} needs Total('loss', …) or Let('loss', …) in its value"
        )
    names.take("number", "k")
    parts = {}
    for part in ("derivative", "joint"):
        if part in given:
            parts[part] = names.program(
                _statements(given[part], lambda source: Each("d", _factor("k", source)))
            )
            _needs(who, parts[part], "d", part)
    formula = LossFormula(program, parts["derivative"], parts.get("joint", ()), setting=setting)
    return check_loss(loss, formula)


def _update_formula(
    optimizer: Optimizer, update: Given, once: Mapping[str, str] | None
) -> Callable[[optimizers.Settings, float], UpdateFormula]:
    who = type(optimizer).__name__
    kept = tuple(optimizer.start())
    for name, value in _numbers(optimizer).items():
        if not is_number(value) and not isinstance(value, bool):
            raise SettingError(
                f"{who} needs its setting {name} to be a number for a row program, got "
                f"{excerpt(value)}"
            )
    sources = dict(once or {})
    statements = _statements(update, lambda source: Each("w", source))

    def formula(settings: optimizers.Settings, decay: float) -> UpdateFormula:
        known = {**settings, "weight_decay": decay}
        trees: dict[str, Tree] = {name: ("number", float(v)) for name, v in known.items()}
        names = Names(
            who, ["w", "g", *kept], ["rate"], trees, fixed=("w", "g", "rate", *kept)
        )  # fmt: skip
        made = []
        for name, source in sources.items():
            made.append(names.once(name, source))
        program = names.program(statements)
        for name in ("w", *kept):
            _needs(who, program, name, "update")
        return UpdateFormula(made, program)

    def of(some: Optimizer) -> UpdateFormula:
        numbers = {name: float(v) for name, v in _numbers(some).items()}
        return formula(numbers, numbers.get("weight_decay", 0.0))

    check_update(optimizer, of)
    return formula


def _numbers(optimizer: Optimizer) -> dict[str, Any]:
    """Return the settings of an optimizer that its formula may use."""
    left_out = ("learning_rate", "decay_biases")
    return {k: v for k, v in optimizer.settings().items() if k not in left_out}
