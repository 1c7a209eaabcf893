"""Pictures for notebooks, which are drawn five floors higher: the one import that goes up.

A network, a history and a gradient report have to show themselves wherever they come from, so their
classes need the methods that Jupyter calls. Where a single file was built without the part that
draws, they are shown as text.
"""

from __future__ import annotations


def picture(kind: str, of: object) -> str | None:
    """Return an object as SVG or HTML, as report/notebook.py draws its kind, or None."""
    try:
        from ..report.notebook import PICTURES
    except ImportError:
        return None
    return PICTURES[kind](of)
