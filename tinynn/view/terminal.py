"""What a terminal may be sent: text that does not steer it."""

from __future__ import annotations

import re

# Control characters, C1 included; marks that are invisible or change the direction of writing; ends
# of lines and paragraphs; halves of characters. Not the joiners U+200C and U+200D, which words of
# some languages are written with.
STEERING = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: object, lines: bool = False, ascii_only: bool = False) -> str:
    """Return str(text), with characters that steer a terminal as escapes; with `lines`, ends of
    lines stay.

    >>> printable("a\\x1b[2J\\tb\\n\\u202e")
    'a\\\\x1b[2J\\\\tb\\\\n\\\\u202e'
    """
    shown = STEERING.sub(
        lambda found: "\n" if lines and found[0] == "\n" else repr(found[0])[1:-1], str(text)
    )
    return shown.encode("ascii", "replace").decode() if ascii_only else shown
