"""Write keras_attention.json: small transformers of Keras 3, with what they make of sequences.

    KERAS_BACKEND=torch python tests/golden/make_keras_attention.py

Keras counts in float32 there, so the outputs are exact to about six digits.
"""

from __future__ import annotations

import json
import pathlib

import keras
import numpy as np
from keras import layers
from make_imports import keras_object

HERE = pathlib.Path(__file__).parent
KINDS = 5


def networks():
    """Return models of kinds, and of rows of columns; sums before and after the normalization."""
    kinds = keras.Input((None,))
    x = layers.Embedding(KINDS, 4)(kinds)
    h = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(2, 2)(h, h)
    yield keras.Model(kinds, layers.Dense(KINDS)(x))
    x = layers.Embedding(KINDS, 4)(kinds)
    h = layers.RMSNormalization()(x)
    x = layers.Add()([layers.MultiHeadAttention(2, 2)(h, h, use_causal_mask=True), x])
    h = layers.Dense(6, "gelu")(layers.RMSNormalization()(x))
    x = x + layers.Dropout(0.1)(layers.Dense(4)(h))
    yield keras.Model(kinds, layers.Dense(KINDS)(x))
    rows = keras.Input((None, 6))
    attends = layers.MultiHeadAttention(2, 2, value_dim=1, use_bias=False)
    x = layers.LayerNormalization()(rows + attends(query=rows, value=rows, key=rows))
    inner = x + layers.Dense(6, "relu")(x)
    x = layers.LayerNormalization()(layers.Add()([x, layers.Dense(6)(inner)]))
    yield keras.Model(rows, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


def main() -> None:
    rng = np.random.default_rng(1)
    cases = []
    for network in networks():
        network.set_weights([np.round(rng.normal(size=w.shape), 3) for w in network.get_weights()])
        shape = list(network.input_shape)
        sequences = []
        for steps in (1, 4):
            if len(shape) == 2:
                X = rng.integers(0, KINDS, size=(2, steps))
            else:
                X = np.round(rng.normal(size=(2, steps, *shape[2:])), 3)
            outputs = network.predict(X, verbose=0)
            sequences.append({"X": X.tolist(), "outputs": outputs.round(6).tolist()})
        cases.append({"model": keras_object(network), "shape": shape, "sequences": sequences})
    text = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "keras_attention.json").write_text(f"[\n{text}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
