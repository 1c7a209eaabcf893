"""The demo on every interpreter that there is: the three numbers, and iris.

They are looked for on PATH, as python3.8 … python3.13 and pypy3; one that is missing, or does not
run, is skipped with the reason.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = [f"python3.{minor}" for minor in range(8, 15)] + ["pypy3"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_demo_runs_and_is_right(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on PATH")
    # -E: nothing of this test's environment; -S is not given, for it slows nothing and hides bugs.
    alive = subprocess.run([found, "-E", "-c", "pass"], capture_output=True, text=True)
    if alive.returncode:
        pytest.skip(f"{found} does not run: {alive.stderr.strip()[-200:]}")
    done = subprocess.run(
        [found, "-E", "-m", "tinynn", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    for answer in ("0.65980921", "0.87680541", "0.98977040"):
        assert answer in done.stdout
    accuracy = re.search(r"test accuracy (\d\.\d+)", done.stdout)
    assert accuracy and float(accuracy.group(1)) >= 0.95, done.stdout
