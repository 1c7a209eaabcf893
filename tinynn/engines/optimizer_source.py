"""The text of clipping and of the optimizers' updates, one weight at a time.

`w` is the text of a weight: a name, W0_1_2, or an element of a list, W0[q]. Its derivative is then
dW0_1_2 or dW0[q], and what the optimizer remembers of it, m_W0_1_2 or m_W0[q].
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


def write_step_constants(text: SourceWriter, plan: TrainingPlan) -> None:
    """Write what an update needs once, not once a weight."""
    decay = plan.setting("weight_decay")
    if decay and (plan.folds or plan.optimizer == "adamw"):
        text(f"keep = 1.0 - rate * {decay!r}")
    if plan.setting("dampening") and plan.memories:
        text(f"fresh = 1.0 if step == 1 else {1.0 - plan.setting('dampening')!r}")
    if plan.setting("lr_decay"):
        text(f"rate = rate / (1.0 + (step - 1) * {plan.setting('lr_decay')!r})")
    if plan.optimizer in ("adam", "adamw"):
        text.comment("m and v started at 0: rate and eps make up for it")
        text(
            f"root = sqrt(1.0 - {plan.setting('beta2')!r} ** step)",
            f"rate = rate * root / (1.0 - {plan.setting('beta1')!r} ** step)",
            f"tiny = {plan.setting('eps')!r} * root",
        )


def counts_steps(plan: TrainingPlan) -> bool:
    """Return whether an update depends on its number `step`."""
    damped = bool(plan.setting("dampening") and plan.memories)
    return plan.optimizer in ("adam", "adamw") or damped or bool(plan.setting("lr_decay"))


def write_update(text: SourceWriter, plan: TrainingPlan, w: str, g: str) -> None:
    """Write the update of the weight w; g is the text of its derivative. Not for plain SGD."""
    if plan.decays(w) and plan.optimizer != "adamw":
        text(f"g = {g} + {plan.setting('weight_decay')!r} * {w}")
        g = "g"
    elif " " in g and (plan.optimizer != "sgd" or plan.setting("nesterov")):
        text(f"g = {g}")
        g = "g"
    if plan.optimizer == "sgd":
        _write_momentum(text, plan, w, g)
    elif plan.optimizer == "adagrad":
        text(
            f"squares_{w} += {g} * {g}",
            f"{w} -= rate * {g} / (sqrt(squares_{w}) + {plan.setting('eps')!r})",
        )
    elif plan.optimizer == "rmsprop":
        _write_rmsprop(text, plan, w, g)
    else:
        _write_adam(text, plan, w, g)


def _write_momentum(text: SourceWriter, plan: TrainingPlan, w: str, g: str) -> None:
    if not plan.memories:
        text(f"{w} -= rate * {braced(g)}")
        return
    momentum = plan.setting("momentum")
    fresh = f"fresh * {braced(g)}" if plan.setting("dampening") else g
    text(f"velocity_{w} = {momentum!r} * velocity_{w} + {fresh}")
    nesterov = f"({g} + {momentum!r} * velocity_{w})"
    text(f"{w} -= rate * {nesterov if plan.setting('nesterov') else f'velocity_{w}'}")


def _write_rmsprop(text: SourceWriter, plan: TrainingPlan, w: str, g: str) -> None:
    alpha, momentum = plan.setting("alpha"), plan.setting("momentum")
    text(f"v_{w} = {alpha!r} * v_{w} + {1.0 - alpha!r} * {g} * {g}")
    spread = f"v_{w}"
    if plan.setting("centered"):
        # A variance is never negative, but its rounded difference can be.
        text(f"mean_{w} = {alpha!r} * mean_{w} + {1.0 - alpha!r} * {g}")
        text(f"spread = v_{w} - mean_{w} * mean_{w}")
        spread = "spread if spread > 0.0 else 0.0"
    step = f"{g} / (sqrt({spread}) + {plan.setting('eps')!r})"
    if momentum:
        text(f"velocity_{w} = {momentum!r} * velocity_{w} + {step}")
        step = f"velocity_{w}"
    text(f"{w} -= rate * {step}")


def _write_adam(text: SourceWriter, plan: TrainingPlan, w: str, g: str) -> None:
    beta2 = plan.setting("beta2")
    text(
        f"m_{w} += {1.0 - plan.setting('beta1')!r} * ({g} - m_{w})",
        f"v_{w} = {beta2!r} * v_{w} + {1.0 - beta2!r} * {g} * {g}",
    )
    second = f"v_{w}"
    if plan.setting("amsgrad"):
        text(f"if v_{w} > v_max_{w}: v_max_{w} = v_{w}")
        second = f"v_max_{w}"
    step = f"rate * m_{w} / (sqrt({second}) + tiny)"
    if plan.optimizer == "adamw" and plan.decays(w):
        text(f"{w} = keep * {w} - {step}")
    else:
        text(f"{w} -= {step}")


def write_clipping(text: SourceWriter, plan: TrainingPlan, names: Sequence[str]) -> None:
    """Write the clipping of the derivatives of the weights of these names."""
    if not names:
        return
    if plan.clip_value is not None:
        limit = repr(float(plan.clip_value))
        text.comment(f"every derivative is brought into -{limit} ... {limit}")
        for w in names:
            text(f"if d{w} > {limit}: d{w} = {limit}", f"elif d{w} < -{limit}: d{w} = -{limit}")
    if plan.clip_norm is not None:
        limit = repr(float(plan.clip_norm))
        text.comment(f"the norm of all derivatives together is brought down to {limit}")
        text.wrapped([f"d{w}" for w in names], "norm = hypot(", ")")
        text(f"shrink = {limit} / (norm + 1e-6)")
        with text.block("if shrink < 1.0:"):
            text(*[f"d{w} *= shrink" for w in names])


def write_loop_clipping(text: SourceWriter, plan: TrainingPlan, names: Sequence[str]) -> None:
    """Write the same for lists of derivatives."""
    if plan.clip_value is not None:
        limit = repr(float(plan.clip_value))
        for w in names:
            with text.block(f"for q in range(len(d{w})):"):
                text(f"if d{w}[q] > {limit}: d{w}[q] = {limit}")
                text(f"elif d{w}[q] < -{limit}: d{w}[q] = -{limit}")
    if plan.clip_norm is not None and names:
        text(f"norm = hypot({', '.join(f'hypot(*d{w})' for w in names)})")
        text(f"shrink = {float(plan.clip_norm)!r} / (norm + 1e-6)")
        with text.block("if shrink < 1.0:"):
            for w in names:
                with text.block(f"for q in range(len(d{w})):"):
                    text(f"d{w}[q] *= shrink")
