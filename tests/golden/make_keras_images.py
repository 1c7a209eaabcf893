"""Write keras_images.json: networks for images of Keras 3, with what they make of some images.

    KERAS_BACKEND=torch python tests/golden/make_keras_images.py

Keras's dense layers count in float32 there, so the outputs are exact to about six digits.
"""

from __future__ import annotations

import json
import pathlib

import keras
import numpy as np
from keras import layers
from make_imports import keras_object

HERE = pathlib.Path(__file__).parent


def networks():
    """Return networks with every layer that is read; shapes are Keras's, channels last."""
    parts = [
        ((6, 6, 1), [layers.Rescaling(0.5), layers.Conv2D(2, 3, activation="relu"),
                     layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten(),
                     layers.BatchNormalization(), layers.Dense(3, "softmax")]),
        ((5, 4, 3), [layers.DepthwiseConv2D(2, depth_multiplier=2), layers.ReLU(),
                     layers.SeparableConv2D(4, 2, activation="tanh"),
                     layers.AveragePooling2D(3, 1, padding="same"), layers.SpatialDropout2D(0.2),
                     layers.GlobalAveragePooling2D(), layers.Dense(2)]),
        ((9, 2), [layers.Conv1D(3, 3, padding="causal", dilation_rate=2),
                  layers.BatchNormalization(), layers.LeakyReLU(), layers.MaxPooling1D(2),
                  layers.AveragePooling1D(2, padding="same"), layers.Flatten(), layers.Dense(2)]),
        ((4, 5, 4), [layers.Conv2D(4, 3, strides=2, groups=2, padding="same"),
                     layers.GlobalMaxPooling2D(keepdims=True), layers.Flatten(), layers.Dense(2)]),
        ((12,), [layers.Reshape((4, 3, 1)),
                 layers.Conv2D(2, (3, 2), padding="same", use_bias=False),
                 layers.MaxPooling2D((2, 3), 1, padding="same"), layers.Flatten(),
                 layers.Activation("sigmoid"), layers.LayerNormalization(), layers.Dense(2)]),
        ((4, 3, 2), [layers.Conv2D(3, 2)]),
    ]  # fmt: skip
    return [keras.Sequential([keras.Input(shape), *part]) for shape, part in parts]


def main() -> None:
    rng = np.random.default_rng(1)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    cases = []
    for network in networks():
        weights = [np.round(rng.uniform(0.2, 1.2, w.shape), 3) for w in network.get_weights()]
        network.set_weights(weights)
        X = np.round(rng.normal(size=(2, *network.input_shape[1:])), 3)
        shape = list(network.input_shape)
        cases.append({
            "model": keras_object(network), "shape": shape, "images": X.tolist(),
            "outputs": network.predict(X, verbose=0).tolist(),
        })  # fmt: skip
    text = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "keras_images.json").write_text(f"[\n{text}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
