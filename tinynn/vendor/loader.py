"""What a single file holds besides the library: its modules are found and run by this.

Each module is the body of a function, which is run with the module's own names as its globals when
the module is first imported. So all of it is compiled, and cached, as one file; and all modules are
real ones.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType, ModuleType
    from typing import Any, Dict, List, Optional


class Library:
    """Finds and loads the modules of the single file `file`, imported as `package`.

    functions:  each module's name below the package, and the function that is its text
    absent:     the modules that were left out, and the part that each belongs to
    """

    def __init__(
        self, package: str, file: str, functions: Dict[str, FunctionType], absent: Dict[str, str]
    ) -> None:
        self.package, self.file = package, file
        self.functions, self.absent = functions, absent

    def install(self) -> None:
        """Let `import` find the modules, from now on, in this copy."""
        here = [getattr(finder, "package", "") == self.package for finder in sys.meta_path]
        sys.meta_path[:] = [finder for finder, old in zip(sys.meta_path, here) if not old]
        sys.meta_path.append(self)

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> Optional[ModuleSpec]:
        """Return how a module is loaded, or None if it is none of this library's.

        Raises an error that is a TinynnError and a ModuleNotFoundError for one that was left out.
        """
        package, _, place = name.partition(self.package + ".")
        if package or not place:
            return None
        if place in self.absent:
            raise self._missing(name, self.absent[place])
        if place not in self.functions:
            return None
        is_package = self.is_package(name)
        steps = [self.file, *place.split("."), *(["__init__"] if is_package else [])]
        origin = os.path.join(*steps) + ".py"
        spec = ModuleSpec(name, self, origin=origin, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        return spec

    def _missing(self, name: str, part: str) -> Exception:
        errors: Any = import_module(f"{self.package}.errors")
        kind = type("MissingPart", (errors.TinynnError, ModuleNotFoundError), {})
        error: Exception = kind(
            f"{name} is not made for single files; run it from the package"
            if part == "vendor"
            else f"{name} belongs to the part {part!r}, which this single file was built without; "
            f"build one with it: python3 -m tinynn vendor FILE --include …,{part}"
        )
        return error

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        """Return None: the ordinary kind of module will do."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's text in its own names."""
        function = self._function(module.__name__)
        module.__doc__ = function.__doc__
        exec(function.__code__, vars(module))

    def is_package(self, name: str) -> bool:
        """Return whether a module has modules below it."""
        below = name[len(self.package) + 1 :] + "."
        return any(other.startswith(below) for other in [*self.functions, *self.absent])

    def get_code(self, name: str) -> Any:
        """Return a module's code: for `python3 -m`."""
        return self._function(name).__code__

    def get_source(self, name: str) -> str:
        """Return a module's text on the lines where the file has it: for pdb and `inspect`."""
        with open(self.file, encoding="utf-8") as file:
            lines: List[str] = file.read().splitlines(True)
        starts = [function.__code__.co_firstlineno for function in self.functions.values()]
        first = self._function(name).__code__.co_firstlineno
        last = min([start - 1 for start in starts if start > first], default=len(lines))
        return "\n" * (first - 1) + "if True:\n" + "".join(lines[first:last])

    def _function(self, name: str) -> FunctionType:
        return self.functions[name[len(self.package) + 1 :]]
