"""`tinynn playground`: a page on which one watches a small network train, and changes anything."""

from __future__ import annotations

import argparse

from ..view.terminal import printable
from .console import Console


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    if options.build:
        from ..teaching.playground.site import build_site

        size = build_site(options.build, options.pyodide)
        console.show(
            f"{printable(options.build)}: {size / 1e6:.1f} MB; any web server can serve this "
            "folder, and the page runs Python in the browser"
        )
        return 0
    from ..teaching.playground.server import Playground

    with Playground(options.port) as server:
        console.result({"address": server.address})
        console.show(f"the playground is at {server.address} (Ctrl-C ends it)")
        if not options.no_browser:
            import webbrowser

            webbrowser.open_new_tab(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.show("")
    return 0
