"""Jobs outside this process: whole programs, and installed sizes."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import zipfile
from importlib import metadata
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Sequence

from . import environment
from .jobs import Job, Refused, Sample
from .tasks.kinds import Command, Package

PRINTED = 1e-8  # the programs print about eight digits that are worth comparing


class ProcessJob(Job):
    """A new interpreter that runs a program, measured from outside."""

    tolerance = PRINTED

    def __init__(self, command: Command) -> None:
        for module in command.needs:
            if find_spec(module) is None:
                raise Refused(f"not installed: {module}")
        self.words = ["-c", command.source, *command.arguments]
        self.printed = ""

    def run(self, amount: int) -> None:
        self.printed = printed(self.words)

    def result(self) -> list[float]:
        return [float(word) for word in self.printed.split()]

    def measure(self, amount: int) -> Sample:
        cpu, wall = _children_cpu(), time.perf_counter()
        self.run(amount)
        wall = time.perf_counter() - wall
        after = _children_cpu()
        return Sample(wall if cpu is None or after is None else after - cpu, wall)


def printed(words: Sequence[str]) -> str:
    """Return what a new interpreter with these words prints; RuntimeError if it fails."""
    done = subprocess.run(
        [sys.executable, *words], env=environment.for_children(), capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"the program failed: {last}")
    return done.stdout


def _children_cpu() -> float | None:
    """Return the CPU seconds of all ended child processes; None if the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def size_of(package: Package) -> dict[str, Any]:
    """Return the bytes of an installed package and all that it requires, and a note.

    Raises Refused if it is not installed.
    """
    if not package.distribution:
        return _own_size()
    sizes: dict[str, int] = {}
    _add_sizes(package.distribution, sizes)
    others = sorted(set(sizes) - {_normal(package.distribution)})
    return {
        "bytes": sum(sizes.values()),
        "note": f"with {', '.join(others)}" if others else "requires nothing",
    }


def _own_size() -> dict[str, Any]:
    import tinynn

    folder = Path(tinynn.__file__).resolve().parent
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and "__pycache__" not in p.parts]
    zipped = BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, str(path.relative_to(folder.parent)))
    kilobytes = len(zipped.getvalue()) / 1000
    return {
        "bytes": sum(path.stat().st_size for path in files),
        "note": f"requires nothing; {kilobytes:,.0f} kB as a wheel",
    }


def _add_sizes(distribution: str, sizes: dict[str, int]) -> None:
    """Add the bytes of a distribution and of all that it requires to `sizes`, by name."""
    pending: list[str] = [distribution]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if _normal(name) in seen:
            continue
        seen.add(_normal(name))
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name == distribution:
                raise Refused(f"not installed (pip install {distribution})") from None
            continue  # required only on another system or Python
        sizes[_normal(name)] = sum(
            _bytes(Path(str(file.locate())))
            for file in found.files or ()
            if file.suffix not in (".pyc", ".pyo")
        )
        for requirement in found.requires or ():
            if "extra ==" not in requirement:
                word = re.match(r"[A-Za-z0-9._-]+", requirement)
                if word:
                    pending.append(word.group())


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
