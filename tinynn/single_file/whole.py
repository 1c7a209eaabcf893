"""The whole library as one file: the unchanged source of each module, in a string.

The strings begin on new lines and keep every character, so that the file can be read, compared and
edited like the modules. `loader` compiles each module when it is first used.
"""

from __future__ import annotations

from textwrap import indent

from ..errors import DataError
from .sources import FOLDER_ONLY, FRONT, Source, Sources, part_of, read


def whole_file(sources: Sources, absent: list[str]) -> str:
    """Return the source of a file with these modules, which knows that others are absent."""
    modules = [_module(source) for name, source in sources.items() if name != FRONT]
    parts = "".join(
        f'    "{name}": "{"" if name in FOLDER_ONLY else part_of(name)}",\n' for name in absent
    )
    return "\n\n".join(
        [sources[FRONT].code, _loader(), *modules, f"_ABSENT = {{\n{parts}}}\n{_END}"]
    )


# The end of the file, which is the package itself.
_END = """\
if "estimators" in _ABSENT:
    _HOMES["load"] = "lesson.network"
if "engines.neural_net" in _ABSENT:
    _HOMES["NeuralNet"] = "lesson.neural_net"
for _name, _home in [*_HOMES.items(), *_MODULES.items()]:
    if _home in _ABSENT:
        __all__.remove(_name)
_library.install(_ABSENT)

if __name__ == "__main__":
    import sys
    from importlib import import_module

    if "cli" in _ABSENT:
        sys.exit("tinynn: this file was built without its command line; it can be imported")
    sys.exit(import_module("__main__.cli").main())
"""


def _loader() -> str:
    """Return the loader in a function, so that its names stay out of the package."""
    source = read("single_file.loader")
    code = indent(source.code.replace("from __future__ import annotations\n", ""), "    ")
    return (
        f"# tinynn/{source.path}\ndef _loader():\n{code}\n    return Library\n\n\n"
        "_library = _loader()(globals())\n_module = _library.add\n"
    )


def _module(source: Source) -> str:
    """Return the call that adds a module."""
    if "'''" in source.code:
        raise DataError(f"a single file needs sources without ''', got one in {source.path}")
    return f"_module(\"{source.path}\", r'''\n{source.code}''')\n"
