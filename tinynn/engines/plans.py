"""Plans: everything that the source of a compiled engine depends on, without the weights.

A plan is hashable: equal plans give equal source, which is written and compiled only once. What a
plan leaves out (weights, learning rates, rows of data) is passed to the compiled functions.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ..formulas import LAYER_FORMULAS, formula_name
from ..formulas.cells import CELLS
from ..formulas.losses import has_formula, loss_formula
from ..formulas.normalizations import scale_and_shift
from ..formulas.optimizers import (
    OPTIMIZERS as UPDATES,
    UpdateFormula,
    numbers_of,
    update_formula,
)
from ..lesson.activation_layers import Linear
from ..lesson.images import BatchNorm2D
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.loss import Loss
from ..lesson.losses import LOSSES
from ..lesson.matrix import Matrix
from ..lesson.network import KINDS, Sequential
from ..lesson.normalization import BatchNorm
from ..lesson.optimizer import Optimizer
from ..lesson.parameters import rows_of
from ..lesson.prelu import PReLU
from .contract import Recipe
from .gradient_sum import KNOWN as OPTIMIZERS
from .image_plans import (
    ImagePlan,
    channel_scaling,
    does_nothing,
    image_layer,
    image_plan,
    scaled,
)

# The layers that are written without a row program, with the settings that their numbers are.
_WRITTEN = {
    "Dense": ("", ""),
    "Linear": ("", ""),
    "Dropout": ("rate", ""),
    "BatchNorm": ("eps", "momentum"),
}


_BY_COLUMNS = ("BatchNorm", "ChannelNorm")
TABLES = ("Embedding", "Positions")  # layers with a matrix whose rows are looked up
SUMMARIES = ("LastStep", "MeanSteps", "MaxSteps")  # they make one row of a sequence


class LayerPlan(NamedTuple):
    """One layer: its index in the network, its kind and widths, and the numbers in its formula.

    Kinds are the names of layers, and "Affine": y = gamma x + beta in each column. The second
    number of batch normalization is its momentum, that of group normalization its groups. `fixed`
    are the names of frozen parameters. "Conv", "MaxPool", "AveragePool" and "ChannelNorm" (batch
    normalization by channel) have an `image`. For the kinds of sequences see sequence_plans.py.

    `sources` are the rows that the layer takes: 0 for those before the first plan, k + 1 for those
    after plan k. Without any, it takes those after the plan before it.

    `together` are how many rows, and how many columns, of the layer's matrix belong together: those
    of a head or a gate. The plan counts them as whole vectors, filled up with zeros; 0 is for none.
    """

    place: int
    kind: str
    inputs: int
    outputs: int
    biased: bool = False
    number: float = 0.0
    second: float = 0.0
    fixed: tuple[str, ...] = ()
    image: ImagePlan | None = None
    sources: tuple[int, ...] = ()
    together: tuple[int, int] = (0, 0)

    def trained(self) -> tuple[str, ...]:
        """Return the names of the parameters that training changes: those that are not frozen."""
        return tuple([letter for letter in self.letters() if letter not in self.fixed])

    def letters(self) -> tuple[str, ...]:
        """Return the names of the layer's parameters, in order."""
        if self.matrix:
            return (self.matrix, *(("c" if self.kind in CELLS else "b") if self.biased else ""))
        formula = LAYER_FORMULAS.get("LayerNorm" if self.kind in _BY_COLUMNS else self.kind)
        return tuple(formula.letters) if formula else ()

    @property
    def matrix(self) -> str:
        """The letter of the layer's matrix, "" if it has none."""
        if self.kind in CELLS:
            return "U"
        return "W" if self.kind in ("Dense", "Conv", *TABLES) else ""

    @property
    def weight_shape(self) -> tuple[int, int]:
        """The shape of the matrix, of a layer that has one."""
        if self.kind in TABLES:
            return int(self.number), self.outputs
        if self.kind in CELLS:
            return self.outputs, self.inputs
        if self.image is None:
            return self.inputs, self.outputs
        return self.image.patch, self.image.filters

    @property
    def vector_length(self) -> int:
        """How many numbers each parameter has that is a vector."""
        return self.image.filters if self.image else self.outputs

    @property
    def products(self) -> int:
        """How many products of pixels a layer for images takes for a row."""
        if self.image is None:
            return 0
        return self.image.columns * (self.image.patch if self.kind == "Conv" else 4)

    def numbers(self) -> dict[str, float]:
        """Return the single numbers of the layer's formula, by their names there."""
        return {"c": self.number, "c2": self.second, "n": float(self.groups()[0][1])}

    def groups(self) -> list[tuple[int, int]]:
        """Return the first column, and the one after the last, of each run of the row program."""
        formula = LAYER_FORMULAS.get(self.kind)
        size = self.inputs // int(self.second) if formula and formula.in_groups else self.inputs
        return [(k, k + size) for k in range(0, self.inputs, size)] or [(0, 0)]

    def written_numbers(self) -> dict[str, str]:
        """Return the source of the single numbers of the layer's formula, by their names there."""
        return {name: repr(number) for name, number in self.numbers().items()}

    def __str__(self) -> str:
        if self.image:
            return f"{self.kind} {self.image}"
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
    def one_row(self) -> bool:
        """Whether one row is made of each sequence, and not one of each step."""
        return any(layer.kind in SUMMARIES for layer in self.layers)

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


