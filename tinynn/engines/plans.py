"""Plans: all that the text of a compiled engine depends on, and none of the weights.

A plan is hashable: equal plans give equal texts, which need to be made and compiled only once. What
it leaves out (weights, learning rates, rows of data) are arguments of the compiled functions.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from ..lesson.activation_layers import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    Linear,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from ..lesson.adam import Adam, AdamW
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.loss import Loss
from ..lesson.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Hinge,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
)
from ..lesson.matrix import Matrix, Vector
from ..lesson.network import Sequential
from ..lesson.normalization import BatchNorm, LayerNorm
from ..lesson.optimizer import Optimizer
from ..lesson.optimizers import SGD, Adagrad, RMSprop
from .contract import Recipe

# The layers that have a text, each with the name of the setting that stands in it as a number.
SETTING: dict[type[Layer], str] = {
    Dense: "", Linear: "", Sigmoid: "", Tanh: "", ReLU: "", LeakyReLU: "negative_slope",
    ELU: "alpha", SELU: "", GELU: "", Softplus: "", SiLU: "", Softmax: "", LogSoftmax: "",
    Dropout: "rate", LayerNorm: "eps",
}  # fmt: skip
LOSSES = (
    MeanSquaredError, MeanAbsoluteError, Huber, BinaryCrossEntropy, CategoricalCrossEntropy, Hinge,
)  # fmt: skip
OPTIMIZERS = (SGD, Adagrad, RMSprop, Adam, AdamW)


class LayerPlan(NamedTuple):
    """One layer: its place in the network, its kind and widths, and the number in its formula.

    Besides the names of layers there is the kind "Affine": y = gamma x + beta, each column.
    """

    place: int
    kind: str
    inputs: int
    outputs: int
    biased: bool = False
    number: float = 0.0

    def letters(self) -> tuple[str, ...]:
        """Return the names of the layer's parameters, in their order."""
        if self.kind == "Dense":
            return ("W", "b") if self.biased else ("W",)
        return ("gamma", "beta") if self.kind in ("LayerNorm", "Affine") else ()

    def __str__(self) -> str:
        return f"{self.kind} {self.inputs} -> {self.outputs}" if self.kind == "Dense" else self.kind


class TrainingPlan(NamedTuple):
    """One step of training: layers (without those that change nothing), loss and optimizer.

    `fused`: the loss goes through the last layer at once (see `Loss.logits_derivative`).
    `settings` are the optimizer's, without its learning rate; `memories` name what it remembers.
    """

    inputs: int
    layers: tuple[LayerPlan, ...]
    loss: str
    from_logits: bool
    delta: float
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
        """Whether the learning rate can go into the derivatives at once: plain SGD, no clipping."""
        unclipped = self.clip_norm is None and self.clip_value is None
        return self.optimizer == "sgd" and not self.memories and unclipped

    @property
    def loss_scale(self) -> float:
        """What the loss of a sample is multiplied by, besides its share in the batch."""
        return 1.0 if self.loss == "ce" else 1.0 / self.outputs

    @property
    def derivative_scale(self) -> float:
        """What the loss's derivatives are multiplied by, besides the sample's share."""
        return 2.0 / self.outputs if self.loss == "mse" else self.loss_scale

    def decays(self, parameter: str) -> bool:
        """Whether there is a weight decay that reaches a parameter of a name like W0_1_2."""
        vectors = ("decay_biases", False) not in self.settings
        return self.setting("weight_decay") > 0.0 and (vectors or parameter.startswith("W"))

    def setting(self, name: str) -> float:
        """Return a setting of the optimizer that is a number, or True or False."""
        for known, value in self.settings:
            if known == name:
                return float(value)  # type: ignore[arg-type]
        return 0.0


def unknown_layer(network: Sequential) -> str | None:
    """Return why a network has no plan to predict by, or None. A subclass may do anything."""
    for place, layer in enumerate(network.layers):
        if type(layer) not in SETTING and type(layer) is not BatchNorm:
            return f"it has no text for layer {place}, {layer!r}"
    return None


def unknown_part(recipe: Recipe) -> str | None:
    """Return why a recipe has no plan to train by, or None."""
    for place, layer in enumerate(recipe.network.layers):
        if type(layer) is BatchNorm:
            return (
                f"layer {place}, {layer!r}, trains on the whole batch at once, and this engine "
                "goes from sample to sample"
            )
    if type(recipe.loss) not in LOSSES:
        return f"it has no text for the loss {recipe.loss!r}"
    if type(recipe.optimizer) not in OPTIMIZERS:
        return f"it has no text for the optimizer {recipe.optimizer!r}"
    return unknown_layer(recipe.network)


