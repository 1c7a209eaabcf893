"""The page, as it stands beside this module: one HTML file, whole in itself."""

from __future__ import annotations

import pkgutil

from ...errors import DataError


def page() -> str:
    """Return the page. Raises DataError if it was not installed with the modules."""
    data = pkgutil.get_data(__package__, "page.html")
    if data is None:
        raise DataError("page.html is missing from tinynn/teaching/playground")
    return data.decode("utf-8")
