"""scikit-learn's own tests of its networks, with Classifier and Regressor in their place.

Only the import is changed. The tests that fail, and why, are in the table of
tinynn/estimators/README.md: a test that is not in `FAIL` has to pass, and one in it has to fail.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest

sklearn = pytest.importorskip("sklearn")
pytest.importorskip("joblib")

VERSION = "1.9."
THEIRS = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"
OURS = "from tinynn import Classifier as MLPClassifier, Regressor as MLPRegressor\n"
README = pathlib.Path(__file__).resolve().parent.parent / "tinynn" / "estimators" / "README.md"
# Each with the number of its parametrized tests.
FAIL = {
    "test_fit": 1, "test_gradient": 1, "test_learning_rate_warmstart": 1,
    "test_adaptive_learning_rate": 1, "test_n_iter_no_change": 1, "test_n_iter_no_change_inf": 1,
    "test_verbose_sgd": 1, "test_warm_start": 1, "test_partial_fit_errors": 1,
    "test_nonfinite_params": 1, "test_sparse_matrices": 2, "test_mlp_param_dtypes": 2,
    "test_mlp_loading_from_joblib_partial_fit": 1, "test_preserve_feature_names": 1,
    "test_mlp_diverging_loss": 1,
    "test_lbfgs_classification_maxfun": 1, "test_minimum_input_sample_size": 1,
    "test_early_stopping_stratified": 1,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(
    not sklearn.__version__.startswith(VERSION), reason=f"the table is of scikit-learn {VERSION}x"
)
def test_those_that_fail_are_those_in_the_table(tmp_path):
    spec = importlib.util.find_spec("sklearn.neural_network.tests")
    if spec is None or spec.origin is None:
        pytest.skip("scikit-learn is installed without its tests")
    source = (pathlib.Path(spec.origin).parent / "test_mlp.py").read_text(encoding="utf-8")
    assert source.count(THEIRS) == 1
    (tmp_path / "test_mlp.py").write_text(source.replace(THEIRS, OURS), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider",
         "-p", "sklearn.conftest", "-W", "ignore", "--tb=no", "test_mlp.py"],
        cwd=tmp_path, capture_output=True, encoding="utf-8",
        env={**os.environ, "TINYNN_ENGINE": "native", "PYTHONPATH": str(README.parents[2])},
    )  # fmt: skip
    found = re.findall(r"^(PASSED|FAILED|ERROR) test_mlp\.py::(\w+)", run.stdout, re.MULTILINE)
    failed = [name for result, name in found if result != "PASSED"]
    assert {name: failed.count(name) for name in failed} == FAIL, run.stdout
    assert len(found) == 59


def test_the_table_names_each_that_fails():
    lines = README.read_text(encoding="utf-8").splitlines()
    told = [name for line in lines if line.startswith("| `test_") for name in
            re.findall(r"`(test_\w+)`", line.split("|")[1])]  # fmt: skip
    assert sorted(told) == sorted(FAIL)
