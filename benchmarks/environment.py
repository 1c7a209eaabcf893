"""The machine and its settings: one thread each, every library at its best, everything recorded."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import datetime, timezone
from typing import Any, Mapping, MutableMapping, Sequence

from .jobs import Refused
from .peers.contract import UNKNOWN, load, version_of

ONE_THREAD = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
# Prefixes of variables that keep a numerical library from its best code for this processor, and the
# variable that makes tinynn's "auto" another engine.
SLOWING = (
    "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES",
    "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA", "TINYNN_ENGINE",
)  # fmt: skip
NUMERICAL_MODULES = ("numpy", "torch", "onnxruntime")
PEER_DISTRIBUTIONS = (
    "numpy", "scipy", "scikit-learn", "torch", "micrograd", "onnx", "onnxruntime"
)  # fmt: skip
_RESTARTED = "TINYNN_BENCHMARKS_RESTARTED"


def prepare(variables: MutableMapping[str, str]) -> dict[str, str | None]:
    """Change the environment so that every library runs on one thread and at its best.

    Returns the old value of each variable that was changed, by name (None if it was not set).
    """
    changed: dict[str, str | None] = {}
    for name in sorted(variables):
        if name.startswith(SLOWING) and name not in ONE_THREAD:
            changed[name] = variables.pop(name)
    for name in ONE_THREAD:
        if variables.get(name) != "1":
            changed[name] = variables.get(name)
            variables[name] = "1"
    return changed


def restart_if_late(
    changed: dict[str, str | None], arguments: list[str], module: str = "benchmarks"
) -> dict[str, str | None]:
    """Restart the benchmarks if a numerical library was loaded before the variables changed.

    Returns what was changed; after a restart, also what the process before had changed.
    """
    before = os.environ.pop(_RESTARTED, None)
    if before is not None:
        return {**changed, **json.loads(before)}
    if changed and any(name in sys.modules for name in NUMERICAL_MODULES):
        os.environ[_RESTARTED] = json.dumps(changed)
        os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
    return changed


def for_children() -> dict[str, str]:
    """Return the environment of a measured process; bytecode is cached, as it is for users."""
    variables = dict(os.environ)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONSTARTUP", "PYTHONPROFILEIMPORTTIME"):
        variables.pop(name, None)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    variables["PYTHONPATH"] = root
    return variables


def describe(changed: Mapping[str, str | None], command: str) -> dict[str, Any]:
    """Return the facts about this run, ready for JSON; no host, user or path."""
    import tinynn

    versions: dict[str, str] = {"tinynn": tinynn.__version__}
    for distribution in PEER_DISTRIBUTIONS:
        version = version_of(distribution)
        if version != UNKNOWN:
            versions[distribution] = version
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": command,
        "interpreter": interpreter(),
        "compiler": platform.python_compiler(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": load_average(),
        "versions": versions,
        "linear_algebra": _linear_algebra() if "numpy" in sys.modules else [],
        "changed_variables": dict(changed),
        "clock": "CPU time of all threads; wall time in its own column",
        "garbage_collector": "on, as in any program",
    }


def interpreter() -> str:
    """Return the interpreter's name and version, such as "CPython 3.11.7"."""
    name = platform.python_implementation()
    if name == "PyPy":
        info = getattr(sys, "pypy_version_info", (0, 0, 0))
        return f"PyPy {info[0]}.{info[1]}.{info[2]} (Python {platform.python_version()})"
    return f"{name} {platform.python_version()}"


def command_line(module: str, words: Sequence[str]) -> str:
    """Return the command as anyone could type it, without this machine's folders."""
    shown = [os.path.basename(word) if os.path.isabs(word) else word for word in words]
    return " ".join(["python3", "-m", module, *shown])


def load_average() -> float | None:
    """Return how many processes wanted a core during the last minute, if the system knows."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _linear_algebra() -> list[str]:
    """Return the libraries that multiply matrices for NumPy, with their kernels if known."""
    try:
        found = load("threadpoolctl", "threadpoolctl").threadpool_info()
    except Refused:
        return ["unknown (threadpoolctl is not installed)"]
    return [
        f"{info.get('internal_api')} {info.get('version')}"
        + (f", {info['architecture']} kernels" if info.get("architecture") else "")
        + f", {info.get('num_threads')} thread(s)"
        for info in found
    ]
