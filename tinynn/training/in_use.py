"""What a training uses belongs to its thread: others get a sentence, not a mixture of numbers.

While an engine runs, a network's lists are old, or half updated; they are in place for the training
thread alone, in callbacks. So during a training the network's class is a subclass of the same name,
in which whatever reads or changes the layers asks for the thread first. The lesson's own class
needs no checks, and outside of a training nothing is slower.

A prediction that another thread began before goes on with the layers that it has, which keep what
`forward` came to. So the training has layers of its own, with the same lists of weights.
"""

from __future__ import annotations

from copy import copy
from copyreg import _reconstructor  # type: ignore[attr-defined]
from threading import get_ident
from typing import Any

from ..errors import SettingError
from ..lesson.layer import Layer
from ..lesson.network import Sequential

_users: dict[int, Using] = {}  # by the id of what is in use
_kinds: dict[type[Any], type[Any]] = {}  # the classes of networks in training, by their classes


class Using:
    """While entered, these networks, callbacks or estimators belong to this thread.

    Raises SettingError if one belongs to another thread. What the thread uses already, because it
    trains within a callback, stays in use until the end of the training that began first.
    """

    def __init__(self, *things: Any) -> None:
        self.things, self.thread = things, get_ident()
        self.taken: list[tuple[Any, type[Any], list[Layer]]] = []  # with their kinds and layers

    def __enter__(self) -> None:
        try:
            for thing in self.things:
                if _users.setdefault(id(thing), self) is self:
                    layers = thing.layers if isinstance(thing, Sequential) else []
                    self.taken.append((thing, type(thing), layers))
                    if layers:
                        thing.layers = [copy(x) if _is_plain(x) else x for x in layers]
                        thing.__class__ = _kind_in_training(type(thing))
                else:
                    check_free(thing)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        try:
            self._give_back()
        except KeyboardInterrupt:
            self._give_back()
            raise

    def _give_back(self) -> None:
        for thing, kind, layers in self.taken:
            if layers and type(thing) is not kind:
                for layer, own in zip(layers, thing.layers):
                    vars(layer).update(vars(own))
                thing.layers, thing.__class__ = layers, kind
            _users.pop(id(thing), None)


def check_free(thing: object) -> None:
    """Raise SettingError if a training in another thread uses a thing."""
    user = _users.get(id(thing))
    if user is None or user.thread == get_ident():
        return
    name = "network" if isinstance(thing, Sequential) else type(thing).__name__
    mends = {
        "network": "wait for it, use a copy.deepcopy(network) made before, or predict with a "
        "function of nn.compile(network) made before",
        "EarlyStopping": "make one for each training",
    }
    mend = mends.get(name, "wait for it, or use a copy.deepcopy(model) made before")
    what = "is being trained in" if name == "network" else "is used by a training in"
    raise SettingError(f"this {name} {what} another thread; {mend}")


def _is_plain(layer: Layer) -> bool:
    """Return whether all that a layer has is in its dictionary."""
    return not any(vars(kind).get("__slots__") for kind in type(layer).__mro__)


def _kind_in_training(kind: type[Any]) -> type[Any]:
    """Return the class of networks of this kind that are in training."""
    if kind not in _kinds:
        # Python lets an object change to a class that differs only in its methods; it has no
        # other base, which would count as a difference.
        members: dict[str, Any] = {
            "__slots__": (),
            "__module__": kind.__module__,
            "__doc__": kind.__doc__,
        }
        members.update(layers=property(_layers, _set_layers), plain=kind)
        members.update(__reduce_ex__=_reduced, __repr__=_represented)
        _kinds[kind] = type(kind.__name__, (kind,), members)
    return _kinds[kind]


def _layers(network: Any) -> list[Layer]:
    """Return the layers, for the training thread."""
    check_free(network)
    layers: list[Layer] = vars(network)["layers"]
    return layers


def _set_layers(network: Any, layers: list[Layer]) -> None:
    check_free(network)
    vars(network)["layers"] = layers


def _reduced(network: Any, protocol: Any) -> Any:
    """Copy and pickle as a network that is not in training, for the training thread."""
    check_free(network)
    make, given, *others = network.plain.__reduce_ex__(network, protocol)
    if given == (type(network),):  # pickle does not let `make` take another class
        return (_reconstructor, (network.plain, object, None), *others)
    return (make, given, *others)


def _represented(network: Any) -> str:
    return f"{type(network).__name__}({', '.join(map(repr, vars(network)['layers']))})"
