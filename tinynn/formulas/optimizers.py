"""The optimizers of the lesson, and engines/gradient_sum.py, as row programs.

w is a row of weights, g their derivatives, and the other rows are the optimizer's memory, by the
names that it has in the lesson. `rate` is the learning rate of the update and `step` its number.

To add an optimizer, write it in the lesson, and its function here.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple, Sequence

from ..lesson.optimizer import Optimizer
from .programs import Each, Let, Program, Total

# Memory of sums or means of squares, of which roots are taken, and of sizes.
SQUARES = ("v", "v_max", "squares", "steps", "size")


class UpdateFormula(NamedTuple):
    """An update of the weights.

    once:     numbers that it needs once and not for each weight: their names, and Python source
              that uses `rate`, `step` and the names before it; `rate` itself may be among them
    program:  computes the new memory and w
    """

    once: Sequence[tuple[str, str]]
    program: Program


Settings = Mapping[str, float]


def update_formula(optimizer: str, settings: Settings, decays: bool) -> UpdateFormula:
    """Return the formula of the optimizer with this short name.

    settings: its settings as floats, without the learning rate; betas are beta1 and beta2
    decays:   whether its weight decay applies to these weights
    """
    decay = settings.get("weight_decay", 0.0) if decays else 0.0
    return OPTIMIZERS[optimizer](settings, decay)


def numbers_of(optimizer: Optimizer) -> tuple[tuple[str, Any], ...]:
    """Return an optimizer's settings for its formula: all but the learning rate, single numbers.

    >>> from tinynn.lesson.sign_optimizers import Lion
    >>> numbers_of(Lion())
    (('beta1', 0.9), ('beta2', 0.99), ('weight_decay', 0.0))
    """
    found: list[tuple[str, Any]] = []
    for name, value in optimizer.settings().items():
        if isinstance(value, (tuple, list)):
            found += [(f"{name[:-1]}{k}", part) for k, part in enumerate(value, 1)]
        elif name != "learning_rate":
            found.append((name, value))
    return tuple(found)


def _decayed(decay: float) -> list[Each]:
    return [Each("g", f"g + {decay!r} * w")] if decay else []


def _sgd(settings: Settings, decay: float) -> UpdateFormula:
    momentum = settings["momentum"]
    if not momentum:
        if not decay:
            return UpdateFormula([], [Each("w", "w - rate * g")])
        return UpdateFormula(
            [("keep", f"1.0 - rate * {decay!r}")], [Each("w", "keep * w - rate * g")]
        )
    damped = settings["dampening"]
    once = [("fresh", f"1.0 if step == 1 else {1.0 - damped!r}")] if damped else []
    fresh = "fresh * g" if damped else "g"
    step = f"(g + {momentum!r} * velocity)" if settings["nesterov"] else "velocity"
    program = [
        *_decayed(decay),
        Each("velocity", f"{momentum!r} * velocity + {fresh}"),
        Each("w", f"w - rate * {step}"),
    ]
    return UpdateFormula(once, program)


def _adagrad(settings: Settings, decay: float) -> UpdateFormula:
    slower = settings["lr_decay"]
    once = [("rate", f"rate / (1.0 + (step - 1) * {slower!r})")] if slower else []
    program = [
        *_decayed(decay),
        Each("squares", "squares + g * g"),
        Each("w", f"w - rate * g / (sqrt(squares) + {settings['eps']!r})"),
    ]
    return UpdateFormula(once, program)


def _rmsprop(settings: Settings, decay: float) -> UpdateFormula:
    alpha, momentum = settings["alpha"], settings["momentum"]
    program = [*_decayed(decay), Each("v", f"{alpha!r} * v + {1.0 - alpha!r} * g * g")]
    spread = "v"
    if settings["centered"]:
        program += [
            Each("mean", f"{alpha!r} * mean + {1.0 - alpha!r} * g"),
            # A variance is never negative, but its rounded difference can be.
            Each("spread", "v - mean * mean"),
            Each("spread", "0.0 if spread < 0.0 else spread"),
        ]
        spread = "spread"
    step = f"g / (sqrt({spread}) + {settings['eps']!r})"
    if momentum:
        program.append(Each("velocity", f"{momentum!r} * velocity + {step}"))
        step = "velocity"
    return UpdateFormula([], [*program, Each("w", f"w - rate * {step}")])


def _adam(settings: Settings, decay: float) -> UpdateFormula:
    return _adam_step(settings, _decayed(decay))


def _adamw(settings: Settings, decay: float) -> UpdateFormula:
    if not decay:
        return _adam_step(settings, [])
    return _adam_step(settings, [], [("keep", f"1.0 - rate * {decay!r}")], "keep * w")


def _adam_step(
    settings: Settings, before: list[Each], once: Sequence[tuple[str, str]] = (), w: str = "w"
) -> UpdateFormula:
    beta1, beta2 = settings["beta1"], settings["beta2"]
    once = [
        *once,
        # rate and tiny correct for m and v having started at 0
        ("root", f"sqrt(1.0 - {beta2!r} ** step)"),
        ("rate", f"rate * root / (1.0 - {beta1!r} ** step)"),
        ("tiny", f"{settings['eps']!r} * root"),
    ]
    program = [
        *before,
        Each("m", f"m + {1.0 - beta1!r} * (g - m)"),
        Each("v", f"{beta2!r} * v + {1.0 - beta2!r} * g * g"),
    ]
    largest = "v"
    if settings["amsgrad"]:
        program.append(Each("v_max", "v if v > v_max else v_max"))
        largest = "v_max"
    program.append(Each("w", f"{w} - rate * m / (sqrt({largest}) + tiny)"))
    return UpdateFormula(once, program)


def _nadam(settings: Settings, decay: float) -> UpdateFormula:
    beta1, beta2, eps = settings["beta1"], settings["beta2"], settings["eps"]
    share = f"{beta1!r} * (1.0 - 0.5 * 0.96 ** (%s * {settings['momentum_decay']!r}))"
    once = [
        ("mu", share % "step"),
        ("mu_next", share % "(step + 1)"),
        ("right", f"1.0 - {beta2!r} ** step"),
    ]
    program = [
        *_decayed(decay),
        Each("m", f"{beta1!r} * m + {1.0 - beta1!r} * g"),
        Each("v", f"{beta2!r} * v + {1.0 - beta2!r} * g * g"),
        Each("product", "product * mu"),
        Each("ahead", "mu_next * m / (1.0 - product * mu_next)"),
        Each("ahead", "(1.0 - mu) * g / (1.0 - product) + ahead"),
        Each("w", f"w - rate * ahead / (sqrt(v / right) + {eps!r})"),
    ]
    return UpdateFormula(once, program)


def _radam(settings: Settings, decay: float) -> UpdateFormula:
    beta1, beta2, eps = settings["beta1"], settings["beta2"], settings["eps"]
    most = 2.0 / (1.0 - beta2) - 1.0
    below = (most - 4.0) * (most - 2.0)
    once = [
        ("power", f"{beta2!r} ** step"),
        ("rho", f"{most!r} - 2.0 * step * power / (1.0 - power)"),
        ("plain", f"rate / (1.0 - {beta1!r} ** step)"),
        (
            "scaled",
            f"plain * sqrt((rho - 4.0) * (rho - 2.0) * {most!r} / ({below!r} * rho)"
            " * (1.0 - power)) if rho > 5.0 else 0.0",
        ),
        ("plain", "0.0 if rho > 5.0 else plain"),
    ]
    program = [
        *_decayed(decay),
        Each("m", f"{beta1!r} * m + {1.0 - beta1!r} * g"),
        Each("v", f"{beta2!r} * v + {1.0 - beta2!r} * g * g"),
        Each("w", f"w - m * (plain + scaled / (sqrt(v) + {eps!r}))"),
    ]
    return UpdateFormula(once, program)


def _adadelta(settings: Settings, decay: float) -> UpdateFormula:
    rho, eps = settings["rho"], settings["eps"]
    program = [
        *_decayed(decay),
        Each("v", f"{rho!r} * v + {1.0 - rho!r} * g * g"),
        Each("move", f"sqrt(steps + {eps!r}) / sqrt(v + {eps!r}) * g"),
        Each("steps", f"{rho!r} * steps + {1.0 - rho!r} * move * move"),
        Each("w", "w - rate * move"),
    ]
    return UpdateFormula([], program)


_SIGN = "(1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else {0})"


def _rprop(settings: Settings, decay: float) -> UpdateFormula:
    down, up = settings["eta1"], settings["eta2"]
    least, most = settings["step_size1"], settings["step_size2"]
    program = [
        Each("turn", "g * previous"),
        Each("size", f"size * ({up!r} if turn > 0.0 else {down!r} if turn < 0.0 else 1.0)"),
        Each("size", f"{least!r} if size < {least!r} else {most!r} if size > {most!r} else size"),
        Each("previous", "0.0 if turn < 0.0 else g"),
        Each("w", f"w - size * {_SIGN.format('previous')}"),
    ]
    return UpdateFormula([], program)


def _lion(settings: Settings, decay: float) -> UpdateFormula:
    beta1, beta2 = settings["beta1"], settings["beta2"]
    program = [
        Each("ahead", f"{beta1!r} * m + {1.0 - beta1!r} * g"),
        Each("m", f"{beta2!r} * m + {1.0 - beta2!r} * g"),
        Each("w", f"{'keep * w' if decay else 'w'} - rate * {_SIGN.format('ahead')}"),
    ]
    return UpdateFormula([("keep", f"1.0 - rate * {decay!r}")] if decay else [], program)


def _gradient_sum(settings: Settings, decay: float) -> UpdateFormula:
    return UpdateFormula([], [Each("total", "total + rate * g"), Each("w", "w")])


OPTIMIZERS: dict[str, Callable[[Settings, float], UpdateFormula]] = {
    "sgd": _sgd,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adamw,
    "nadam": _nadam,
    "radam": _radam,
    "adadelta": _adadelta,
    "rprop": _rprop,
    "lion": _lion,
    "gradient_sum": _gradient_sum,
}


def clipping_programs(clip_norm: float | None, clip_value: float | None) -> list[Program]:
    """Return lesson/clipping.py as row programs: g are all the derivatives of a network."""
    programs: list[Program] = []
    if clip_value is not None:
        high = repr(float(clip_value))
        programs.append([Each("g", f"{high} if g > {high} else -{high} if g < -{high} else g")])
    if clip_norm is not None:
        programs.append(
            [
                Total("squares", "g * g"),
                Let("shrink", f"{float(clip_norm)!r} / (sqrt(squares) + 1e-06)"),
                Let("shrink", "1.0 if shrink > 1.0 else shrink"),
                # There is a norm even where its square is infinite; NaN says that it is not known.
                Let("shrink", "shrink if squares < 1e999 else sqrt(0.0 - squares)"),
                Each("g", "shrink * g"),
            ]
        )
    return programs
