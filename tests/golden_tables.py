"""The golden tables beside the tests, and the programs that made them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def load_table(name):
    """Return the content of tests/golden/`name`.json."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


def load_maker(name):
    """Return the module tests/golden/make_`name`.py, which made the table of that name."""
    spec = importlib.util.spec_from_file_location(f"make_{name}", GOLDEN / f"make_{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
