"""The size of tinynn: `python3 -m benchmarks.sizes` prints bytes, import memory and import time.

The wheel is the one that pip builds. Imports are measured in new processes with cached bytecode, as
users have it from the second import on: CPU time, and resident memory above that of a bare
interpreter, each the median of several.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from statistics import median
from typing import NamedTuple

from .interpreters import ROOT, vendor

# The limits that the project has set itself.
LIMITS = {
    "wheel": 200e3, "single file, minimal, with training": 60e3,
    "import of the package": 25e-3, "import of the single file": 25e-3,
    "memory of the package": 4e6, "memory of the single file": 4e6,
}  # fmt: skip

NATIVE = "tinynn/engines/native"  # a part of its own, since it can be left out of a single file
IMPORT = """
import time
def resident():
    with open("/proc/self/status") as status:
        (line,) = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024
try:
    before = resident()
except OSError:
    resident, before = lambda: -1, 0
started = time.process_time()
import tinynn
print(time.process_time() - started, resident() - before)
"""


class Part(NamedTuple):
    """One folder or module in the wheel: its bytes, and how many of them are docstrings."""

    name: str
    bytes: int
    docstrings: int


def imported(folder: Path, times: int) -> tuple[float, float | None]:
    """Return the seconds and bytes that `import tinynn` from a folder takes; None for unknown."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    variables["PYTHONPATH"] = str(folder)
    found = []
    for _ in range(times + 1):  # the first run compiles
        done = subprocess.run(
            [sys.executable, "-c", IMPORT], env=variables, cwd=folder, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        found.append([float(word) for word in done.stdout.split()])
    seconds, held = (median(column) for column in zip(*found[1:]))
    return seconds, None if held < 0 else held


def wheel(folder: Path) -> Path:
    """Return the path of the wheel that pip builds into a folder.

    Raises RuntimeError, with pip's last words, if it cannot.
    """
    words = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(folder), str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True)
    found = list(folder.glob("*.whl"))
    if not found:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"no wheel could be built: {last}")
    return found[0]


def parts(path: Path) -> list[Part]:
    """Return the parts of a wheel, the largest first; the last is the zip format's overhead."""
    sizes: Counter[str] = Counter()
    docstrings: Counter[str] = Counter()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            native = info.filename.startswith(NATIVE)
            name = NATIVE if native else "/".join(info.filename.split("/")[:2])
            sizes[name] += info.compress_size
            if info.filename.endswith(".py"):
                text = archive.read(info).decode("utf-8")
                docstrings[name] += info.compress_size - _compressed(without_docstrings(text))
    found = [Part(name, size, docstrings[name]) for name, size in sizes.most_common()]
    rest = path.stat().st_size - sum(sizes.values())
    return [*found, Part("file names and offsets in the archive", rest, 0)]


def _compressed(text: str) -> int:
    deflate = zlib.compressobj(wbits=-15)
    return len(deflate.compress(text.encode()) + deflate.flush())


def without_docstrings(text: str) -> str:
    """Return a module's source without the lines of its docstrings."""
    lines = text.splitlines(True)
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            continue
        if ast.get_docstring(node) is not None:
            first = node.body[0]
            for number in range(first.lineno - 1, first.end_lineno or first.lineno):
                lines[number] = ""
    return "".join(lines)


def measured(folder: Path, times: int) -> tuple[dict[str, float | None], list[Part]]:
    """Return all measurements by name, and the parts of the wheel."""
    found: dict[str, float | None] = {}
    path = wheel(folder)
    found["wheel"] = path.stat().st_size
    alone = folder / "alone"
    alone.mkdir()
    for name, options in (
        ("single file, minimal, with training", ("--minimal", "--include", "train")),
        ("single file", ()),
    ):
        vendor(alone / "tinynn.py", *options)
        found[name] = (alone / "tinynn.py").stat().st_size
    for name, home in (("package", ROOT), ("single file", alone)):
        found[f"import of the {name}"], found[f"memory of the {name}"] = imported(home, times)
    return found, parts(path)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name.startswith("import"):
        return f"{value * 1e3:.1f} ms"
    return f"{value / 1e6:.1f} MB" if name.startswith("memory") else f"{value / 1e3:,.0f} kB"


def main() -> int:
    """Print the sizes; return 1 if one is above its limit."""
    with tempfile.TemporaryDirectory() as folder:
        found, held = measured(Path(folder), 9)
    print("| what | now | at most |\n|---|---|---|")
    above = []
    for name, value in found.items():
        limit = LIMITS.get(name)
        print(f"| {name} | {_shown(name, value)} | {_shown(name, limit)} |")
        if limit is not None and value is not None and value > limit:
            above.append(name)
    print("\n| in the wheel | bytes | of which docstrings |\n|---|---|---|")
    for part in held:
        print(f"| {part.name} | {part.bytes:,} | {part.docstrings:,} |")
    if above:
        print(f"\nabove the limit: {', '.join(above)}", file=sys.stderr)
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
