"""State dicts whose order is not that of the network; fitted objects that lack attributes."""

from __future__ import annotations

import copy
import random
import re

import pytest
from hypothesis import given, strategies as st
from live_objects import Array, made

import tinynn as nn
from tinynn.errors import FormatError
from tinynn.importers import from_pytorch, from_sklearn


def state_dict(names, seed=0):
    rng = random.Random(seed)
    return {
        f"{name}.{letter}": Array([[rng.gauss(0, 1) for _ in range(2)] for _ in range(2)])
        if letter == "weight"
        else Array([rng.gauss(0, 1), rng.gauss(0, 1)])
        for name in names
        for letter in ("weight", "bias")
    }


def answers(tensors, count):
    return from_pytorch(tensors, [nn.Dense(2, 2) for _ in range(count)]).network.predict([[1, 2]])


def refused(tensors, count):
    with pytest.raises(FormatError) as error:
        answers(tensors, count)
    return str(error.value)


@given(st.integers(2, 25), st.sampled_from(["{}", "net.{}", "fc{}", "blocks.{}.lin"]))
def test_numbered_layers_sorted_as_text_are_put_in_order(count, pattern):
    tensors = state_dict([pattern.format(i) for i in range(count)])
    assert answers(dict(sorted(tensors.items())), count) == answers(tensors, count)


def test_names_without_numbers_are_read_in_pytorchs_order_alone():
    tensors = state_dict(["hidden", "classifier"])
    answers(tensors, 2)
    wanted = (
        "the state dict has layers in an order that may not be that of the network: classifier, "
        "hidden; give the layers by name: layers={'classifier': Dense(…), …}"
    )
    assert refused(dict(sorted(tensors.items())), 2) == wanted
    layers = {"hidden": nn.Dense(2, 2), "classifier": nn.Dense(2, 2)}
    found = from_pytorch(dict(sorted(tensors.items())), layers).network
    assert found.predict([[1, 2]]) == answers(tensors, 2)


def test_the_order_within_a_layer_shows_whether_names_were_sorted():
    tensors = state_dict(["encoder", "head"])  # in alphabetical order anyway
    assert answers(tensors, 2)
    assert refused(dict(sorted(tensors.items())), 2).startswith("the state dict has layers in an")
    weights = {name: tensor for name, tensor in tensors.items() if name.endswith("weight")}
    with pytest.raises(FormatError):  # nothing shows it
        from_pytorch(weights, [nn.Dense(2, 2, bias=False), nn.Dense(2, 2, bias=False)])


def test_layers_whose_numbers_count_down_are_refused():
    assert "fc2, fc1" in refused(state_dict(["fc2", "fc1"]), 2)
    assert "fc1, fc10, fc2, out" in refused(state_dict(["fc1", "fc10", "fc2", "out"]), 4)


def test_a_file_read_by_safetensors_is_the_same_network(tmp_path):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    module = torch.nn.Sequential(*[torch.nn.Linear(2, 2) for _ in range(12)]).double()
    files.save_file(module.state_dict(), tmp_path / "m.safetensors")
    loaded = files.load_file(tmp_path / "m.safetensors")
    assert list(loaded) != list(module.state_dict())
    wanted = module(torch.tensor([[1.0, 2.0]], dtype=torch.float64)).tolist()
    assert answers(loaded, 12)[0] == pytest.approx(wanted[0], rel=1e-12)


# scikit-learn's objects of other versions


def fitted():
    pytest.importorskip("sklearn")
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [float(i % 7) for i in range(40)], "k": ["u", "v"] * 20})
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((OneHotEncoder(), ["k"]), (numbers, ["a"]))
    network = MLPClassifier((3,), max_iter=5, random_state=0)
    model = make_pipeline(columns, network).fit(table, [0, 1] * 20)
    return model, table.values.tolist(), model.predict_proba(table).tolist()


def places(thing, seen, path=()):
    """Yield the way to every scikit-learn object inside one."""
    if type(thing).__module__.startswith("sklearn.") and hasattr(thing, "__dict__"):
        if id(thing) not in seen:
            seen.add(id(thing))
            yield path
            for name, value in vars(thing).items():
                yield from places(value, seen, (*path, name))
    elif isinstance(thing, (list, tuple)):
        for i, value in enumerate(thing):
            yield from places(value, seen, (*path, i))


def follow(thing, path):
    for step in path:
        thing = getattr(thing, step) if isinstance(step, str) else thing[step]
    return thing


@pytest.mark.filterwarnings("ignore")
def test_an_object_without_any_one_attribute_is_the_same_or_refused():
    model, rows, wanted = fitted()
    kept = 0
    for path in list(places(model, set())):
        for name in list(vars(follow(model, path))):
            old = copy.deepcopy(model)
            del vars(follow(old, path))[name]
            try:
                got = from_sklearn(old, as_estimator=True).predict_proba(rows)
            except FormatError:
                continue
            kept += 1
            for a, b in zip(got, wanted):
                assert a == pytest.approx(b, abs=1e-9), (path, name)
    assert kept > 20


def test_what_an_object_lacks_is_said_with_its_version():
    model = made({"class": "MLPClassifier", "module": "sklearn.neural_network", "attributes": {}})
    model.coefs_ = [Array([[1.0]])]
    model._sklearn_version = "0.17"
    with pytest.raises(FormatError) as error:
        from_sklearn(model)
    assert re.fullmatch(
        r"the model \(scikit-learn 0\.17\) lacks something that its kind has in scikit-learn 0\.24 "
        r"and newer: .MLPClassifier. object has no attribute .intercepts_.; fit it again, or load "
        "and save it with the version that fitted it",
        str(error.value),
    )
