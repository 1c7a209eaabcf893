"""Bad input to `fit`: refused with a message that names row and column, before anything changes."""

from __future__ import annotations

import copy
import math

import pytest

import tinynn as nn
from tinynn.engines.choice import ENGINES
from tinynn.engines.lists import ListsEngine

X = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
T = [[0.0], [1.0], [1.0]]
NAN = math.nan
ITERATOR = type(iter([])).__name__  # list_iterator; PyPy has another word for it


def network(last=None, outputs=1):
    layers = [nn.Dense(2, outputs)] + ([last] if last else [])
    return nn.Sequential(*layers, seed=1)


def assert_refused(kind, message, *arguments, model=None, **options):
    """Assert that fit raises just this, and leaves network, memory and data as they were."""
    model = model or network()
    # A memory of an earlier training, which another optimizer would replace.
    model.training = {
        "optimizer": nn.SGD().to_dict(), "epochs": 3, "steps": 9,
        "memory": {parameter.name: {} for parameter in model.parameters()},
    }  # fmt: skip
    before = copy.deepcopy((model.state(), model.training))
    plain = [argument for argument in arguments if isinstance(argument, (list, tuple, dict))]
    data = copy.deepcopy(plain)
    with pytest.raises(nn.TinynnError) as caught:
        nn.fit(model, *arguments, **{"optimizer": "adam", **options})
    assert str(caught.value) == message
    assert type(caught.value) is kind
    assert isinstance(caught.value, ValueError)
    assert (model.state(), model.training) == before
    assert repr(plain) == repr(data)


class Frame:
    """What a data frame looks like from outside, of columns that are not numbers."""

    def to_numpy(self):
        return self

    def tolist(self):
        return [[1.0, "red"], [2.0, "blue"]]


@pytest.mark.parametrize(
    ("kind", "inputs", "message"),
    [
        (nn.ShapeError, [[1, 2], [3], [1, 2]],
         "inputs need rows of equal length, got 2 columns in row 0 and 1 in row 1"),
        (nn.ShapeError, [[1, 2, 3]] * 3, "inputs need 2 columns, got 3"),
        (nn.DataError, [[1, 2], ["red", 3], [1, 2]],
         "inputs need numbers, got the text 'red' in row 1, column 0; encode text as "
         "numbers first"),
        (nn.DataError, [[1, 2], ["1.5", 3], [1, 2]],
         "inputs need numbers, got the text '1.5' in row 1, column 0; convert it with "
         "float() first"),
        (nn.DataError, [[1, 2], [None, 3], [1, 2]],
         "inputs need numbers, got None in row 1, column 0; fill or drop missing values first"),
        (nn.DataError, [[1, 2], [1, 2], [1, NAN]],
         "inputs need finite numbers, got nan in row 2, column 1; "
         "fill or drop missing values first"),
        (nn.DataError, [[1, 2], [1, -math.inf], [1, 2]],
         "inputs need finite numbers, got -inf in row 1, column 1; "
         "clip or drop infinite values first"),
        (nn.DataError, [[1, 2], [1, 10**400], [1, 2]],
         "inputs need numbers that fit a float (up to 1.8e308), got a larger int in row "
         "1, column 1;"
         " scale it down first"),
        (nn.DataError, [[1, 2], [1, 2j], [1, 2]],
         "inputs need real numbers, got 2j in row 1, column 1; "
         "use its .real and .imag as two columns, or abs()"),
        (nn.ShapeError, [], "inputs need at least one row, got none"),
        (nn.ShapeError, [[]], "inputs need at least one column, got none in row 0"),
        (nn.ShapeError, [1, 2, 3],
         "inputs need rows of numbers, got the number 1 as row 0; "
         "write [[...]] for one row, or [[x] for x in inputs] for one column"),
        (nn.ShapeError, {0: [1, 2]}, "inputs need a sequence with one item per row, got a dict"),
        (nn.ShapeError, [{"a": 1, "b": 2}] * 3,
         "inputs need rows of numbers, got a dict as row 0; "
         "list its values in a fixed order: [row[key] for key in keys]"),
        (nn.ShapeError, iter(X),
         f"inputs need a sequence with one item per row, got a {ITERATOR}; wrap it in list(...)"),
        (nn.ShapeError, (x for x in X),
         "inputs need a sequence with one item per row, got a generator; wrap it in list(...)"),
        (nn.ShapeError, {1, 2}, "inputs need a sequence with one item per row, got a set"),
        (nn.ShapeError, "abc", "inputs need a sequence with one item per row, got the text 'abc'"),
        (nn.ShapeError, 5, "inputs need a sequence with one item per row, got the number 5"),
        (nn.ShapeError, None, "inputs need a sequence with one item per row, got None"),
        (nn.DataError, Frame(),
         "inputs need numbers, got the text 'red' in row 0, column 1; encode text as "
         "numbers first"),
    ],
)  # fmt: skip
def test_inputs(kind, inputs, message):
    assert_refused(kind, message, inputs, T)
    if not hasattr(inputs, "__next__"):
        assert_refused(kind, f"validation {message}", X, T, validation=(inputs, T))


