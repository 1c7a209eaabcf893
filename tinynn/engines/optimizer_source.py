"""The Python source of clipping and of the optimizers' updates, one weight at a time.

`w` is the source of a weight: a name, W0_1_2, or an element of a list, W0[q]. Its derivative is
then dW0_1_2 or dW0[q], and the optimizer's memory of it m_W0_1_2 or m_W0[q].
"""

from __future__ import annotations

from typing import Sequence

from ..formulas.caches import cached
from ..formulas.expressions import Template, filled, names, parsed, template
from ..formulas.programs import described
from .plans import TrainingPlan
from .source import SourceWriter


def in_words(plan: TrainingPlan) -> str:
    """Return the formula of the plan's optimizer, for a comment."""
    return described(plan.update(plan.decay_somewhere).program)


def write_step_constants(code: SourceWriter, plan: TrainingPlan) -> None:
    """Write what an update needs once, not for each weight."""
    code(*[f"{name} = {source}" for name, source in plan.update(plan.decay_somewhere).once])


def counts_steps(plan: TrainingPlan) -> bool:
    """Return whether an update depends on `step`, its number."""
    return any("step" in source for _, source in plan.update(True).once)


def write_update(code: SourceWriter, plan: TrainingPlan, w: str, g: str) -> None:
    """Write the update of the weight w; g is the source of its derivative."""
    lines, repeated = _templates(plan, plan.decays(w))
    if repeated and " " in g:
        code(f"g = {g}")
        g = "g"
    sources = {"w": w, "g": g}
    for to, pieces in lines:
        for name in (to, *[slot[0] for slot in pieces if not isinstance(slot, str)]):
            if name not in sources:
                sources[name] = f"{name}_{w}" if name in plan.memories else name
        if to == "g":
            sources["g"], g = "g", sources["g"]
            code(f"g = {filled(pieces, {**sources, 'g': g})}")
        else:
            code(f"{sources[to]} = {filled(pieces, sources)}")


@cached(64)
def _templates(plan: TrainingPlan, decays: bool) -> tuple[list[tuple[str, Template]], bool]:
    """Return each statement's name and template, and whether they use g as given repeatedly."""
    program = plan.update(decays).program
    trees = [parsed(statement.value) for statement in program]
    uses = [name for tree in trees for name in names(tree)]
    repeated = uses.count("g") > 1 and program[0].to != "g"
    return [(s.to, template(tree)) for s, tree in zip(program, trees)], repeated


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
