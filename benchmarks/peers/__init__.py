"""The implementations, in the order of the tables."""

from __future__ import annotations

from . import tinynn_peer
from .contract import Peer
from .lists_peer import ListsPeer
from .micrograd_peer import MicrogradPeer
from .numpy_peer import NumpyPeer
from .onnx_peer import OnnxPeer
from .sklearn_peer import SklearnPeer
from .torch_peer import TorchPeer


def all_peers() -> list[Peer]:
    """Return a new list of all of them, installed or not."""
    return [
        *tinynn_peer.peers(),
        ListsPeer(),
        NumpyPeer(),
        SklearnPeer(),
        TorchPeer(),
        MicrogradPeer(),
        OnnxPeer(),
    ]