@pytest.mark.parametrize(
    ("kind", "targets", "message"),
    [
        (nn.ShapeError, [], "targets need at least one row, got none"),
        (nn.ShapeError, T[:2],
         "inputs and targets need the same number of rows, got 3 and 2"),
        (nn.DataError, [[0], [NAN], [1]],
         "targets need finite numbers, got nan in row 1, column 0; "
         "fill or drop missing values first"),
        (nn.DataError, [0, math.inf, 1],
         "targets need finite numbers, got inf in row 1; clip or drop infinite values first"),
        (nn.DataError, [0, None, 1],
         "targets need numbers, got None in row 1; fill or drop missing values first"),
        (nn.DataError, ["a", "b", "a"],
         "targets need numbers, got the text 'a' in row 0; encode text as numbers first"),
        (nn.DataError, [["a"], ["b"], ["a"]],
         "targets need numbers, got the text 'a' in row 0, column 0; encode text as numbers first"),
        (nn.ShapeError, [[0, 1]] * 3, "targets need 1 column, got 2"),
        (nn.ShapeError, [[0], [1, 2], [1]],
         "targets need rows of equal length, got 1 column in row 0 and 2 in row 1"),
        (nn.ShapeError, [[0], 1, [1]],
         "targets need rows of numbers, got the number 1 as row 1; "
         "write [[...]] for one row, or [[x] for x in targets] for one column"),
        (nn.ShapeError, iter(T),
         f"targets need a sequence with one item per row, got a {ITERATOR}; wrap it in list(...)"),
        (nn.ShapeError, {0: 1}, "targets need a sequence with one item per row, got a dict"),
        (nn.ShapeError, 3, "targets need a sequence with one item per row, got the number 3"),
    ],
)  # fmt: skip
def test_targets(kind, targets, message):
    assert_refused(kind, message, X, targets)


def test_arrays_are_refused_alike():
    np = pytest.importorskip("numpy")
    assert_refused(
        nn.DataError,
        "inputs need finite numbers, got nan in row 1, column 0; fill or drop missing values first",
        np.array([[0.0, 1.0], [NAN, 1.0], [1.0, 1.0]]), T,
    )  # fmt: skip
    assert_refused(nn.ShapeError, "inputs need 2 columns, got 3", np.zeros((3, 3)), T)
    assert_refused(nn.ShapeError, "targets need 1 column, got 2", X, np.zeros((3, 2)))
    assert_refused(
        nn.ShapeError,
        "inputs need single numbers, got a list in row 0, column 0; "
        "flatten each row first",
        np.zeros((3, 2, 2)), T,
    )  # fmt: skip
    assert_refused(
        nn.ShapeError,
        "targets need 3 columns, got 1; give class numbers as a flat list",
        X, np.array([[0], [1], [2]]), loss="ce", model=network(nn.Softmax(), 3),
    )  # fmt: skip


