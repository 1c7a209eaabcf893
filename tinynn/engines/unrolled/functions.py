"""The straight-line source of whole functions: a network's training step, and its prediction.

The training function keeps the weights in local variables from the first batch of a call to the
last. It returns new weights and does not change its arguments, so an error or Ctrl-C changes
nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence, Tuple

from ...formulas import LAYER_FORMULAS
from ...formulas.expressions import SIGNED, in_parentheses
from ..optimizer_source import (
    counts_steps,
    in_words,
    write_clipping,
    write_step_constants,
    write_update,
)
from ..plans import LayerPlan, TrainingPlan
from ..source import ZEROS, SourceWriter, total
from .layers import Backward, Forward, Group, Numbers, parameter_names
from .losses import write_loss

# CPython accesses a function's first 256 local names with one instruction, later ones with two.
# Measured on 3.8, 3.11 and 3.13: listing the most used names first gains 3 to 10 %.
FAST_LOCALS = 256
HOT_NAME = r"\b[xtradzp]\d+(?:_\d+)?(?:s\d+)?\b"

OVERFLOWING = ("Sigmoid", "SiLU", "Softmax", "LogSoftmax")  # where exp gets large numbers


def may_overflow(kind: str) -> bool:
    """Return whether the quick form of a layer may raise OverflowError."""
    formula = LAYER_FORMULAS.get(kind)
    return kind in OVERFLOWING or (formula is not None and formula.own)


Row = Tuple[float, ...]


class Mode(NamedTuple):
    """What a training function assumes about batches and data.

    single: each batch is one row; weighted: rows end with their sample weights; simple: see
    `targets_are_simple`; rows: a tiny data set that is written into the source as numbers: each
    batch is all of it, in this order, or, if `single`, any one of its rows.
    """

    single: bool = False
    weighted: bool = False
    simple: bool = False
    rows: tuple[Row, ...] = ()

    @property
    def weights(self) -> list[float]:
        """The weights of `rows`."""
        return [row[-1] if self.weighted else 1.0 for row in self.rows]

    @property
    def total(self) -> float:
        """The sum of the weights of the rows in a batch of `rows`."""
        return 1.0 if self.single else sum(self.weights)


def takes_products(plan: TrainingPlan) -> bool:
    """Return whether source with rows expects learning rates multiplied by the factors in k."""
    return plan.folds and not plan.setting("weight_decay")


def training_source(plan: TrainingPlan, mode: Mode) -> str:
    """Return the source of `train(state, rows, batches, learning_rates, step, draws)`.

    state: the weights as one tuple, then each of the optimizer's memories as one; rows: tuples of
    inputs, targets, weight; batches: lists of row numbers; draws: a function for each Dropout
    layer. The function returns the batches' mean losses and the new state. See `takes_products`.
    """
    return str(_TrainingSource(plan, mode).code)


def prediction_source(
    layers: Sequence[LayerPlan], inputs: int, numbers: Numbers | None, careful: bool = False
) -> str:
    """Return the source of `predict(row)`, with the parameters written into it as numbers.

    If an exp overflows, it calls `careful`, the function from the `careful` source; if an output
    may not be finite, `checked`, which takes the outputs. Without `numbers`, return the source of
    `predict(weights, rows)`, which checks nothing and returns rows.
    """
    x = [f"x{i}" for i in range(inputs)]
    code = SourceWriter()
    if numbers is not None:
        code("def predict(row):")
        code.depth += 1
        guarded = not careful and any(may_overflow(layer.kind) for layer in layers)
        if guarded:
            code("try:")
            code.depth += 1
        code(f"{', '.join(x)}, = row")
        held = Forward(code, layers, x, False, numbers=numbers, careful=careful).held
        known = total(held[-1])
        if known != "0.0":
            code.comment("what is not finite, minus itself, is not 0")
            code(f"y = {known}", f"if y - y: return checked([{', '.join(held[-1])}])")
        code(f"return [{', '.join(held[-1])}]")
        if guarded:
            code.depth -= 1
            code("except OverflowError:", "    return careful(row)")
        return str(code)
    names = parameter_names(layers)
    code("def predict(weights, rows):")
    code.depth += 1
    if names:
        code.wrapped(names, "(", ") = weights")
    code("answers = []")
    with code.block(f"for {', '.join(x)}, in rows:"):
        held = Forward(code, layers, x, False, careful=careful).held
        code(f"answers.append([{', '.join(held[-1])}])")
    code("return answers")
    return str(code)


class _TrainingSource:
    """Writes a training function; its methods share the plan, the mode and the names."""

    def __init__(self, plan: TrainingPlan, mode: Mode) -> None:
        self.plan, self.mode = plan, mode
        self.names = parameter_names(plan.layers)
        self.trained = parameter_names(plan.layers, trained=True)
        self.x = [f"x{i}" for i in range(plan.inputs)]
        self.t = [f"t{j}" for j in range(plan.outputs)]
        self.decay = bool(plan.setting("weight_decay"))
        self.code = SourceWriter()
        self._head()
        if mode.single and mode.rows:
            self._constant_samples()
        elif mode.single:
            self._single_samples()
        elif mode.rows:
            self._constant_batches()
        else:
            self._batches()
        self._foot()

    def _head(self) -> None:
        code, plan = self.code, self.plan
        code("def train(state, rows, batches, learning_rates, step, draws):")
        code.depth += 1
        code('"""Train on batches of row numbers; return their mean losses and the new weights.')
        layers = ", ".join(map(str, plan.layers))
        code("", f"{layers or 'No layers'}; loss {plan.loss}; optimizer {plan.optimizer}.", "")
        code(
            "x: inputs, t: targets, W0_1_2: weight of layer 0 from input 1 to output 2, b0_2: its",
            "bias, z0_2: the sum, a1_2: activation, d0_2: derivative of the loss by z0_2.",
            '"""',
        )
        if self.names:
            if plan.memories:
                code(f"(weights, {', '.join(plan.memories)}) = state")
            else:
                code("(weights,) = state")
            code.wrapped(self.names, "(", ") = weights")
            for memory in plan.memories:
                code.wrapped([f"{memory}_{w}" for w in self.names], "(", f") = {memory}")
        noisy = [f"draw{layer.place}" for layer in plan.layers if layer.kind == "Dropout"]
        if noisy:
            code(f"({', '.join(noisy)},) = draws")
        code("losses = []")

    def _foot(self) -> None:
        code, plan = self.code, self.plan
        code.depth = 1
        if self.names:
            code.wrapped(self.names, "weights = (", ")")
            for memory in plan.memories:
                code.wrapped([f"{memory}_{w}" for w in self.names], f"{memory} = (", ")")
            code(f"return losses, ({', '.join(['weights', *plan.memories])},)")
        else:
            code("return losses, state")
        copies = 1 if self.mode.single and plan.folds else 2 + len(plan.memories)
        if len(self.names) * copies > FAST_LOCALS // 2:
            hot = list(dict.fromkeys(re.findall(HOT_NAME, "\n".join(code.lines))))
            first = ["    # the most used names come first: Python accesses them fastest"]
            first += [f"    {' = '.join(hot[k : k + 8])} = 0.0" for k in range(0, len(hot), 8)]
            after_docstring = code.lines.index('    """') + 1
            code.lines[after_docstring:after_docstring] = first

    def _sample(
        self, x: list[str], t: list[str], k: str, record: str, sample: str = ""
    ) -> list[Group]:
        """Write one sample's forward and backward pass; `record` is the line for its loss."""
        code, plan = self.code, self.plan
        forward = Forward(code, plan.layers, x, True, sample)
        loss = write_loss(code, plan, forward.held[-1], t, k, self.mode.simple)
        # A product is one factor: 3.0 * (a * b) is not 3.0 * a * b to the last bit.
        code(record.format(loss=loss.loss, factor=in_parentheses(loss.loss, SIGNED)))
        top = len(plan.layers) - 1 - loss.skipped
        return Backward(forward, loss.derivatives, top).groups

    def _each_term(self, groups: list[Group], line: str) -> None:
        """Write `line` for each derivative {g} by a parameter {w}, except those known to be 0."""
        for condition, terms in groups:
            lines = [line.format(w=t.parameter, g=t) for t in terms if str(t) not in ZEROS]
            if condition and len(lines) > 1:
                with self.code.block(f"if {condition}:"):
                    self.code(*lines)
            else:
                self.code(*lines)

    def _folded_rate(self, share: str) -> str:
        """Write k, the factor of all derivatives, with the learning rate in it."""
        self.code(f"k = {share}rate")
        return "k"

    def _kept(self, w: str) -> str:
        """Return the source of the weight w after weight decay, before the step."""
        return f"keep * {w}" if self.plan.decays(w) else w

    def _single_samples(self) -> None:
        code, plan = self.code, self.plan
        scale = plan.derivative_scale
        with code.block(
            f"for rate, ({', '.join(self.x + self.t)}) in zip("
            "learning_rates, map(rows.__getitem__, chain.from_iterable(batches))):"
        ):
            k = repr(scale)
            if plan.folds:
                code.comment("the derivatives d below include the learning rate")
                k = self._folded_rate(f"{k} * ") if scale != 1.0 else "rate"
            groups = self._single_sample(self.x, self.t, k)
            if plan.folds and not self.decay:
                code.comment("update: W = W - rate dW")
                self._each_term(groups, "{w} -= {g}")
            elif plan.folds:
                write_step_constants(code, plan)
                code.comment("update: W = W - rate (dW + decay W)")
                terms = [term for group in groups for term in group.terms]
                code(*[f"{g.parameter} = {self._kept(g.parameter)} - {g}" for g in terms])
            elif plan.clip_norm is not None or plan.clip_value is not None:
                code.comment("the derivatives by the weights")
                terms = [term for group in groups for term in group.terms]
                code(*[f"d{term.parameter} = {term}" for term in terms])
                self._clipped_updates()
            else:
                write_step_constants(code, plan)
                code.comment(f"update: {in_words(plan)}")
                for group in groups:
                    for term in group.terms:
                        write_update(code, plan, term.parameter, str(term))
                self._count_step()

    def _single_sample(self, x: list[str], t: list[str], k: str) -> list[Group]:
        share = self.plan.loss_scale
        record = "{loss}" if share == 1.0 else f"{share!r} * {{factor}}"
        return self._sample(x, t, k, f"losses.append({record})")

    def _constant_samples(self) -> None:
        """Write a step for every row of a tiny data set, when each batch is one of its rows.

        For plans that take products.
        """
        code, rows = self.code, self.mode.rows
        scale = self.plan.derivative_scale
        code.comment(f"k: learning rate times {scale!r}, a factor of all derivatives d")
        with code.block("for k, i in zip(learning_rates, chain.from_iterable(batches)):"):
            for s, row in enumerate(rows):
                x, t = self._written(row)
                word = "if" if s == 0 else "elif"
                with code.block("else:" if 0 < s == len(rows) - 1 else f"{word} i == {s}:"):
                    code.comment(f"{', '.join(x)} -> {', '.join(t)}")
                    self._each_term(self._single_sample(x, t, "k"), "{w} -= {g}")

    def _written(self, row: Row) -> tuple[list[str], list[str]]:
        """Return a row's inputs and targets as source."""
        values = [repr(value + 0.0) for value in row]
        return values[: self.plan.inputs], values[self.plan.inputs :][: self.plan.outputs]

    def _batches(self) -> None:
        code, plan, mode = self.code, self.plan, self.mode
        scale, share = plan.derivative_scale, plan.loss_scale
        if plan.folds and not self.decay and self.trained:
            code.comment("next_W: W after the batch; all samples of a batch see the same W")
            code(*[f"next_{w} = {w}" for w in self.trained])
        with code.block("for rate, batch in zip(learning_rates, batches):"):
            if plan.folds and self.decay:
                write_step_constants(code, plan)
                code(*[f"next_{w} = {self._kept(w)}" for w in self.trained])
            if not plan.folds:
                for k in range(0, len(self.trained), 6):
                    code(" = ".join(f"d{w}" for w in self.trained[k : k + 6]) + " = 0.0")
            none = " if n else 0.0" if mode.weighted else ""
            code("n = sum([rows[i][-1] for i in batch])" if mode.weighted else "n = len(batch)")
            if plan.folds:
                code.comment("the derivatives d below include the learning rate")
            code(f"k = {scale!r} / n{' * rate' if plan.folds else ''}{none}", "loss = 0.0")
            columns = self.x + self.t + (["u"] if mode.weighted else [])
            with code.block(f"for {', '.join(columns)} in map(rows.__getitem__, batch):"):
                if mode.weighted:
                    code("ku = k * u")
                    groups = self._sample(self.x, self.t, "ku", "loss += u * {factor}")
                else:
                    groups = self._sample(self.x, self.t, "k", "loss += {loss}")
                code.comment("add up over the batch")
                self._each_term(groups, "next_{w} -= {g}" if plan.folds else "d{w} += {g}")
            code(f"losses.append({share!r} / n * loss{none})")
            if plan.folds:
                code.comment("update")
                code(*[f"{w} = next_{w}" for w in self.trained])
            else:
                self._clipped_updates()

    def _constant_batches(self) -> None:
        """Write out every row of a tiny data set, bit for bit with the arithmetic of `_batches`.

        Products with an input of 0 are left out, which can only change the sign of a zero sum.
        """
        code, plan, mode = self.code, self.plan, self.mode
        weights, n = mode.weights, mode.total
        k = plan.derivative_scale / n
        terms: dict[str, list[str]] = {}
        losses = []
        if takes_products(plan):
            code.comment(f"k: learning rate times {k!r}, a factor of all derivatives d")
        with code.block(f"for {'k' if takes_products(plan) else 'rate'} in learning_rates:"):
            if plan.folds and self.decay:
                code.comment("the derivatives d below include the learning rate")
                self._folded_rate(f"{k!r} * ")
            for s, (row, u) in enumerate(zip(mode.rows, weights)):
                x, t = self._written(row)
                code.comment(f"sample {s}: {', '.join(x)} -> {', '.join(t)}")
                ku = "k" if plan.folds else repr(k * u)
                if plan.folds and mode.weighted:
                    code(f"ku = k * {u!r}")
                    ku = "ku"
                loss = f"{u!r} * {{factor}}" if mode.weighted else "{loss}"
                groups = self._sample(x, t, ku, f"loss{s} = {loss}", f"s{s}")
                losses.append(f"loss{s}")
                for group in groups:
                    for term in group.terms:
                        terms.setdefault(term.parameter, []).append(str(term))
            code(f"losses.append({plan.loss_scale / n!r} * ({total(losses)}))")
            if plan.folds:
                code.comment("update: W = W - rate (dW, summed over the samples)")
                if self.decay:
                    write_step_constants(code, plan)
                for w in self.trained:
                    parts = [part for part in terms[w] if part not in ZEROS]
                    if parts or plan.decays(w):
                        code(f"{w} = " + " - ".join([self._kept(w), *parts]))
            else:
                code.comment("derivatives by the weights, summed over the samples")
                code(*[f"d{w} = {total(terms[w])}" for w in self.trained])
                self._clipped_updates()

    def _clipped_updates(self) -> None:
        """Write clipping and updates; the derivatives already have their names."""
        code, plan = self.code, self.plan
        write_clipping(code, plan, self.trained)
        write_step_constants(code, plan)
        code.comment(f"update: {in_words(plan)}")
        for w in self.trained:
            write_update(code, plan, w, f"d{w}")
        self._count_step()

    def _count_step(self) -> None:
        if counts_steps(self.plan):
            self.code("step += 1")
