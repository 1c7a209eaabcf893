"""The layers besides those of the lesson's eight pages, by which a network knows their names."""

from __future__ import annotations

from .attention import ATTENTION_LAYERS
from .convolution import Conv1D, Conv2D, DepthwiseConv2D
from .gru import GRU
from .images import BatchNorm1D, BatchNorm2D, Flatten, Reshape
from .layer import Layer
from .lstm import LSTM
from .more_activations import MORE_ACTIVATION_LAYERS
from .normalization import NORMALIZATION_LAYERS
from .pooling import AveragePool1D, AveragePool2D, MaxPool1D, MaxPool2D
from .prelu import PReLU
from .residual import Residual
from .rms_norm import RMSNorm
from .rnn import RNN
from .sequences import SEQUENCE_LAYERS
from .step_summaries import SUMMARY_LAYERS

IMAGE_LAYERS: tuple[type[Layer], ...] = (
    Conv2D, Conv1D, DepthwiseConv2D, MaxPool2D, MaxPool1D, AveragePool2D, AveragePool1D,
    BatchNorm2D, BatchNorm1D, Reshape, Flatten,
)  # fmt: skip
MORE_LAYERS: tuple[type[Layer], ...] = (
    *MORE_ACTIVATION_LAYERS, PReLU, *NORMALIZATION_LAYERS, RMSNorm, Residual,
    *SEQUENCE_LAYERS, *SUMMARY_LAYERS, *ATTENTION_LAYERS, RNN, LSTM, GRU,
    *IMAGE_LAYERS,
)  # fmt: skip
