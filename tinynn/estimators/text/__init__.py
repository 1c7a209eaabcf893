"""Text, character by character: vocabularies, models that continue a text, and what they write.

Vocabulary   characters to numbers of kinds, and back
TextModel    a network and its vocabulary: `fit`, `loss`, `sample`, `save`
generate     what a network of kinds continues a sequence with: characters, notes, moves

The networks that a TextModel can have are listed in `networks.ARCHITECTURES`.
"""

from __future__ import annotations

from .generation import generate as generate
from .model import TextModel as TextModel
from .networks import ARCHITECTURES as ARCHITECTURES
from .vocabulary import Vocabulary as Vocabulary

__all__ = ["ARCHITECTURES", "TextModel", "Vocabulary", "generate"]
