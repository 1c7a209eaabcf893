"""A Chromium to run pages in: where it is, and how it is started."""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = f"no TINYNN_CHROMIUM, and none of {', '.join(NAMES)} is on PATH"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def find_browser() -> str:
    """Return the path from TINYNN_CHROMIUM, or that of the first name on PATH; "" if none is."""
    found = os.environ.get("TINYNN_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    return found or ""
