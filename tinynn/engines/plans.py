"""Plans: everything that the source of a compiled engine depends on, without the weights.

A plan is hashable: equal plans give equal source, which is written and compiled only once. What a
plan leaves out (weights, learning rates, rows of data) is passed to the compiled functions.
"""

from __future__ import annotations

from typing import NamedTuple

from ..formulas import LAYER_FORMULAS
from ..formulas.losses import KINDS as LOSSES, loss_formula
from ..formulas.normalizations import scale_and_shift
from ..formulas.optimizers import UpdateFormula, update_formula
from ..lesson.activation_layers import Linear
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.loss import Loss
from ..lesson.matrix import Matrix, Vector
from ..lesson.network import KINDS, Sequential
from ..lesson.normalization import BatchNorm
from ..lesson.optimizer import Optimizer
from ..lesson.parameters import rows_of
from .contract import Recipe
from .gradient_sum import KNOWN as OPTIMIZERS

# The layers that are written without a row program, with the setting that each one's number is.
_WRITTEN = {"Dense": "", "Linear": "", "Dropout": "rate", "BatchNorm": "eps"}


class LayerPlan(NamedTuple):
    """One layer: its index in the network, its kind and widths, and the number in its formula.

    Kinds are the names of layers, and "Affine": y = gamma x + beta in each column. Batch
    normalization has a second number, its momentum.
    """

    place: int
    kind: str
    inputs: int
    outputs: int
    biased: bool = False
    number: float = 0.0
    momentum: float = 0.0

    def letters(self) -> tuple[str, ...]:
        """Return the names of the layer's parameters, in order."""
        if self.kind == "Dense":
            return ("W", "b") if self.biased else ("W",)
        return ("gamma", "beta") if self.kind in ("LayerNorm", "BatchNorm", "Affine") else ()

    def __str__(self) -> str:
        return f"{self.kind} {self.inputs} -> {self.outputs}" if self.kind == "Dense" else self.kind


class TrainingPlan(NamedTuple):
    """One training step: layers (without those that change nothing), loss and optimizer.

    `fused`: the loss's derivative includes the last layer's (see `Loss.logits_derivative`).
    `settings` are the optimizer's, without its learning rate; `memories` name what it remembers.
    """

    inputs: int
    layers: tuple[LayerPlan, ...]
    loss: str
    from_logits: bool
    loss_number: float
    fused: bool
    optimizer: str
    settings: tuple[tuple[str, object], ...]
    memories: tuple[str, ...]
    clip_norm: float | None
    clip_value: float | None

    @property
    def outputs(self) -> int:
        return self.layers[-1].outputs if self.layers else self.inputs

    @property
    def folds(self) -> bool:
        """Whether derivatives can include the learning rate: plain SGD without clipping."""
        unclipped = self.clip_norm is None and self.clip_value is None
        return self.optimizer == "sgd" and not self.memories and unclipped

    @property
    def loss_scale(self) -> float:
        """The factor of a sample's loss, besides its share in the batch."""
        return 1.0 / self.outputs if loss_formula(self.loss, self.from_logits).mean else 1.0

    @property
    def derivative_scale(self) -> float:
        """The factor of the loss's derivatives, besides the sample's share."""
        return self.loss_scale * loss_formula(self.loss, self.from_logits).factor

    @property
    def decay_somewhere(self) -> bool:
        """Whether weight decay applies to any parameter."""
        return self.setting("weight_decay") > 0.0

    def decays(self, parameter: str) -> bool:
        """Whether weight decay applies to a parameter with a name like W0_1_2."""
        vectors = ("decay_biases", False) not in self.settings
        return self.decay_somewhere and (vectors or parameter.startswith("W"))

    def update(self, decays: bool) -> UpdateFormula:
        """Return the formula of an update of weights that do or do not decay."""
        settings = {name: self.setting(name) for name, _ in self.settings}
        return update_formula(self.optimizer, settings, decays)

    def setting(self, name: str) -> float:
        """Return a setting of the optimizer as a float; 0 if it has no such setting."""
        for known, value in self.settings:
            if known == name:
                return float(value)  # type: ignore[arg-type]
        return 0.0


def unknown_layer(network: Sequential) -> str | None:
    """Return why a network has no plan for prediction, or None. Subclasses are unknown, too."""
    for index, layer in enumerate(network.layers):
        kind = type(layer).__name__
        known = kind in LAYER_FORMULAS or kind in _WRITTEN
        if not known or type(layer) is not KINDS.get(kind):
            return f"it has no formula for layer {index}, {layer!r}"
    return None