END = "scale the targets, or end with a Dense layer"


@pytest.mark.parametrize(
    ("last", "loss", "targets", "message"),
    [
        (nn.Sigmoid(), "mse", [[0], [2], [1]],
         "targets need to be within the range of the last layer, Sigmoid(), from 0 to 1, "
         f"got 2.0 in row 1, column 0; {END}"),
        (nn.Tanh(), "mae", [[0], [1], [-1.5]],
         "targets need to be within the range of the last layer, Tanh(), from -1 to 1, "
         f"got -1.5 in row 2, column 0; {END}"),
        (nn.ReLU(), "huber", [[0], [-1], [1]],
         "targets need to be within the range of the last layer, ReLU(), from 0 to inf, "
         f"got -1.0 in row 1, column 0; {END}"),
        (nn.Softplus(), "mse", [[0], [-0.1], [1]],
         "targets need to be within the range of the last layer, Softplus(), from 0 to inf, "
         f"got -0.1 in row 1, column 0; {END}"),
        (nn.ELU(0.5), "mse", [[0], [-0.6], [1]],
         "targets need to be within the range of the last layer, ELU(alpha=0.5), from -0.5 to inf, "
         f"got -0.6 in row 1, column 0; {END}"),
        (nn.GELU(), "mse", [[0], [-0.18], [1]],
         "targets need to be within the range of the last layer, GELU(), from -0.169971 to inf, "
         f"got -0.18 in row 1, column 0; {END}"),
        (nn.SiLU(), "mse", [[0], [-0.28], [1]],
         "targets need to be within the range of the last layer, SiLU(), from -0.278465 to inf, "
         f"got -0.28 in row 1, column 0; {END}"),
        (nn.Sigmoid(), "bce", [[0], [1.5], [1]],
         "BinaryCrossEntropy needs targets between 0 and 1, "
         "got 1.5 in row 1, column 0 of targets"),
        (None, nn.BinaryCrossEntropy(from_logits=True), [[0], [-0.5], [1]],
         "BinaryCrossEntropy needs targets between 0 and 1, "
         "got -0.5 in row 1, column 0 of targets"),
        (None, "hinge", [-1, 0, 1],
         "Hinge needs targets of -1 or 1, got 0.0 in row 1, column 0 of targets"),
        (nn.Sigmoid(), "bce", [1, 1, 1],
         "BinaryCrossEntropy needs targets of at least two classes to learn from, "
         "got class 1 in all 3 rows"),
        (nn.Sigmoid(), "bce", [0, 0, 0],
         "BinaryCrossEntropy needs targets of at least two classes to learn from, "
         "got class 0 in all 3 rows"),
        (nn.Softmax(), "ce", [1, 1, 1],
         "CategoricalCrossEntropy needs targets of at least two classes to learn from, "
         "got class 1 in all 3 rows"),
        (None, "hinge", [-1, -1, -1],
         "Hinge needs targets of at least two classes to learn from, got class -1 in all 3 rows"),
        (None, "hinge", [1, 1, 1],
         "Hinge needs targets of at least two classes to learn from, got class 1 in all 3 rows"),
    ],
)  # fmt: skip
def test_targets_out_of_reach(last, loss, targets, message):
    assert_refused(nn.DataError, message, X, targets, loss=loss, model=network(last))


