"""The benchmark of executors: its report, and that what it counts is what travels."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from test_estimator_benchmarks import ABOUT

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # benchmarks is not installed

from benchmarks import executors
from benchmarks.executors import NONE, TINY, Counting, Moved
from benchmarks.results import Results

TIMES = {
    "cross-validation": {NONE: 4.0, "processes": 2.0, f"{NONE}, MPI": 6.0, "MPI": 2.0},
    "search": {NONE: 4.0, "processes": 5.0},
}


def test_the_report_compares_each_with_none_in_its_own_run():
    moved = {"search": Moved(12_000, 5_000, 300)}
    ends = [("the whole table, by fit", 64, 0.25)]
    text = executors.report(TIMES, moved, ends, TINY, ["Dask is not installed"],
                            Results("executors", ABOUT))  # fmt: skip
    assert (
        "| work | one after another | processes | MPI |\n"
        "|---|---|---|---|\n"
        "| cross-validation | 4.00 s | 2.00 s, 2.00× | 2.00 s, 3.00× |\n"
        "| search | 4.00 s | 5.00 s, 0.80× | – |\n"
    ) in text
    assert "| search | 12,000 | 5,000 | 300 |\n" in text
    assert "| the whole table, by fit | 64 | 0.2500 |\n" in text
    assert "Not measured: Dask is not installed.\n" in text
    assert "`a command`" in text


def test_another_result_ends_the_benchmark(monkeypatch):
    monkeypatch.setattr(executors, "works", lambda sizes: {"work": lambda executor: executor})
    with pytest.raises(SystemExit, match=r"^work: threads gives another result than one after"):
        executors.measured(TINY, {NONE: None, "threads": 1})


def test_bytes_are_counted_both_ways():
    with ThreadPoolExecutor(1) as pool:
        counting = Counting(pool)
        assert counting.submit(bytes, 1000).result() == bytes(1000)
        counting.submit(len, bytes(500)).result()
    assert 500 < counting.largest < counting.there < 700
    assert 1000 < counting.back < 1100