def widest(network: Sequential) -> int:
    """Return the largest number of inputs or outputs of a Dense layer, 0 if there is none."""
    widths = [(layer.inputs, layer.outputs) for layer in network.layers if type(layer) is Dense]
    return max(map(max, widths), default=0)


def plan_of(recipe: Recipe, inputs: int) -> TrainingPlan:
    """Return the plan of a recipe without `unknown_part`, for rows of `inputs` columns."""
    network, loss, optimizer, clip_norm, clip_value = recipe
    fused = loss.joins(network.layers[-1])
    return TrainingPlan(
        inputs, layer_plans(network, inputs), loss.name, loss.from_logits, _delta(loss), fused,
        optimizer.name, _settings(optimizer), optimizer.memory_names, clip_norm, clip_value,
    )  # fmt: skip


def layer_plans(network: Sequential, inputs: int) -> tuple[LayerPlan, ...]:
    """Return the plans of a network's layers, without `Linear`."""
    plans = []
    columns = inputs
    for place, layer in enumerate(network.layers):
        if type(layer) is Linear:
            continue
        before, biased, number = columns, False, 0.0
        if type(layer) is Dense:
            columns, biased = layer.outputs, bool(layer.b)
        elif SETTING[type(layer)]:
            number = float(getattr(layer, SETTING[type(layer)]))
        plans.append(LayerPlan(place, type(layer).__name__, before, columns, biased, number))
    return tuple(plans)


class Frozen(NamedTuple):
    """A layer for prediction only, with its numbers: each parameter as rows, a vector as one."""

    plan: LayerPlan
    values: dict[str, Matrix]


def frozen(network: Sequential) -> list[Frozen]:
    """Return the layers that prediction needs; batch normalization is folded into a Dense before.

    Y = γ ∘ (X W + b − μ) / √(σ² + ε) + β is a Dense layer again, with weights W ∘ s and the bias
    (b − μ) ∘ s + β where s = γ / √(σ² + ε). Without one before, it is a scale and a shift.
    """
    layers: list[Frozen] = []
    columns = network.inputs or 0
    for place, layer in enumerate(network.layers):
        if type(layer) is BatchNorm:
            scale = [g / sqrt(v + layer.eps) for g, v in zip(layer.gamma, layer.running_variance)]
            shift = [b - m * s for b, m, s in zip(layer.beta, layer.running_mean, scale)]
            if layers and layers[-1].plan.kind == "Dense":
                layers[-1] = _folded(layers[-1], scale, shift)
            else:
                plan = LayerPlan(place, "Affine", columns, columns)
                layers.append(Frozen(plan, {"gamma": [scale], "beta": [shift]}))
        elif type(layer) is Dense:
            plan = LayerPlan(place, "Dense", columns, layer.outputs, bool(layer.b))
            bias = {"b": [list(layer.b)]} if layer.b else {}
            layers.append(Frozen(plan, {"W": [list(row) for row in layer.W], **bias}))
            columns = layer.outputs
        elif type(layer) is LayerNorm:
            plan = LayerPlan(place, "LayerNorm", columns, columns, number=layer.eps)
            values = {"gamma": [list(layer.gamma)], "beta": [list(layer.beta)]}
            layers.append(Frozen(plan, values))
        elif type(layer) not in (Linear, Dropout):
            setting = SETTING[type(layer)]
            number = float(getattr(layer, setting)) if setting else 0.0
            plan = LayerPlan(place, type(layer).__name__, columns, columns, number=number)
            layers.append(Frozen(plan, {}))
    return layers


def _folded(dense: Frozen, scale: Vector, shift: Vector) -> Frozen:
    bias = dense.values["b"][0] if "b" in dense.values else [0.0] * len(scale)
    W = [[w * s for w, s in zip(row, scale)] for row in dense.values["W"]]
    b = [b_j * s + t for b_j, s, t in zip(bias, scale, shift)]
    return Frozen(dense.plan._replace(biased=True), {"W": W, "b": [b]})


def _delta(loss: Loss) -> float:
    return loss.delta if type(loss) is Huber else 0.0


def _settings(optimizer: Optimizer) -> tuple[tuple[str, object], ...]:
    settings: dict[str, object] = {}
    for name, value in optimizer.settings().items():
        if name == "betas":
            settings["beta1"], settings["beta2"] = value  # type: ignore[misc]
        elif name != "learning_rate":
            settings[name] = value
    return tuple(settings.items())
