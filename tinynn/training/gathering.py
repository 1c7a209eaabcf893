"""What a network is trained on: rows or sequences, checked, and divided from validation data."""

from __future__ import annotations

from typing import Any, Iterable, Iterator

from ..checks.settings import number
from ..errors import DataError, SettingError
from ..lesson.loss import Loss
from ..lesson.network import Sequential
from ..lesson.random_streams import epoch_stream
from .training_data import (
    ClassWeight,
    TrainingData,
    check_classes,
    check_smallest_batch,
    data_of_rows,
    warn_unscaled,
)


def as_training_data(
    model: Sequential,
    loss: Loss,
    inputs: Any,
    targets: object,
    sample_weight: object = None,
    class_weight: ClassWeight = None,
    what: str = "",
) -> TrainingData:
    """Return checked copies of rows, or of sequences if the network reads those.

    Raises ShapeError or DataError, naming what cannot be used and where it is.
    """
    given = inputs, targets, sample_weight, class_weight, what
    if model.reads_steps:
        from .sequence_data import data_of_sequences  # rows need none of it

        return data_of_sequences(model, loss, *given)
    return data_of_rows(model, loss, *given)


def gather(
    model: Sequential,
    loss: Loss,
    seed: int,
    inputs: Any,
    targets: object,
    validation: object = None,
    validation_split: float = 0.0,
    sample_weight: object = None,
    class_weight: ClassWeight = None,
) -> tuple[TrainingData | None, TrainingData | None]:
    """Return the checked training data and validation data, each of which may be None.

    Without targets the inputs are a stream, and the training data are None. `validation_split` sets
    that share of the rows apart, chosen by the seed and kept in order.

    Raises SettingError for arguments that exclude each other, and what `checked_rows` raises.
    """
    share = number("fit", "validation_split", validation_split, least=0, below=1)
    apart = None
    if validation is not None:
        if share:
            raise SettingError("fit needs validation or validation_split, got both")
        if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
            mend = ""
            if isinstance(validation, float):
                mend = f"; did you mean validation_split={validation:g}?"
            raise SettingError(
                "fit needs validation to be (inputs, targets) or (inputs, targets, sample "
                f"weights), got {type(validation).__name__}{mend}"
            )
        weights = validation[2] if len(validation) == 3 else None
        apart = as_training_data(
            model, loss, validation[0], validation[1], weights, what="validation "
        )
    if targets is None:
        if share or sample_weight is not None:
            raise SettingError(
                "fit needs targets for validation_split or sample_weight, got none; for a stream, "
                "put sample weights into its batches and use validation="
            )
        return None, apart
    data = as_training_data(model, loss, inputs, targets, sample_weight, class_weight)
    rows = data.flat()
    check_classes(loss, rows.T)
    if not hasattr(model.layers[0], "kinds"):
        warn_unscaled(rows.X)
    if share:
        samples = len(data.X)
        count = round(samples * share)
        if not 0 < count < samples:
            raise DataError(
                "validation_split needs to leave rows for training and for validation, "
                f"got {share:g} of {samples} rows"
            )
        draw = epoch_stream(seed, -1).random
        keys = [draw() for _ in range(samples)]
        order = sorted(range(samples), key=keys.__getitem__)
        data, apart = data.take(sorted(order[count:])), data.take(sorted(order[:count]))
    return data, apart


def checked_batches(
    model: Sequential, loss: Loss, stream: Iterable[tuple[Any, ...]], class_weight: ClassWeight
) -> Iterator[TrainingData]:
    """Yield the checked batches of a stream of (inputs, targets, sample weights).

    Raises what `checked_rows` and `check_smallest_batch` raise, with the batch's number, from 0.
    """
    for k, (inputs, targets, weights) in enumerate(stream):
        where = f"batch {k}"
        data = as_training_data(model, loss, inputs, targets, weights, class_weight, f"{where}: ")
        check_smallest_batch(model, len(data.X), where)
        yield data
