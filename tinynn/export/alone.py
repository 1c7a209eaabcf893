"""File formats that hold a network alone: which network that is, and how good its file is."""

from __future__ import annotations

from ..errors import SettingError
from ..lesson.network import Sequential
from .formats import Exported


def alone(
    model: object, rows: object, targets: object, single: bool
) -> tuple[Sequential, Exported]:
    """Return the network to write, and an `Exported` without a size of how its file answers.

    Of an estimator, it is the network with the scaling folded in where possible. What the file
    leaves out, encoding rows before and scaling answers after, is done as a caller would, in
    doubles; the layers are computed in float32 if `single`.

    Raises SettingError for any other model.
    """
    if isinstance(model, Sequential) and rows is None:
        return model, Exported(0)
    # Estimators are not loaded for a network.
    from ..estimators import Classifier, Regressor
    from .folding import Bare, bare
    from .steps import describe
    from .trial import tried

    if isinstance(model, Sequential):
        found = Bare(model, [], False, False, "")
    elif isinstance(model, (Classifier, Regressor)):
        found = bare(model)
    else:
        raise SettingError(
            f"an export needs a Sequential, Classifier or Regressor, got {type(model).__name__}"
        )
    if rows is None:
        return found.network, Exported(0)
    known = describe(model)
    known = known._replace(layers=describe(found.network).layers)
    if not found.scaled:
        known = known._replace(means=[0.0] * known.outputs, scales=[1.0] * known.outputs)
    trial = tried(model, known, rows, targets, single, runtime=True, raw=found.raw)
    return found.network, trial
