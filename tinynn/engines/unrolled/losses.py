"""The straight-line source of losses: one sample's loss, and its derivatives by the outputs."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

from ...formulas.losses import loss_formula
from ...formulas.programs import described
from ...formulas.straight_line import StraightLine
from ...lesson.matrix import Matrix
from ..plans import TrainingPlan
from ..source import SourceWriter


class LossSource(NamedTuple):
    """The source of a sample's loss (without `loss_scale`) and of its derivatives.

    The derivatives are by the network's outputs or, if `skipped` is 1, by the last layer's inputs.
    """

    loss: str
    derivatives: list[str]
    skipped: int


def targets_are_simple(loss: str, T: Matrix) -> bool:
    """Return whether all targets are 0 or 1 and, with several classes, each row has a single 1.

    Then one logarithm per output (bce) or per sample (ce) is enough.
    """
    if loss not in ("bce", "ce") or not {0.0, 1.0}.issuperset(chain.from_iterable(T)):
        return False
    return loss == "bce" or {*map(sum, T)} == {1.0}


def write_loss(
    write: SourceWriter,
    plan: TrainingPlan,
    outputs: list[str],
    targets: list[str],
    k: str,
    simple: bool,
) -> LossSource:
    """Write the loss of one sample; `simple`: see `targets_are_simple`.

    k is the source of the derivatives' factor: the sample's share in the batch, times the learning
    rate if the derivatives include it.
    """
    formula = loss_formula(plan.loss, plan.from_logits)
    loss, derivative = formula.parts(plan.fused, simple)
    write.comment(f"loss {plan.loss}: {described(loss)}")
    write.comment(f"{'through the last layer: ' if plan.fused else ''}{described(derivative)}")

    def name(to: str, column: int | None) -> str:
        return to if column is None else f"{to}{column}"

    straight = StraightLine(write, name, quick=True)
    straight.rows.update(y=outputs, t=targets)
    # Where the targets are simple, their sum is 1 exactly.
    straight.scalars.update(c=repr(plan.loss_number), k=k, right="1.0")
    given = ["right"] if simple else []
    straight.run(loss, ["loss"], given)
    straight.run(derivative, ["d"], given)
    return LossSource(straight.scalars["loss"], straight.rows["d"], int(plan.fused))
