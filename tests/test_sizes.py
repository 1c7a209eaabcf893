"""What tinynn weighs: an import's memory has a limit, and what measures the rest is right."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # benchmarks is no part of the installed package

from benchmarks import sizes  # noqa: E402


def test_an_import_leaves_little_memory_behind():
    _, held = sizes.imported(ROOT, times=3)
    if held is None:
        pytest.skip("only /proc tells how much memory is resident")
    assert held <= sizes.LIMITS["memory of the package"]


def test_an_import_that_keeps_much_is_seen(tmp_path):
    (tmp_path / "tinynn.py").write_text("KEPT = bytes(range(1, 256)) * 40000\n", encoding="utf-8")
    seconds, held = sizes.imported(tmp_path, times=1)
    if held is None:
        pytest.skip("only /proc tells how much memory is resident")
    assert held > 9e6 and seconds > 0.0


def test_every_byte_of_a_wheel_is_accounted_for(tmp_path):
    code = '"""' + "A docstring. " * 9 + '"""\n\ndef f():\n    """Another."""\n    return 1\n'
    wheel = tmp_path / "x.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tinynn/one.py", code)
        archive.writestr("tinynn/folder/two.py", "x = 1\n")
        archive.writestr("tinynn/folder/three.py", "x = 2\n")
        archive.writestr("tinynn.dist-info/RECORD", "all of it")
    parts = sizes.parts(wheel)
    assert [part.name for part in parts] == [
        "tinynn/one.py", "tinynn/folder", "tinynn.dist-info/RECORD",
        "file names and offsets in the archive",
    ]  # fmt: skip
    assert sum(part.bytes for part in parts) == wheel.stat().st_size
    assert 20 < parts[0].docstrings < parts[0].bytes
    assert [part.docstrings for part in parts[1:]] == [0, 0, 0]
    assert sizes.without_docstrings(code) == "\ndef f():\n    return 1\n"