@pytest.mark.parametrize(
    ("kind", "targets", "message"),
    [
        (nn.DataError, [[0, 1], [1, 1], [1, 0]],
         "CategoricalCrossEntropy needs targets that sum to 1 in each row, not 2, "
         "got 1.0 in row 1, column 1 of targets"),
        (nn.DataError, [[0, 1], [-1, 2], [1, 0]],
         "CategoricalCrossEntropy needs probabilities between 0 and 1 (one_hot(classes) "
         "makes them),"
         " got -1.0 in row 1, column 0 of targets"),
        (nn.DataError, [0, 1, 2], "targets need class numbers from 0 to 1, got 2 in row 2"),
        (nn.DataError, [-1, 0, 1], "targets need class numbers from 0 to 1, got -1 in row 0"),
        (nn.DataError, [0, 1, 0.5], "targets need class numbers from 0 to 1, got 0.5 in row 2"),
        (nn.ShapeError, [[0], [1], [1]],
         "targets need 2 columns, got 1; give class numbers as a flat list"),
        (nn.DataError, [1, 1, 1],
         "CategoricalCrossEntropy needs targets of at least two classes to learn from, "
         "got class 1 in all 3 rows"),
        (nn.DataError, [[0, 1]] * 3,
         "CategoricalCrossEntropy needs targets of at least two classes to learn from, "
         "got class 1 in all 3 rows"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("from_logits", [False, True])
def test_targets_of_classes(kind, targets, message, from_logits):
    loss = nn.CategoricalCrossEntropy(from_logits)
    model = network(None if from_logits else nn.Softmax(), 2)
    assert_refused(kind, message, X, targets, loss=loss, model=model)


def test_a_flat_list_is_no_target_for_several_numbers():
    message = "targets need 2 columns, got a flat list of numbers"
    assert_refused(nn.ShapeError, message, X, [1, 2, 3], model=network(outputs=2))
    assert_refused(
        nn.ShapeError, "targets need 2 columns, got 3", X, [[1, 2, 3]] * 3,
        model=nn.Sequential(nn.Tanh(), nn.Dropout(0.1)),
    )  # fmt: skip


def test_targets_at_the_edge_of_reach_are_taken_also_when_they_are_rounded():
    edge = [[0.0], [1.0], [1.0000000000000002]]
    assert nn.fit(network(nn.Sigmoid()), X, edge, epochs=1).epochs == 1
    assert nn.fit(network(nn.ReLU()), X, [[0.0], [-1e-12], [1.0]], epochs=1).epochs == 1


def test_one_row_of_one_class_is_taken():
    model = nn.Sequential(nn.Dense(2, 3), nn.Softmax())
    assert nn.fit(model, X[:1], [2], loss="ce", epochs=1).epochs == 1
    soft = nn.Sequential(nn.Dense(2, 1), nn.Sigmoid())
    assert nn.fit(soft, X, [0.3, 0.3, 0.3], loss="bce", epochs=1).epochs == 1


@pytest.mark.parametrize(
    ("kind", "weights", "message"),
    [
        (nn.ShapeError, [1, 2],
         "inputs and sample weights need the same number of rows, got 3 and 2"),
        (nn.DataError, [1, -2, 1], "sample weights need to be at least 0, got -2.0 in row 1"),
        (nn.DataError, [0, 0, 0], "sample weights need a finite sum above zero, got 0 for 3 rows"),
        (nn.DataError, [1e308] * 3,
         "sample weights need a finite sum above zero, got inf for 3 rows"),
        (nn.DataError, [1, NAN, 1],
         "sample weights need finite numbers, got nan in row 1; fill or drop missing values first"),
        (nn.ShapeError, "abc",
         "sample weights need a sequence with one item per row, got the text 'abc'"),
        (nn.ShapeError, 2,
         "sample weights need a sequence with one item per row, got the number 2"),
        (nn.ShapeError, [[1], [2], [3]],
         "sample weights need single numbers, got a list in row 0; "
         "flatten each row first"),
    ],
)  # fmt: skip
def test_sample_weights(kind, weights, message):
    assert_refused(kind, message, X, T, sample_weight=weights)
    message = message.replace("sample weights", "validation sample weights")
    message = message.replace("inputs and", "validation inputs and")
    assert_refused(kind, message, X, T, validation=(X, T, weights))


CLASS_WEIGHT = 'class_weight needs to be "balanced" or a dictionary of class number to weight'


@pytest.mark.parametrize(
    ("kind", "weights", "message"),
    [
        (nn.SettingError, "equal", f"{CLASS_WEIGHT}, got 'equal'"),
        (nn.SettingError, [1, 2], f"{CLASS_WEIGHT}, got [1, 2]"),
        (nn.SettingError, 2.0, f"{CLASS_WEIGHT}, got 2.0"),
        (nn.SettingError, {0: -1},
         "class_weight needs the weight of class 0 to be a finite number, at least 0, got -1; "
         "did you mean 1?"),
        (nn.SettingError, {0: "2"},
         "class_weight needs the weight of class 0 to be a finite number, at least 0, got '2'; "
         "did you mean 2, without quotes?"),
        (nn.SettingError, {"a": 1}, "class_weight needs class numbers from 0 to 1, got 'a'"),
        (nn.SettingError, {5: 1}, "class_weight needs class numbers from 0 to 1, got 5"),
        (nn.DataError, {0: 0, 1: 0},
         "weights of samples and classes need a finite sum above zero, got 0 for 3 rows"),
    ],
)  # fmt: skip
def test_class_weights(kind, weights, message):
    assert_refused(kind, message, X, T, class_weight=weights)


@pytest.mark.parametrize(
    ("kind", "validation", "message"),
    [
        (nn.SettingError, 0.2,
         "fit needs validation to be (inputs, targets) or (inputs, targets, sample weights), "
         "got float; did you mean validation_split=0.2?"),
        (nn.SettingError, (X,),
         "fit needs validation to be (inputs, targets) or (inputs, targets, sample weights), "
         "got tuple"),
        (nn.ShapeError, (X, T[:1]),
         "validation inputs and validation targets need the same number of rows, got 3 and 1"),
        (nn.ShapeError, ([], []), "validation inputs need at least one row, got none"),
        (nn.ShapeError, (X, None),
         "validation targets need a sequence with one item per row, got None"),
        (nn.DataError, (X, [[1], [NAN], [1]]),
         "validation targets need finite numbers, got nan in row 1, column 0; "
         "fill or drop missing values first"),
    ],
)  # fmt: skip
def test_validation_data(kind, validation, message):
    assert_refused(kind, message, X, T, validation=validation)
    assert_refused(kind, message, [(X, T)], validation=validation)


WHOLE = "to be a whole number, at least"
STREAM = (
    "fit needs targets for validation_split or sample_weight, got none; for a stream, put sample "
    "weights into its batches and use validation="
)
NAMES = ", ".join(["auto", *ENGINES])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, f"fit needs epochs {WHOLE} 1, got 0"),
        ({"epochs": 2.5}, f"fit needs epochs {WHOLE} 1, got 2.5"),
        ({"epochs": True}, f"fit needs epochs {WHOLE} 1, got True"),
        ({"epochs": None}, f"fit needs epochs {WHOLE} 1, got None"),
        ({"batch_size": 0}, f"fit needs batch_size {WHOLE} 1, got 0"),
        ({"batch_size": 2.0}, f"fit needs batch_size {WHOLE} 1, got 2.0; did you mean 2?"),
        ({"batch_size": "2"}, f"fit needs batch_size {WHOLE} 1, got '2'"),
        ({"seed": -1}, f"fit needs seed {WHOLE} 0, got -1"),
        ({"seed": None}, f"fit needs seed {WHOLE} 0, got None"),
        ({"shuffle": "no"}, "fit needs shuffle to be True or False, got 'no'"),
        ({"restart": 1}, "fit needs restart to be True or False, got 1"),
        ({"clip_norm": 0}, "fit needs clip_norm to be a finite number, above 0, got 0"),
        ({"clip_value": -1},
         "fit needs clip_value to be a finite number, above 0, got -1; did you mean 1?"),
        ({"time_budget": "1"},
         "fit needs time_budget to be a finite number, above 0, got '1'; "
         "did you mean 1, without quotes?"),
        ({"loss_threshold": NAN}, "fit needs loss_threshold to be a finite number, got nan"),
        ({"loss": "msee"},
         "loss needs to be one of 'mse', 'mae', 'huber', 'bce', 'ce', 'hinge', 'quantile', "
         "'log_cosh', "
         "'poisson', 'binary_focal', 'focal', "
         "'cross_entropy' or an "
         "object of class "
         "Loss, got 'msee'; did you mean 'mse'?"),
        ({"loss": nn.Huber},
         "loss needs to be one of 'mse', 'mae', 'huber', 'bce', 'ce', 'hinge', 'quantile', "
         "'log_cosh', "
         "'poisson', 'binary_focal', 'focal', "
         "'cross_entropy' or an "
         "object of class "
         "Loss, got <class 'tinynn.lesson.losses.Huber'>; did you mean Huber(), with parentheses?"),
        ({"optimizer": "adm"},
         "optimizer needs to be one of 'sgd', 'adagrad', 'rmsprop', 'adam', 'adamw', 'nadam', "
         "'radam', 'adadelta', 'rprop', 'lion', 'lbfgs' or an "
         "object of "
         "class Optimizer, got 'adm'; did you mean 'adam'?"),
        ({"engine": "list"},
         f"an engine needs to be one of {NAMES}, got 'list' (engine='list')"),
        ({"engine": None}, f"an engine needs to be one of {NAMES}, got None (engine=None)"),
        ({"metrics": "accuracy"},
         "metrics need to be a list, got 'accuracy'; wrap it in [...]"),
        ({"metrics": max},
         "metrics need to be a list, got <built-in function max>; wrap it in [...]"),
        ({"metrics": ["accuracy"]},
         "metrics need to be functions of (targets, outputs) with different names, "
         "got 'accuracy'; use a dictionary to name them"),
        ({"metrics": [max, max]},
         "metrics need to be functions of (targets, outputs) with different names, "
         "got <built-in function max>; use a dictionary to name them"),
        ({"callbacks": None}, "callbacks need to be a list, got None; wrap it in [...]"),
        ({"callbacks": [nn.Progress]},
         "callbacks need to be Callback objects, got <class 'tinynn.training.progress."
         "Progress'>; did you mean Progress(), with parentheses?"),
        ({"validation_split": 1.0},
         "fit needs validation_split to be a finite number, at least 0 and below 1, got 1.0"),
        ({"validation_split": -0.1},
         "fit needs validation_split to be a finite number, at least 0 and below 1, got -0.1; "
         "did you mean 0.1?"),
        ({"validation": (X, T), "validation_split": 0.2},
         "fit needs validation or validation_split, got both"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else type(value).__name__,
)  # fmt: skip
def test_settings(options, message):
    assert_refused(nn.SettingError, message, X, T, **options)


def test_a_share_that_leaves_no_row():
    message = (
        "validation_split needs to leave rows for training and for validation, got 0.01 of 3 rows"
    )
    assert_refused(nn.DataError, message, X, T, validation_split=0.01)
    message = (
        "validation_split needs to leave rows for training and for validation, got 0.9 of 3 rows"
    )
    assert_refused(nn.DataError, message, X, T, validation_split=0.9)


def test_what_a_stream_cannot_take():
    assert_refused(nn.SettingError, STREAM, [(X, T)], validation_split=0.1)
    assert_refused(nn.SettingError, STREAM, [(X, T)], sample_weight=[1, 1, 1])


def test_a_table_without_its_targets():
    assert_refused(
        nn.DataError,
        "a stream needs batches of (inputs, targets) or (inputs, targets, sample weights), "
        "got list of 2 as batch 0; for a table, give its targets too",
        X,
    )


def test_a_first_batch_that_is_bad_changes_nothing():
    assert_refused(
        nn.ShapeError, "batch 0: inputs need 2 columns, got 3", [([[1, 2, 3]], [[1]])], epochs=3
    )


@pytest.mark.parametrize(
    ("last", "loss", "outputs", "message"),
    [
        (None, "bce", 1,
         "BinaryCrossEntropy needs outputs between 0 and 1, got Dense(2, 1) as the last layer; "
         "add Sigmoid() to the network, or use BinaryCrossEntropy(from_logits=True)"),
        (nn.ReLU(), "bce", 1,
         "BinaryCrossEntropy needs outputs between 0 and 1, got ReLU() as the last layer; "
         "add Sigmoid() to the network, or use BinaryCrossEntropy(from_logits=True)"),
        (nn.LogSoftmax(), "ce", 2,
         "CategoricalCrossEntropy needs outputs between 0 and 1, got LogSoftmax() as the "
         "last layer;"
         " add Softmax() to the network, or use CategoricalCrossEntropy(from_logits=True)"),
        (nn.Softmax(), nn.CategoricalCrossEntropy(from_logits=True), 2,
         "CategoricalCrossEntropy(from_logits=True) applies Softmax itself and needs a network "
         "without it, got Softmax() as the last layer; leave out one of the two"),
        (nn.Sigmoid(), nn.BinaryCrossEntropy(from_logits=True), 1,
         "BinaryCrossEntropy(from_logits=True) applies Sigmoid itself and needs a network without "
         "it, got Sigmoid() as the last layer; leave out one of the two"),
    ],
)  # fmt: skip
def test_losses_that_cannot_read_the_outputs(last, loss, outputs, message):
    assert_refused(nn.SettingError, message, X, T, loss=loss, model=network(last, outputs))


@pytest.mark.parametrize("model", ["model", X, nn.Dense(2, 1), None])
def test_what_is_no_network(model):
    with pytest.raises(nn.SettingError) as caught:
        nn.fit(model, X, T)
    assert str(caught.value) == f"fit needs a Sequential network to train, got {model!r}"


def test_a_setting_that_there_is_not():
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        nn.fit(network(), X, T, epoch=3)


def test_an_engine_that_cannot_serve_changes_nothing():
    class Picky(ListsEngine):
        name = "picky"

        def refuses(self, recipe, batch_size):
            return "it runs nothing"

    model = network()
    nn.fit(model, X, T, epochs=1)
    before = copy.deepcopy((model.state(), model.training))
    loaded = dict(ENGINES._loaded)
    ENGINES._loaded["picky"] = Picky()
    ENGINES._names += ("picky",)
    try:
        with pytest.raises(nn.EngineError) as caught:
            nn.fit(model, X, T, engine="picky", restart=True)
    finally:
        ENGINES._names = ENGINES._names[:-1]
        ENGINES._loaded.clear()
        ENGINES._loaded.update(loaded)
    assert str(caught.value) == (
        "the picky engine, set by engine='picky', cannot be used: it runs nothing"
    )
    assert (model.state(), model.training) == before


def test_bytes_in_a_row_are_refused_like_text():
    with pytest.raises(nn.DataError) as error:
        nn.Sequential(nn.Dense(1, 1)).predict([[bytearray(b"x")]])
    assert str(error.value) == (
        "inputs need numbers, got a bytearray in row 0, column 0; encode text as numbers first"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(10**5000, "a huge int"), ("x" * 10**6, "'" + "x" * 58 + "…"), ("a\nb", "'a\\nb'")],
    ids=["huge", "long", "lines"],
)
def test_a_message_quotes_a_line_at_most(value, shown):
    with pytest.raises(nn.SettingError) as error:
        nn.SGD(learning_rate=value)
    message = str(error.value)
    assert message.endswith(f"got {shown}") and len(message) < 200 and "\n" not in message
