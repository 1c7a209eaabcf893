"""Loading the model files that `saving` writes, with checks of all their parts."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Callable, Sequence, TypeVar

from ..checks.settings import flag, integer
from ..checks.stored import are_all, is_real
from ..checks.words import counted, excerpt
from ..errors import FormatError, TinynnError
from ..files import json_file
from ..files.atomic import Path
from ..lesson.losses import from_dict as loss_from_dict
from ..lesson.network import KIND as NETWORK, Sequential
from ..preprocessing import TableEncoder
from ..training.history import History
from ..training.lbfgs import from_dict as optimizer_from_dict
from ..training.model_files import network_from_dict
from ..training.saved_state import saved_curve, saved_history
from .base import Estimator
from .classifier import Classifier
from .design import NetworkDesign
from .ensemble import Ensemble
from .number_targets import Numbers
from .regressor import Regressor
from .saving import SHARED
from .targets import LABELS, Labels, Targets

if TYPE_CHECKING:
    from .text.model import TextModel

E = TypeVar("E", bound=Estimator)

KINDS: dict[str, type[Classifier] | type[Regressor]] = {
    "classifier": Classifier, "regressor": Regressor,
}  # fmt: skip
_TARGETS: dict[str, Callable[[object], Any]] = {
    "classifier": Labels.from_dict, "regressor": Numbers.from_dict,
}  # fmt: skip
WEIGHTS_LIMIT = 1_000_000  # that any file may ask for
TEXT = "text"  # the kind of text models, whose modules are loaded with the first of them
_OWN = ("network", "loss_curve", "validation_scores", "history", "seed")
_ENSEMBLE = ("of", "n_estimators", "bootstrap", "random_state", *SHARED, "members")


def load(path: Path) -> Sequential | Classifier | Regressor | Ensemble | TextModel:
    """Return the model in a file, of any kind. Nothing in the file is ever executed.

    Raises FormatError, saying what is wrong and where, and OSError if the file cannot be read.
    """
    content = json_file.read(path)
    if content.get("kind") == NETWORK:
        return network_from_dict(content, str(path))
    if content.get("kind") == TEXT:
        from .text.storage import from_dict as text_from_dict

        return text_from_dict(content, str(path))
    return from_dict(content, str(path))


def from_dict(
    content: dict[str, Any], name: str = "the model"
) -> Classifier | Regressor | Ensemble:
    """Return the estimator or ensemble in a model file; messages call it `name`.

    Raises FormatError for anything else.
    """
    kind = content.get("kind")
    if kind == Ensemble.kind:
        return _ensemble(content, name)
    if not isinstance(kind, str) or kind not in KINDS:
        known = [NETWORK, *KINDS, Ensemble.kind, f"{TEXT} model"]
        raise FormatError(
            f"{name} needs to hold a {', '.join(known[:-1])} or {known[-1]}, got {excerpt(kind)}"
        )
    _check_keys(content, (*SHARED, *_OWN), f"a {kind}", name)
    shared = _shared(content, kind, name)
    _restore(*shared, content, kind, name)
    return shared[0]


def _ensemble(content: dict[str, Any], name: str) -> Ensemble:
    """Return the ensemble that `saving.ensemble_to_dict` described."""
    _check_keys(content, _ENSEMBLE, "an ensemble", name)
    kind, members, seed = content["of"], content["members"], content["random_state"]
    if not isinstance(kind, str) or kind not in KINDS:
        raise FormatError(
            f'{name} needs "of" to be {" or ".join(map(repr, KINDS))}, got {excerpt(kind)}'
        )
    if not isinstance(members, list) or not members:
        raise FormatError(f"{name} needs members to be a list of at least one")
    estimator, encoder, targets = _shared(content, kind, name)
    estimator.random_state = None  # replaced by the ensemble
    try:
        found = Ensemble(
            estimator,
            integer("Ensemble", "n_estimators", content["n_estimators"], least=1),
            bootstrap=flag("Ensemble", "bootstrap", content["bootstrap"]),
            random_state=None if seed is None else _count(seed, "random_state"),
        )
    except TinynnError as error:
        raise FormatError(f"{name} is not a valid ensemble: {error}") from None
    found.estimators_ = []
    for k, state in enumerate(members):
        where = f"{name}: member {k}"
        if not isinstance(state, dict):
            raise FormatError(f"{where} needs to be an object")
        _check_keys(state, _OWN, f"a {kind}", where)
        member = estimator.fresh(random_state=state["seed"])
        _restore(member, encoder, targets, state, kind, where)
        found.estimators_.append(member)
    return found


def _check_keys(content: dict[str, Any], keys: Sequence[str], what: str, name: str) -> None:
    missing = [key for key in keys if key not in content]
    if missing:
        raise FormatError(f"{name} needs {', '.join(missing)} to be {what}")


def _shared(
    content: dict[str, Any], kind: str, name: str
) -> tuple[Classifier | Regressor, TableEncoder, Targets]:
    """Return an untrained estimator with its settings, and the encoder and targets of its table."""
    try:
        estimator = KINDS[kind](**_restored(KINDS[kind], content["settings"]))
        NetworkDesign(estimator)  # which checks the settings
        encoder = TableEncoder.from_dict(content["encoder"])
        return estimator, encoder, _TARGETS[kind](content["targets"])
    except (TinynnError, TypeError, KeyError) as error:
        raise FormatError(f"{name} is not a valid {kind}: {error}") from None


def _restore(
    estimator: Classifier | Regressor,
    encoder: TableEncoder,
    targets: Targets,
    content: dict[str, Any],
    kind: str,
    name: str,
) -> None:
    """Give an estimator all that its training left in a file."""
    try:
        history = saved_history(content["history"])
        curve = saved_curve(content["loss_curve"], "loss_curve")
        scores = content["validation_scores"]
        if scores is not None:
            scores = saved_curve(scores, "validation_scores")
        seed = _count(content["seed"], "seed")
        shown = _count(content.get("rows_shown", 0), "rows_shown")
    except (TinynnError, TypeError, KeyError) as error:
        raise FormatError(f"{name} is not a valid {kind}: {error}") from None
    network = network_from_dict(content["network"], f"{name}: network")
    assembled(estimator, encoder, targets, network, name)
    # The next `fit` makes a network of these sizes: a small file must not ask for a huge one.
    sizes = NetworkDesign(estimator).sizes
    widths = [network.inputs or 0, *sizes, targets.outputs]
    weights = sum(m * n for m, n in zip(widths, widths[1:]))
    if weights > max(WEIGHTS_LIMIT, 10 * network.count_parameters()):
        raise FormatError(
            f"{name} needs hidden_layer_sizes about those of its network, got "
            f"{excerpt(list(sizes))}"
        )
    estimator.history_, estimator._seed, estimator.t_ = history, seed, shown
    estimator.loss_curve_, estimator.validation_scores_ = curve, scores
    estimator._summarize()


def assembled(
    estimator: E, encoder: TableEncoder, targets: Targets, network: Sequential, name: str
) -> E:
    """Return the estimator with these fitted parts, without a history; messages call it `name`.

    Raises FormatError unless encoder, network and targets match.
    """
    inputs = encoder.width if encoder.fitted else 0
    if (network.inputs, network.outputs) != (inputs, targets.outputs):
        raise FormatError(
            f"{name} needs a network with {counted(inputs, 'input')} and "
            f"{counted(targets.outputs, 'output')}, got {network.inputs} and {network.outputs}"
        )
    estimator.encoder_, estimator._targets, estimator.network_ = encoder, targets, network
    estimator.history_, estimator._seed, estimator._arrays = History(), 0, False
    estimator.history_.stopped_by = "import"
    estimator.loss_curve_, estimator.validation_scores_, estimator.t_ = [], None, 0
    estimator._describe()
    estimator._summarize()
    return estimator


def _restored(kind: type[Estimator], settings: Any) -> dict[str, Any]:
    if not isinstance(settings, dict):
        raise FormatError(f"settings need to be an object, got {type(settings).__name__}")
    found = dict(settings)
    unknown = [key for key in found if key not in kind.parameter_names()]
    if unknown:
        raise FormatError(f"settings cannot have {excerpt(unknown[0])}")
    for name in ("hidden_layer_sizes", "activation", "dropout"):
        if isinstance(found.get(name), list):
            found[name] = tuple(found[name])
    if isinstance(found.get("solver"), dict):
        found["solver"] = optimizer_from_dict(found["solver"])
    if found.get("n_iter_no_change") == "inf":
        found["n_iter_no_change"] = inf
    if isinstance(found.get("loss"), dict):
        found["loss"] = loss_from_dict(found["loss"])
    if found.get("encoder") is not None:
        found["encoder"] = TableEncoder.from_dict(found["encoder"])
    weights = found.get("class_weight")
    if isinstance(weights, list):
        if not are_all(_is_weight, weights):
            raise FormatError(
                f"class_weight needs pairs of label and weight, got {excerpt(weights)}"
            )
        found["class_weight"] = dict(weights)
    elif weights not in (None, "balanced"):
        raise FormatError(
            f"class_weight needs to be 'balanced', a list of pairs, or null, got {excerpt(weights)}"
        )
    return found


def _is_weight(pair: object) -> bool:
    return (
        isinstance(pair, list) and len(pair) == 2 and type(pair[0]) in LABELS and is_real(pair[1])
    )


def _count(value: Any, name: str) -> int:
    if type(value) is not int or value < 0:
        raise FormatError(f"{name} needs to be a whole number, got {excerpt(value)}")
    return value