def unknown_part(recipe: Recipe, by_sample: bool = True) -> str | None:
    """Return why a recipe has no plan for training, or None.

    by_sample: whether the engine takes one sample after another through the network.
    """
    for index, layer in enumerate(recipe.network.layers):
        if by_sample and type(layer) is BatchNorm:
            return (
                f"layer {index}, {layer!r}, needs the whole batch at once, and this engine "
                "processes one sample at a time"
            )
    loss = recipe.loss
    if type(loss) is not LOSSES.get(loss.name):
        return f"it has no formula for the loss {loss!r}"
    if type(recipe.optimizer) is not OPTIMIZERS.get(recipe.optimizer.name):
        return f"it has no formula for the optimizer {recipe.optimizer!r}"
    return unknown_layer(recipe.network)


def widest(network: Sequential) -> int:
    """Return the largest number of inputs or outputs of a Dense layer, 0 if there is none."""
    widths = [(layer.inputs, layer.outputs) for layer in network.layers if type(layer) is Dense]
    return max(map(max, widths), default=0)


def plan_of(recipe: Recipe, inputs: int) -> TrainingPlan:
    """Return the plan of a recipe that has no `unknown_part`, for rows of `inputs` columns."""
    network, loss, optimizer, clip_norm, clip_value = recipe
    fused = loss.joins(network.layers[-1])
    return TrainingPlan(
        inputs, layer_plans(network, inputs), loss.name, loss.from_logits, loss_number(loss), fused,
        optimizer.name, _settings(optimizer), optimizer.memory_names, clip_norm, clip_value,
    )  # fmt: skip


def layer_plans(network: Sequential, inputs: int) -> tuple[LayerPlan, ...]:
    """Return the plans of a network's layers, without `Linear`."""
    plans = []
    columns = inputs
    for index, layer in enumerate(network.layers):
        if type(layer) is Linear:
            continue
        before, biased, number = columns, False, 0.0
        if type(layer) is Dense:
            columns, biased = layer.outputs, bool(layer.b)
        else:
            number = layer_number(layer)
        momentum = layer.momentum if type(layer) is BatchNorm else 0.0
        kind = type(layer).__name__
        plans.append(LayerPlan(index, kind, before, columns, biased, number, momentum))
    return tuple(plans)


class Frozen(NamedTuple):
    """A layer for prediction only, with its parameters as rows; a vector is one row."""

    plan: LayerPlan
    values: dict[str, Matrix]


def frozen(network: Sequential) -> list[Frozen]:
    """Return the layers that prediction needs; batch normalization joins a Dense layer before it.

    Y = (X W + b) ∘ s + t is a Dense layer again, with weights W ∘ s and bias b ∘ s + t. Without
    a Dense layer before it, it stays a scale and a shift.
    """
    layers: list[Frozen] = []
    columns = network.inputs or 0
    for index, layer in enumerate(network.layers):
        if type(layer) is BatchNorm:
            scale, shift = scale_and_shift(layer)
            if layers and layers[-1].plan.kind == "Dense":
                layers[-1] = _folded(layers[-1], scale, shift)
            else:
                plan = LayerPlan(index, "Affine", columns, columns)
                layers.append(Frozen(plan, {"gamma": [scale], "beta": [shift]}))
        elif type(layer) not in (Linear, Dropout):
            kind, before = type(layer).__name__, columns
            columns = layer.outputs if type(layer) is Dense else columns
            parameters = layer.parameters()
            plan = LayerPlan(index, kind, before, columns, "b" in parameters, layer_number(layer))
            values = {
                letter: [list(row) for row in rows_of(value)]
                for letter, value in parameters.items()
            }
            layers.append(Frozen(plan, values))
    return layers


def _folded(dense: Frozen, scale: Vector, shift: Vector) -> Frozen:
    bias = dense.values["b"][0] if "b" in dense.values else [0.0] * len(scale)
    W = [[w * s for w, s in zip(row, scale)] for row in dense.values["W"]]
    b = [b_j * s + t for b_j, s, t in zip(bias, scale, shift)]
    return Frozen(dense.plan._replace(biased=True), {"W": W, "b": [b]})


def layer_number(layer: Layer) -> float:
    """Return the number c in a layer's formula, 0 if there is none."""
    kind = type(layer).__name__
    formula = LAYER_FORMULAS.get(kind)
    return _number(layer, formula.setting if formula else _WRITTEN[kind])


def loss_number(loss: Loss) -> float:
    """Return the number c in a loss's formula, 0 if there is none."""
    return _number(loss, loss_formula(loss.name, loss.from_logits).setting)


def _number(thing: object, setting: str) -> float:
    return float(getattr(thing, setting)) if setting else 0.0


def _settings(optimizer: Optimizer) -> tuple[tuple[str, object], ...]:
    settings: dict[str, object] = {}
    for name, value in optimizer.settings().items():
        if name == "betas":
            settings["beta1"], settings["beta2"] = value  # type: ignore[misc]
        elif name != "learning_rate":
            settings[name] = value
    return tuple(settings.items())
