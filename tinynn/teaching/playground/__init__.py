"""The playground: a page on which one watches a small network train, and changes anything.

The page (page.html) holds no mathematics: all that it shows it asks of a `Session`, in JSON. The
session runs in this process behind a local server (server.py), or in the browser under Pyodide,
from a folder that `site.py` builds.
"""
