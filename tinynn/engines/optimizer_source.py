"""The source of clipping and of the optimizers' updates, one weight at a time.

`w` is the source of a weight: a name, W0_1_2, or an element of a list, W0[q]. Its derivative is
then dW0_1_2 or dW0[q], and the optimizer's memory of it m_W0_1_2 or m_W0[q].
"""

from __future__ import annotations

from typing import Sequence

from .plans import TrainingPlan
from .source import SourceWriter, braced

IN_WORDS = {
    "sgd": "W = W - rate dW",
    "momentum": "velocity = momentum velocity + dW, W = W - rate velocity",
    "adagrad": "squares = squares + dW^2, W = W - rate dW / (sqrt(squares) + eps)",
    "rmsprop": "v = alpha v + (1 - alpha) dW^2, W = W - rate dW / (sqrt(v) + eps)",
    "adam": "m and v: running means of dW and dW^2, W = W - rate m / (sqrt(v) + eps)",
    "adamw": "W = W - rate decay W, then as in Adam: W = W - rate m / (sqrt(v) + eps)",
}


def in_words(plan: TrainingPlan) -> str:
    """Return the formula of the plan's optimizer, for a comment."""
    return IN_WORDS["momentum" if plan.optimizer == "sgd" and plan.memories else plan.optimizer]


def write_step_constants(code: SourceWriter, plan: TrainingPlan) -> None:
    """Write what an update needs once, not for each weight."""
    decay = plan.setting("weight_decay")
    if decay and (plan.folds or plan.optimizer == "adamw"):
        code(f"keep = 1.0 - rate * {decay!r}")
    if plan.setting("dampening") and plan.memories:
        code(f"fresh = 1.0 if step == 1 else {1.0 - plan.setting('dampening')!r}")
    if plan.setting("lr_decay"):
        code(f"rate = rate / (1.0 + (step - 1) * {plan.setting('lr_decay')!r})")
    if plan.optimizer in ("adam", "adamw"):
        code.comment("rate and eps correct for m and v having started at 0")
        code(
            f"root = sqrt(1.0 - {plan.setting('beta2')!r} ** step)",
            f"rate = rate * root / (1.0 - {plan.setting('beta1')!r} ** step)",
            f"tiny = {plan.setting('eps')!r} * root",
        )


def counts_steps(plan: TrainingPlan) -> bool:
    """Return whether an update depends on `step`, its number."""
    damped = bool(plan.setting("dampening") and plan.memories)
    return plan.optimizer in ("adam", "adamw") or damped or bool(plan.setting("lr_decay"))


def write_update(code: SourceWriter, plan: TrainingPlan, w: str, g: str) -> None:
    """Write the update of the weight w; g is the source of its derivative. Not for plain SGD."""
    if plan.decays(w) and plan.optimizer != "adamw":
        code(f"g = {g} + {plan.setting('weight_decay')!r} * {w}")
        g = "g"
    elif " " in g and (plan.optimizer != "sgd" or plan.setting("nesterov")):
        code(f"g = {g}")
        g = "g"
    if plan.optimizer == "sgd":
        _write_momentum(code, plan, w, g)
    elif plan.optimizer == "adagrad":
        code(
            f"squares_{w} += {g} * {g}",
            f"{w} -= rate * {g} / (sqrt(squares_{w}) + {plan.setting('eps')!r})",
        )
    elif plan.optimizer == "rmsprop":
        _write_rmsprop(code, plan, w, g)
    else:
        _write_adam(code, plan, w, g)


def _write_momentum(code: SourceWriter, plan: TrainingPlan, w: str, g: str) -> None:
    if not plan.memories:
        code(f"{w} -= rate * {braced(g)}")
        return
    momentum = plan.setting("momentum")
    fresh = f"fresh * {braced(g)}" if plan.setting("dampening") else g
    code(f"velocity_{w} = {momentum!r} * velocity_{w} + {fresh}")
    nesterov = f"({g} + {momentum!r} * velocity_{w})"
    code(f"{w} -= rate * {nesterov if plan.setting('nesterov') else f'velocity_{w}'}")


def _write_rmsprop(code: SourceWriter, plan: TrainingPlan, w: str, g: str) -> None:
    alpha, momentum = plan.setting("alpha"), plan.setting("momentum")
    code(f"v_{w} = {alpha!r} * v_{w} + {1.0 - alpha!r} * {g} * {g}")
    spread = f"v_{w}"
    if plan.setting("centered"):
        # A variance is never negative, but its rounded difference can be.
        code(f"mean_{w} = {alpha!r} * mean_{w} + {1.0 - alpha!r} * {g}")
        code(f"spread = v_{w} - mean_{w} * mean_{w}")
        spread = "spread if spread > 0.0 else 0.0"
    step = f"{g} / (sqrt({spread}) + {plan.setting('eps')!r})"
    if momentum:
        code(f"velocity_{w} = {momentum!r} * velocity_{w} + {step}")
        step = f"velocity_{w}"
    code(f"{w} -= rate * {step}")


def _write_adam(code: SourceWriter, plan: TrainingPlan, w: str, g: str) -> None:
    beta2 = plan.setting("beta2")
    code(
        f"m_{w} += {1.0 - plan.setting('beta1')!r} * ({g} - m_{w})",
        f"v_{w} = {beta2!r} * v_{w} + {1.0 - beta2!r} * {g} * {g}",
    )
    second = f"v_{w}"
    if plan.setting("amsgrad"):
        code(f"if v_{w} > v_max_{w}: v_max_{w} = v_{w}")
        second = f"v_max_{w}"
    step = f"rate * m_{w} / (sqrt({second}) + tiny)"
    if plan.optimizer == "adamw" and plan.decays(w):
        code(f"{w} = keep * {w} - {step}")
    else:
        code(f"{w} -= {step}")


def write_clipping(code: SourceWriter, plan: TrainingPlan, names: Sequence[str]) -> None:
    """Write the clipping of the derivatives by the named weights."""
    if not names:
        return
    if plan.clip_value is not None:
        limit = repr(float(plan.clip_value))
        code.comment(f"every derivative is clipped to -{limit} ... {limit}")
        for w in names:
            code(f"if d{w} > {limit}: d{w} = {limit}", f"elif d{w} < -{limit}: d{w} = -{limit}")
    if plan.clip_norm is not None:
        limit = repr(float(plan.clip_norm))
        code.comment(f"the norm of all derivatives is clipped to {limit}")
        code.wrapped([f"d{w}" for w in names], "norm = hypot(", ")")
        code(f"shrink = {limit} / (norm + 1e-6)")
        with code.block("if shrink < 1.0:"):
            code(*[f"d{w} *= shrink" for w in names])


def write_loop_clipping(code: SourceWriter, plan: TrainingPlan, names: Sequence[str]) -> None:
    """Write clipping for lists of derivatives."""
    if plan.clip_value is not None:
        limit = repr(float(plan.clip_value))
        for w in names:
            with code.block(f"for q in range(len(d{w})):"):
                code(f"if d{w}[q] > {limit}: d{w}[q] = {limit}")
                code(f"elif d{w}[q] < -{limit}: d{w}[q] = -{limit}")
    if plan.clip_norm is not None and names:
        code(f"norm = hypot({', '.join(f'hypot(*d{w})' for w in names)})")
        code(f"shrink = {float(plan.clip_norm)!r} / (norm + 1e-6)")
        with code.block("if shrink < 1.0:"):
            for w in names:
                with code.block(f"for q in range(len(d{w})):"):
                    code(f"d{w}[q] *= shrink")