def unknown_layer(network: Sequential, images: bool = False) -> str | None:
    """Return why a network has no plan for prediction, or None. Subclasses are unknown, too.

    images: whether the caller also takes the layers for images.
    """
    for index, layer in enumerate(network.layers):
        where = f"layer {index}, {layer!r}"
        if layer.reads_steps or hasattr(layer, "parts"):
            what = "reads sequences, step by step" if layer.reads_steps else "has layers inside"
            return f"{where}, {what}, and a plan has plain layers of rows"
        refusal = no_plan(layer, where, images)
        if refusal:
            return refusal
    return None


def no_plan(layer: Layer, where: str, images: bool = False) -> str | None:
    """Return why a layer of rows, `where` it is, has no plan, or None."""
    kind = type(layer).__name__
    known = kind in LAYER_FORMULAS or kind in _WRITTEN or does_nothing(layer)
    known = known or (images and image_layer(layer))
    if not known or type(layer) is not KINDS.get(kind):
        return _no_formula(where, layer)
    return None


def unknown_loss(loss: Loss) -> str | None:
    """Return why a loss has no plan, or None."""
    known = type(loss) is LOSSES.get(loss.name) and has_formula(loss.name, loss.from_logits)
    return None if known else _no_formula(f"the loss {loss!r}", loss)


def unknown_optimizer(optimizer: Optimizer) -> str | None:
    """Return why an optimizer has no plan, or None."""
    name = optimizer.name
    known = type(optimizer) is OPTIMIZERS.get(name) and name in UPDATES
    return None if known else _no_formula(f"the optimizer {optimizer!r}", optimizer)


def _no_formula(what: str, thing: object) -> str:
    if isinstance(thing, Layer) and image_layer(thing):
        return f"it has no source for layers that read a row as an image, such as {what}"
    return f"it has no formula for {what} (nn.register({type(thing).__name__}, ...) can add one)"


def unknown_part(recipe: Recipe, by_sample: bool = True, images: bool = False) -> str | None:
    """Return why a recipe has no plan for training, or None.

    by_sample: whether the engine takes one sample after another through the network.
    images: whether it takes the layers for images.
    """
    for index, layer in enumerate(recipe.network.layers):
        if by_sample and type(layer) is BatchNorm:
            return (
                f"layer {index}, {layer!r}, needs the whole batch at once, and this engine "
                "processes one sample at a time"
            )
        if type(layer) is PReLU and layer.shared:
            return (
                f"layer {index}, {layer!r}, has one slope for all columns, and this engine has a "
                "number for each"
            )
    return (
        unknown_loss(recipe.loss)
        or unknown_optimizer(recipe.optimizer)
        or unknown_layer(recipe.network, images)
    )


def widest(network: Sequential) -> int:
    """Return the largest number of inputs or outputs of a Dense layer, 0 if there is none."""
    widths = [(layer.inputs, layer.outputs) for layer in network.layers if type(layer) is Dense]
    return max(map(max, widths), default=0)


def plan_of(
    recipe: Recipe, inputs: int, layers: tuple[LayerPlan, ...] | None = None
) -> TrainingPlan:  # fmt: skip
    """Return the plan of a recipe that has no `unknown_part`, for rows of `inputs` columns.

    layers: those of a network of sequences, see sequence_plans.py
    """
    network, loss, optimizer, clip_norm, clip_value = recipe
    fused = loss.joins(network.layers[-1])
    if layers is None:
        layers = layer_plans(network.layers, inputs)
    return TrainingPlan(
        inputs, layers, loss.name, loss.from_logits, loss_number(loss), fused,
        optimizer.name, numbers_of(optimizer), optimizer.memory_names, clip_norm, clip_value,
    )  # fmt: skip


