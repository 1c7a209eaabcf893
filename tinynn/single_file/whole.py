"""The library as one file, whole: each module's text as it is, as the body of a function or a text.

The names that a module binds are declared global in its function, so that they are those of the
module that the function is run for, and classes and functions know themselves by their own names.
A module that few programs need is a text that stands by itself, which Python does not keep: the
memory of an import is that of the code in it.
"""

from __future__ import annotations

import ast
from textwrap import wrap

from ..errors import DataError
from .edits import Edit, EditableSource, bound_names, inside_strings
from .sources import FRONT, Source, Sources, part_of, read

_FUTURE = "from __future__ import annotations\n"
TEXTS = ("view", "report", "importers", "export", "cli", "selftest")  # parts


def whole_file(sources: Sources, absent: list[str]) -> str:
    """Return the text of a file that is a library of these modules, and lacks the absent ones."""
    hot = [name for name in sources if name != FRONT and part_of(name) not in TEXTS]
    functions = {name: f"_{name.replace('.', '__')}" for name in hot}
    modules = [_as_function(sources[name], functions[name]) for name in hot]
    texts = [_as_text(sources[name]) for name in sources if part_of(name) in TEXTS]
    places = {name: functions.get(name, "None") for name in sources if name != FRONT}
    parts = {name: f'"{part_of(name)}"' for name in absent}
    tables = f"_MODULE_TEXTS = {_table(places)}\n_ABSENT = {_table(parts)}\n"
    return "\n\n".join([sources[FRONT].text, _loader(), *modules, *texts, tables + _END])


def _table(items: dict[str, str]) -> str:
    return "{\n" + "".join(f'    "{name}": {item},\n' for name, item in items.items()) + "}"


# Run at the end of the file, which is the package itself.
_END = """\
__package__, __path__ = __name__, []
if __spec__ is not None and __name__ != "__main__":
    __spec__.submodule_search_locations = __path__
if "estimators" in _ABSENT:
    _HOMES["load"] = "lesson.network"
for _name, _home in [*_HOMES.items(), *_MODULES.items()]:
    if _home in _ABSENT:
        __all__.remove(_name)
_library()(__name__, __file__, _MODULE_TEXTS, _ABSENT, __loader__).install()

if __name__ == "__main__":
    import sys
    from importlib import import_module

    if "cli" in _ABSENT:
        sys.exit("tinynn: this file was built without its command line; it can be imported")
    sys.exit(import_module("__main__.cli").main())
"""


def _loader() -> str:
    text = read("single_file.loader").text.replace(_FUTURE, "")
    return f"def _library():\n{_indented(text)}\n    return Library\n"


def _as_function(source: Source, function: str) -> str:
    """Return a function that is the module's text, below a line that names its file."""
    tree, text = ast.parse(source.text), EditableSource(source.text)
    edits = [edit for node in tree.body for edit in _annotations(text, node)]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            edits.append((text.start(node), text.end(node), _globals(bound_names(tree.body))))
    return f"# tinynn/{source.path}\ndef {function}():\n{_indented(text.edited(edits))}\n\n# end\n"


def _as_text(source: Source) -> str:
    """Return the module's text as a string, below a line that names its file."""
    if "'''" in source.text:
        raise DataError(
            f"vendor needs texts without three single quotes, got them in {source.path}"
        )
    return f"# tinynn/{source.path}\nr'''\n{source.text}'''\n"


def _annotations(text: EditableSource, node: ast.stmt) -> list[Edit]:
    """Return the edits that take the annotations off a module's names: globals can have none."""
    if isinstance(node, ast.AnnAssign):
        if node.value is None:
            return [(text.start(node), text.end(node), "pass")]
        return [(text.end(node.target), text.end(node.annotation), "")]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return []
    inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return [edit for child in inner for edit in _annotations(text, child)]


def _globals(names: list[str]) -> str:
    words = ", ".join(name for name in names if name != "annotations")
    return "\n".join(f"global {line.rstrip(',')}" for line in wrap(words, 88))


def _indented(text: str) -> str:
    inside = inside_strings(text)
    return "".join(
        line if number in inside or not line.strip() else f"    {line}"
        for number, line in enumerate(text.splitlines(True), 1)
    )
