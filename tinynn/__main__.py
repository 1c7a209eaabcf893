"""The command line: `python3 -m tinynn`, or `tinynn` where the package is installed."""

from __future__ import annotations

import sys

from tinynn.cli import main

if __name__ == "__main__":
    sys.exit(main())
