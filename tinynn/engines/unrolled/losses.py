"""The straight-line text of losses: the loss of one sample, and its derivatives by the outputs.

k is the text of what the derivatives are multiplied by: the sample's share in the batch, times the
learning rate where that goes into the derivatives at once. Logarithms are limited as in losses.py.
"""

from __future__ import annotations

from math import exp, log
from sys import float_info
from typing import NamedTuple, Sequence

from ...lesson.losses import LOWEST_LOG, SMALLEST_VARIANCE
from ...lesson.matrix import Matrix
from ..plans import TrainingPlan
from ..source import SourceWriter, braced, minus, product, total, write_guard

LEAST_BCE = repr(exp(LOWEST_LOG))  # the probability whose logarithm is the lowest
LEAST_CE = repr(float_info.min)
LARGEST_BCE_LOSS = repr(-LOWEST_LOG)
LARGEST_CE_LOSS = repr(-log(float_info.min))


class LossText(NamedTuple):
    """The text of a sample's loss (without `loss_scale`) and of its derivatives.

    The derivatives are by the outputs of the last layer but `skipped` ones.
    """

    loss: str
    derivatives: list[str]
    skipped: int


def targets_are_simple(loss: str, T: Matrix) -> bool:
    """Return whether all targets are 0 or 1 and, of several classes, one in each row is 1.

    Then one logarithm per output (bce), or per sample (ce), is enough.
    """
    if loss == "bce":
        return all(t_j in (0.0, 1.0) for t in T for t_j in t)
    return loss == "ce" and all(t.count(1.0) == 1 and t.count(0.0) == len(t) - 1 for t in T)


def write_loss(
    text: SourceWriter,
    plan: TrainingPlan,
    outputs: list[str],
    targets: list[str],
    k: str,
    simple: bool,
) -> LossText:
    """Write the loss of one sample; `simple`: see `targets_are_simple`."""
    if plan.loss == "bce":
        return _write_bce(text, plan, outputs, targets, k, simple)
    if plan.loss == "ce":
        return _write_ce(text, plan, outputs, targets, k, simple)
    if plan.loss == "hinge":
        return _write_hinge(text, outputs, targets, k)
    words = {
        "mse": "mean of r^2, r = output - target",
        "mae": "mean of |r|, r = output - target",
        "huber": "mean of r^2 / 2 up to delta, then delta (|r| - delta / 2), r = output - target",
    }[plan.loss]
    text.comment(f"loss {plan.loss}: {words}")
    errors = [f"r{j}" for j in range(len(outputs))]
    text(*[f"{r} = {minus(y, t)}" for r, y, t in zip(errors, outputs, targets)])
    if plan.loss == "mse":
        return LossText(total([f"{r} * {r}" for r in errors]), [product(k, r) for r in errors], 0)
    if plan.loss == "mae":
        signs = [f"({k} if {r} > 0.0 else -{k} if {r} < 0.0 else 0.0)" for r in errors]
        return LossText(total([f"abs({r})" for r in errors]), signs, 0)
    delta = repr(plan.delta)
    losses = []
    for j, r in enumerate(errors):
        text(f"h{j} = {r} if -{delta} <= {r} <= {delta} else {delta} if {r} > 0.0 else -{delta}")
        # Within delta h is r, and this is r * r / 2; beyond, it is delta * (|r| - delta / 2).
        losses.append(f"h{j} * ({r} - 0.5 * h{j})")
    return LossText(_sum(losses), [product(k, f"h{j}") for j in range(len(errors))], 0)


def _write_hinge(text: SourceWriter, outputs: list[str], targets: list[str], k: str) -> LossText:
    text.comment("loss hinge: mean of h where h > 0, h = 1 - target * output")
    losses, derivatives = [], []
    for j, (y, t) in enumerate(zip(outputs, targets)):
        text(f"h{j} = 1.0 - {product(t, y) or '0.0'}")
        losses.append(f"0.0 if h{j} <= 0.0 else h{j}")
        derivatives.append(f"(-{product(t, k) or '0.0'} if h{j} > 0.0 else 0.0)")
    return LossText(_sum(losses), derivatives, 0)


