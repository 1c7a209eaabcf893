"""What a single file holds besides the library: its modules are found and run by this.

Most modules are the bodies of functions, which are run with the module's own names as their globals
when the module is first imported: they are compiled, and cached, with the file. Those that few
programs need are texts, which Python drops, and take no memory until they are imported.
"""

from __future__ import annotations

import builtins
import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

END = "\n\n# end\n"
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType, ModuleType
    from typing import Any


class Library:
    """Finds and loads the modules of the single file `file`, imported as `package`.

    modules:  each module's name below the package, and the function that it is, or None for a text
    absent:   the modules that were left out, and the part that each belongs to
    loader:   what the file itself was loaded by
    """

    def __init__(
        self,
        package: str,
        file: str,
        modules: dict[str, FunctionType | None],
        absent: dict[str, str],
        loader: Any,
    ) -> None:
        self.package, self.file, self.loader = package, file, loader
        self.modules, self.absent = modules, absent

    def install(self) -> None:
        """Let `import` find the modules, from now on, in this copy."""
        here = [getattr(finder, "package", "") == self.package for finder in sys.meta_path]
        sys.meta_path[:] = [finder for finder, old in zip(sys.meta_path, here) if not old]
        sys.meta_path.append(self)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return how a module is loaded, or None if it is none of this library's.

        Raises an error that is a TinynnError and a ModuleNotFoundError for one that was left out.
        """
        package, _, place = name.partition(self.package + ".")
        if package or not place:
            return None
        if place in self.absent:
            raise self._missing(name, self.absent[place])
        if place not in self.modules:
            return None
        is_package = self.is_package(name)
        origin = os.path.join(self.file, self._path(name))
        spec = ModuleSpec(name, self, origin=origin, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        return spec

    def _missing(self, name: str, part: str) -> Exception:
        errors: Any = import_module(f"{self.package}.errors")
        kind = type("MissingPart", (errors.TinynnError, ModuleNotFoundError), {})
        error: Exception = kind(
            f"{name} is not made for single files; run it from the package"
            if part == "single_file"
            else f"{name} belongs to the part {part!r}, which this single file was built without; "
            f"build one with it: python3 -m tinynn vendor FILE --include …,{part}"
        )
        return error

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return None: the ordinary kind of module will do."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's text in its own names."""
        function = self.modules[self._place(module.__name__)]
        exec(self.get_code(module.__name__), vars(module))
        if function:
            module.__doc__ = function.__doc__

    def is_package(self, name: str) -> bool:
        """Return whether a module has modules below it."""
        below = self._place(name) + "."
        return any(other.startswith(below) for other in [*self.modules, *self.absent])

    def get_code(self, name: str) -> Any:
        """Return a module's code."""
        function = self.modules[self._place(name)]
        if function:
            return function.__code__
        # The name `compile` may be the library's own here.
        return builtins.compile(self.get_source(name), self.file, "exec", dont_inherit=True)

    def get_source(self, name: str) -> str:
        """Return a module's text on the lines where the file has it: for pdb and `inspect` too."""
        if hasattr(self.loader, "get_data"):  # `runpy.run_path` leaves none
            data: bytes = self.loader.get_data(self.file)
        else:
            with open(self.file, "rb") as file:
                data = file.read()
        text = data.decode("utf-8").replace("\r\n", "\n")
        start = text.index("\n", text.index(f"\n# tinynn/{self._path(name)}\n") + 1)
        start = text.index("\n", start + 1) + 1  # behind the line that opens it
        before = "\n" * text.count("\n", 0, start)
        if self.modules[self._place(name)]:
            return f"{before[1:]}if True:\n{text[start : text.index(END, start)]}"
        return before + text[start : text.index("\n'''\n", start)] + "\n"

    def _place(self, name: str) -> str:
        return name[len(self.package) + 1 :]

    def _path(self, name: str) -> str:
        path = self._place(name).replace(".", "/")
        return f"{path}/__init__.py" if self.is_package(name) else f"{path}.py"
