"""What the layers are called elsewhere: a row for each, for all that reads or writes other formats.

Where a system's layer has settings, or computes a little less or more than ours, the module that
reads or writes that system says so; here are the names alone.
"""

from __future__ import annotations

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
from ..lesson.gru import GRU
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.lstm import LSTM
from ..lesson.more_activations import (
    CELU,
    Clip,
    Hardsigmoid,
    Hardswish,
    LogSigmoid,
    Mish,
    ReLU6,
    Softsign,
    TanhGELU,
)
from ..lesson.normalization import BatchNorm, GroupNorm, LayerNorm
from ..lesson.prelu import PReLU
from ..lesson.rms_norm import RMSNorm
from ..lesson.rnn import RNN
from ..lesson.sequences import Embedding
from ..lesson.step_summaries import MaxSteps, MeanSteps

# Keras has names for activation functions and for classes of layers; where two names mean the same,
# both are here, the usual one first.
SYSTEMS = ("Keras function", "Keras layer", "PyTorch", "ONNX", "scikit-learn", "brain.js")
_NAMES: dict[type[Layer], tuple[str, str, str, str, str, str]] = {
    Dense: ("", "Dense", "Linear", "Gemm", "", ""),
    Dropout: ("", "Dropout", "Dropout", "Dropout", "", ""),
    BatchNorm: ("", "BatchNormalization", "BatchNorm1d", "BatchNormalization", "", ""),
    LayerNorm: ("", "LayerNormalization", "LayerNorm", "LayerNormalization", "", ""),
    GroupNorm: ("", "GroupNormalization", "GroupNorm", "", "", ""),
    Linear: ("linear", "", "Identity", "Identity", "identity", ""),
    Sigmoid: ("sigmoid", "", "Sigmoid", "Sigmoid", "logistic", "sigmoid"),
    Tanh: ("tanh", "", "Tanh", "Tanh", "tanh", "tanh"),
    ReLU: ("relu", "ReLU", "ReLU", "Relu", "relu", "relu"),
    LeakyReLU: ("leaky_relu", "LeakyReLU", "LeakyReLU", "LeakyRelu", "", "leaky-relu"),
    ELU: ("elu", "ELU", "ELU", "Elu", "", ""),
    SELU: ("selu", "", "SELU", "Selu", "", ""),
    GELU: ("gelu", "", "GELU", "Gelu", "", ""),
    Softplus: ("softplus", "", "Softplus", "Softplus", "", ""),
    SiLU: ("silu swish", "", "SiLU", "Swish", "", ""),
    Softmax: ("softmax", "Softmax", "Softmax", "Softmax", "softmax", ""),
    LogSoftmax: ("log_softmax", "", "LogSoftmax", "LogSoftmax", "", ""),
    PReLU: ("", "PReLU", "PReLU", "PRelu", "", ""),
    ReLU6: ("relu6", "", "ReLU6", "", "", ""),
    Clip: ("hard_tanh", "", "Hardtanh", "Clip", "", ""),
    Softsign: ("softsign", "", "Softsign", "Softsign", "", ""),
    Hardsigmoid: ("hard_sigmoid", "", "Hardsigmoid", "HardSigmoid", "", ""),
    Hardswish: ("hard_silu hard_swish", "", "Hardswish", "HardSwish", "", ""),
    Mish: ("mish", "", "Mish", "Mish", "", ""),
    CELU: ("celu", "", "CELU", "Celu", "", ""),
    LogSigmoid: ("log_sigmoid", "", "LogSigmoid", "", "", ""),
    TanhGELU: ("", "", "", "", "", ""),
    RMSNorm: ("", "RMSNormalization", "RMSNorm", "", "", ""),
    Embedding: ("", "Embedding", "Embedding", "", "", ""),
    RNN: ("", "SimpleRNN", "RNN", "", "", ""),
    LSTM: ("", "LSTM", "LSTM", "", "", ""),
    GRU: ("", "GRU", "GRU", "", "", ""),
    MeanSteps: ("", "GlobalAveragePooling1D", "", "", "", ""),
    MaxSteps: ("", "GlobalMaxPooling1D", "", "", "", ""),
}


def layers_named(system: str) -> dict[str, type[Layer]]:
    """Return the layers by their names in one of the `SYSTEMS`.

    >>> layers_named("brain.js")["leaky-relu"].__name__
    'LeakyReLU'
    """
    column = SYSTEMS.index(system)
    return {name: kind for kind, names in _NAMES.items() for name in names[column].split()}


def name_of(kind: type[Layer], system: str) -> str:
    """Return what a layer is usually called in a system, or "".

    >>> name_of(SiLU, "Keras function")
    'silu'
    """
    return next((name for name, layer in layers_named(system).items() if layer is kind), "")
