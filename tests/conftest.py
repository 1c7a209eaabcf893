"""Test settings shared by all modules: deterministic hypothesis profiles, no time limits.

CI chooses the profile with more examples: `pytest --hypothesis-profile thorough`. A test that needs
more or fewer than others asks for a multiple of `settings.default.max_examples`.

With TINYNN_SINGLE_FILE set to the path of a file that `tinynn vendor` wrote, the library that is
tested is that file, by all tests but those of the folder and what stands beside it.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import sys

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "tinynn",
    max_examples=20,
    deadline=None,  # timing never decides a test
    derandomize=True,  # the same examples on every machine and every run
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("tinynn"), max_examples=200)
settings.load_profile("tinynn")

# They import what they make golden tables with, which need not be there.
collect_ignore_glob = ["golden/make_*.py"]

collect_ignore = ["native_in_pyodide.py"]  # a program for Pyodide

SINGLE_FILE = os.environ.get("TINYNN_SINGLE_FILE")
if SINGLE_FILE:
    spec = importlib.util.spec_from_file_location("tinynn", SINGLE_FILE)
    sys.modules["tinynn"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["tinynn"])
    sys.modules["tinynn.__main__"] = importlib.import_module("tinynn.cli")
    of_the_folder = (
        "architecture benchmarks changed_copies digits estimator_benchmarks installers "
        "interpreters native_system notebooks package playground_page playground_server "
        "playground_session readme sizes table_benchmarks vendor"
    )
    collect_ignore += [f"test_{name}.py" for name in of_the_folder.split()]


def pytest_collection_finish():
    """Let the garbage collector forget what stays: it is most of its work, test after test."""
    gc.collect()
    if hasattr(gc, "freeze"):  # CPython
        gc.freeze()


def pytest_collection_modifyitems(items):
    """Skip the tests of what only the folder has, or that know the modules by their files."""
    folder_only = (
        "help_with_examples[vendor]", "with_the_one_writer[vendor", "bench_is_a_door",
        "ctrl_c_at_any_line",
        "interrupt_at_any_line", "interrupt_anywhere", "interrupted_program_goes_on",
        "reads_changed_weights", "overwritten_gets_them_again", "wherever_ctrl_c_comes",
        "pypy_trains_and_predicts", "loaded_only_where_it_is_asked",
        "the_readme_lists_are_those",
    )  # fmt: skip
    for item in items:
        if SINGLE_FILE and any(words in item.name for words in folder_only):
            item.add_marker(pytest.mark.skip(reason="of the folder, not of the single file"))


@pytest.fixture
def own_classes():
    """Let a test register classes, and forget them afterwards."""
    from tinynn.formulas import activations, caches, losses as loss_formulas, optimizers
    from tinynn.lesson import initializers, losses, network, optimizers as rules, schedules

    tables = (
        network.KINDS, losses.LOSSES, rules.OPTIMIZERS, schedules.SCHEDULES,
        initializers.INITIALIZERS, activations.ACTIVATIONS, loss_formulas.LOSSES,
        optimizers.OPTIMIZERS,
    )  # fmt: skip
    before = [dict(table) for table in tables]
    yield
    for table, kept in zip(tables, before):
        table.clear()
        table.update(kept)
    caches.forget()
