"""Live objects of other frameworks, made again from the names that importers know them by."""

from __future__ import annotations


class Array:
    """An array or a tensor, as far as the importers look at it."""

    def __init__(self, values):
        self.values = values
        self.shape = []
        while isinstance(values, list):
            self.shape.append(len(values))
            values = values[0] if values else None

    def __len__(self):
        return len(self.values)

    def __getitem__(self, i):
        return self.values[i]

    def tolist(self):
        return self.values

    def reshape(self, size):
        assert size == -1
        flat = self.values
        while flat and isinstance(flat[0], list):
            flat = [x for row in flat for x in row]
        return Array(flat)


def made(described):
    """Return an object whose class has the described name and module, with its attributes."""
    if isinstance(described, dict) and "class" in described:
        name, module = described["class"], described["module"]
        methods = {
            "__module__": module,
            "get_config": lambda self: self.config,
            "get_weights": lambda self: self.weights,
        }
        thing = type(name, (), methods)()
        vars(thing).update({k: made(v) for k, v in described["attributes"].items()})
        return thing
    if isinstance(described, dict):
        ((kind, content),) = described.items() if len(described) == 1 else [("", described)]
        if kind == "array":
            return Array(content)
        if kind == "list":
            return [made(item) for item in content]
        if kind == "steps":
            return [(name, *map(made, step)) for name, *step in content]
        if kind == "modules":
            return {name: made(module) for name, module in content}
        if kind == "slice":
            return slice(*content)
    return described


def stand_in(kind, module, **attributes):
    """Return an object of a class of that name and module."""
    return made({"class": kind, "module": module, "attributes": attributes})
