"""The loader in a single file: it holds the modules' sources, and compiles each on first use.

Sources are strings, so importing the file compiles no module. If Python caches the file's bytecode,
the loader caches that of each module next to it, as Python does for the modules in a folder. It
needs neither `__file__` nor a `__loader__`: the file may be run by `exec`.
"""

from __future__ import annotations

import builtins
import marshal
import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any


class Library:
    """Finds and loads the modules of the single file whose global names are `names`.

    package: the name that the file was imported under
    file:    its path, or a name that no file has
    sources: the line and the source of each module, by its name in the package
    paths:   the path of each module in the library's folder
    absent:  the modules that were left out, and the part that each belongs to
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.package: str = names.setdefault("__name__", "tinynn")
        self.file = sys._getframe(1).f_code.co_filename
        self.is_on_disk = os.path.isfile(self.file)
        if self.file.startswith("<"):  # of a string
            self.file = f"{self.package}.py"
        self.loader = names.get("__loader__")
        self.cache: str | None = getattr(names.get("__spec__"), "cached", None)
        if not hasattr(self.loader, "set_data"):
            self.cache = None
        self.sources: dict[str, tuple[int, str]] = {}
        self.paths: dict[str, str] = {}
        self.absent: dict[str, str] = {}

    def add(self, path: str, source: str) -> None:
        """Add a module; its source starts on the line after that of the call."""
        name = path[:-3].replace("/__init__", "").replace("/", ".")
        self.sources[name] = sys._getframe(1).f_lineno, source
        self.paths[name] = path

    def install(self, absent: dict[str, str]) -> None:
        """Make the file a package whose modules can be imported."""
        self.absent = absent
        names, spec = self.names, self.names.get("__spec__")
        names["__package__"], names["__path__"] = self.package, []
        if spec is not None and self.package != "__main__":
            spec.submodule_search_locations = []
        if getattr(sys.modules.get(self.package), "__dict__", None) is not names:
            module = type(sys)(self.package)
            vars(module).update(names)
            sys.modules[self.package] = module
        here = [getattr(finder, "package", "") == self.package for finder in sys.meta_path]
        sys.meta_path[:] = [finder for finder, old in zip(sys.meta_path, here) if not old]
        sys.meta_path.append(self)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of a module, or None if it is not in this library.

        For a module that was left out, raises an error that is both a TinynnError and a
        ModuleNotFoundError.
        """
        package, _, below = name.partition(self.package + ".")
        if package or not below:
            return None
        if below in self.absent:
            raise self._missing(name, self.absent[below])
        if below not in self.sources:
            return None
        spec = ModuleSpec(
            name,
            self,  # type: ignore[arg-type]
            origin=self._path(name),
            is_package=self.is_package(name),
        )
        spec.has_location = True
        return spec

    def _missing(self, name: str, part: str) -> Exception:
        errors: Any = import_module(f"{self.package}.errors")
        kind = type("MissingPart", (errors.TinynnError, ModuleNotFoundError), {})
        error: Exception = kind(
            f"{name} is not part of single files; run it from the package"
            if not part
            else f"{name} belongs to the part {part!r}, which this single file was built without; "
            f"build one with it: python3 -m tinynn vendor FILE --include …,{part}"
        )
        return error

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return None for an ordinary module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's code in its namespace."""
        exec(self.get_code(module.__name__), vars(module))

    def is_package(self, name: str) -> bool:
        """Return whether a module is a package."""
        return self.paths[self._below(name)].endswith("__init__.py")

    def get_source(self, name: str) -> str:
        """Return a module's source, for `linecache` and so for pdb and `inspect`."""
        return self.sources[self._below(name)][1][1:]

    def get_code(self, name: str) -> CodeType:
        """Return a module's code, from the cache if that has this very source on this line.

        Its line numbers are those of the file if it is on disk, otherwise those of the module.
        """
        below = self._below(name)
        line = self.sources[below][0] if self.is_on_disk else 0
        path = self.file if self.is_on_disk else self._path(name)
        source = self.get_source(name)
        kept = f"{sys.version}\n{path}\n{line}\n{source}".encode("utf-8", "surrogateescape")
        cache = self.cache and f"{self.cache[:-4]}.{below}.pyc"
        if cache:
            try:
                with open(cache, "rb") as file:
                    data = file.read()
                if data.startswith(kept):
                    return marshal.loads(data[len(kept) :])  # type: ignore[no-any-return]
            except (OSError, EOFError, ValueError, TypeError):
                pass
        # In this file the name `compile` may be the library's function.
        code = _moved(builtins.compile(source, path, "exec", dont_inherit=True), line)
        if cache and self.loader and not sys.dont_write_bytecode:
            self.loader.set_data(cache, kept + marshal.dumps(code))
        return code

    def _below(self, name: str) -> str:
        return name[len(self.package) + 1 :]

    def _path(self, name: str) -> str:
        return os.path.join(self.file, self.paths[self._below(name)])


def _moved(code: CodeType, lines: int) -> CodeType:
    """Return the code with this many lines added to its line numbers."""
    constants = [_moved(x, lines) if isinstance(x, type(code)) else x for x in code.co_consts]
    first = code.co_firstlineno + lines
    return code.replace(co_firstlineno=first, co_consts=tuple(constants))