def _write_bce(
    text: SourceWriter,
    plan: TrainingPlan,
    outputs: list[str],
    targets: list[str],
    k: str,
    simple: bool,
) -> LossText:
    if plan.from_logits:
        text.comment("loss bce of z: -mean log p of the right answer; dz = p - target")
        P = [f"p{j}" for j in range(len(outputs))]
        text(*[f"{p} = 1.0 / (1.0 + exp(-{z}))" for p, z in zip(P, outputs)])
        losses = [_logits_loss(z, p, t) for z, p, t in zip(outputs, P, targets)]
        return LossText(_sum(losses), _differences(P, targets, k), 0)
    text.comment(
        "loss bce: -mean log p of the right answer"
        + ("; through the sigmoid: d = a - target" if plan.fused else "")
    )
    losses = []
    for j, (p, t) in enumerate(zip(outputs, targets)):
        if simple:
            right = f"{p} if {t} else 1.0 - {p}"
            text(f"l{j} = " + {"1.0": p, "0.0": f"1.0 - {p}"}.get(t, right))
            losses.append(f"{LARGEST_BCE_LOSS} if l{j} < {LEAST_BCE} else -log(l{j})")
        else:
            for name, value in ((f"l{j}", p), (f"m{j}", f"1.0 - {p}")):
                text(f"{name} = {value}")
                text(f"{name} = -{LARGEST_BCE_LOSS} if {name} < {LEAST_BCE} else log({name})")
            losses.append(f"({t} - 1.0) * m{j} - {t} * l{j}")
    if plan.fused:
        return LossText(_sum(losses), _differences(outputs, targets, k), 1)
    derivatives = [
        f"{product(k, f'({minus(p, t)})')} / max({p} * (1.0 - {p}), {SMALLEST_VARIANCE!r})"
        for p, t in zip(outputs, targets)
    ]
    return LossText(_sum(losses), derivatives, 0)


def _logits_loss(z: str, p: str, t: str) -> str:
    """Return (1 - t) z - log p, which is log(1 + e^-z) + (1 - t) z."""
    if t in ("0.0", "1.0"):
        return f"{z} - log({p})" if t == "0.0" else f"-log({p})"
    return f"(1.0 - {t}) * {z} - log({p})"


def _write_ce(
    text: SourceWriter,
    plan: TrainingPlan,
    outputs: list[str],
    targets: list[str],
    k: str,
    simple: bool,
) -> LossText:
    if plan.from_logits:
        return _write_ce_of_logits(text, outputs, targets, k, simple)
    text.comment(
        "loss ce: -log p of the right class" if simple else "loss ce: -sum of target * log p"
    )
    if simple:
        # All other targets are 0: this sum is the probability of the right class, to the last bit.
        text("l = " + total([product(t, p) for t, p in zip(targets, outputs)]))
        loss = f"{LARGEST_CE_LOSS} if l < {LEAST_CE} else -log(l)"
    else:
        for j, p in enumerate(outputs):
            text(f"l{j} = -{LARGEST_CE_LOSS} if {p} < {LEAST_CE} else log({p})")
        loss = f"-({total([product(t, f'l{j}') for j, t in enumerate(targets)])})"
    if plan.fused:
        text.comment("through the softmax: d = a - target")
        return LossText(loss, _class_differences(text, outputs, targets, k, simple), 1)
    derivatives = [
        f"-{product(t, k)} / max({p}, {LEAST_CE})" if t != "0.0" else "0.0"
        for p, t in zip(outputs, targets)
    ]
    return LossText(loss, derivatives, 0)


def _write_ce_of_logits(
    text: SourceWriter, outputs: list[str], targets: list[str], k: str, simple: bool
) -> LossText:
    text.comment("loss ce of z: -sum of target * log p, p = e^z / sum e^z; dz = p - target")
    columns = range(1, len(outputs))
    for j in columns:
        text(f"y{j} = {outputs[j]} - {outputs[0]}", f"u{j} = exp(y{j})")
    text("e = " + total(["1.0", *[f"u{j}" for j in columns]]))
    write_guard(text, len(outputs))
    text("p0 = 1.0 / e")
    text(*[f"p{j} = u{j} / e" for j in columns])
    P = [f"p{j}" for j in range(len(outputs))]
    derivatives = _class_differences(text, P, targets, k, simple)
    rest = braced(total([product(targets[j], f"y{j}") for j in columns]))
    logarithm = "log(e)" if simple else "right * log(e)"
    return LossText(minus(logarithm, rest), derivatives, 0)


def _class_differences(
    text: SourceWriter, P: Sequence[str], targets: Sequence[str], k: str, simple: bool
) -> list[str]:
    """Return the texts of p * (sum of targets) - target; the sum is 1 to the last bit if simple."""
    if simple:
        return _differences(P, targets, k)
    text(f"right = {total(targets)}")
    return _differences([f"{p} * right" for p in P], targets, k)


def _differences(P: Sequence[str], targets: Sequence[str], k: str) -> list[str]:
    differences = [minus(p, t) for p, t in zip(P, targets)]
    # In parentheses also where nothing is taken from a product, as it is where something is.
    return [product(k, f"({d})" if " " in d else d) for d in differences]


def _sum(losses: list[str]) -> str:
    """Return the text of the sum of the losses of several outputs, or the only one."""
    return total(list(map(braced, losses))) if len(losses) > 1 else losses[0]