def layer_plans(layers: Sequence[Layer], inputs: int) -> tuple[LayerPlan, ...]:
    """Return the plans of layers, without those that do nothing."""
    plans = []
    columns = inputs
    for index, layer in enumerate(layers):
        if type(layer) is Linear or does_nothing(layer):
            continue
        before, biased = columns, False
        if type(layer) is Dense:
            columns, biased = layer.outputs, bool(layer.b)
        kind, numbers = formula_name(layer), layer_numbers(layer)
        fixed, image = tuple(layer.frozen), image_plan(layer)
        if image:
            kind, columns, biased = image[0], image[1].columns, "b" in layer.parameters()
        plan = LayerPlan(index, kind, before, columns, biased, *numbers, fixed)
        plans.append(plan._replace(image=image[1] if image else None))
    return tuple(plans)


class Frozen(NamedTuple):
    """A layer for prediction only, with its parameters as rows; a vector is one row."""

    plan: LayerPlan
    values: dict[str, Matrix]


def frozen(network: Sequential) -> list[Frozen]:
    """Return the layers that prediction needs; batch normalization joins a layer before it.

    Y = (X W + b) ∘ s + t is a Dense layer again, with weights W ∘ s and bias b ∘ s + t, and so with
    a convolution, by channel. Without such a layer before it, it stays a scale and a shift.
    """
    return frozen_layers(network.layers, network.inputs or 0)


def frozen_layers(given: Sequence[Layer], columns: int) -> list[Frozen]:
    """Return what `frozen` does, of layers that take so many columns."""
    layers: list[Frozen] = []
    for index, layer in enumerate(given):
        last, before_it = (layers[-1].plan.kind, layers[-1].plan.image) if layers else ("", None)
        image = image_plan(layer)
        if isinstance(layer, BatchNorm2D) and image_layer(layer):
            if last == "Conv" and before_it and before_it.makes(layer.shape):
                layers[-1] = _folded(layers[-1], layer)
            else:
                found, values = channel_scaling(layer)
                plan = LayerPlan(index, "Conv", columns, columns, True, image=found)
                layers.append(Frozen(plan, values))
        elif type(layer) is BatchNorm:
            if last == "Dense":
                layers[-1] = _folded(layers[-1], layer)
            else:
                scale, shift = scale_and_shift(layer)
                plan = LayerPlan(index, "Affine", columns, columns)
                layers.append(Frozen(plan, {"gamma": [scale], "beta": [shift]}))
        elif type(layer) not in (Linear, Dropout) and not does_nothing(layer):
            kind, before = formula_name(layer), columns
            columns = layer.outputs if type(layer) is Dense else columns
            parameters = layer.parameters()
            numbers = layer_numbers(layer)
            plan = LayerPlan(index, kind, before, columns, "b" in parameters, *numbers)
            if image:
                kind, columns = image[0], image[1].columns
                plan = plan._replace(kind=kind, outputs=columns, image=image[1])
            values = {
                letter: [list(row) for row in rows_of(value)]
                for letter, value in parameters.items()
            }
            if type(layer) is PReLU:
                values["slope"] = [list(layer.slopes(columns))]  # also if all columns share one
            layers.append(Frozen(plan, values))
    return layers


def _folded(before: Frozen, layer: BatchNorm) -> Frozen:
    values = scaled(before.values, *scale_and_shift(layer))
    return Frozen(before.plan._replace(biased=True), values)


def layer_numbers(layer: Layer) -> tuple[float, float]:
    """Return the numbers c and c2 in a layer's formula, 0 for each that it does not have."""
    kind = "BatchNorm" if isinstance(layer, BatchNorm2D) else formula_name(layer)
    formula = LAYER_FORMULAS.get(kind)
    settings = (formula.setting, formula.second) if formula else _WRITTEN.get(kind, ("", ""))
    return _number(layer, settings[0]), _number(layer, settings[1])


def loss_number(loss: Loss) -> float:
    """Return the number c in a loss's formula, 0 if there is none."""
    return _number(loss, loss_formula(loss.name, loss.from_logits).setting)


def _number(thing: object, setting: str) -> float:
    return float(getattr(thing, setting)) if setting else 0.0
