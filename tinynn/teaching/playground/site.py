"""The page without a server: a folder for any web server, with Python (Pyodide) in the browser."""

from __future__ import annotations

import io
import os
import zipfile

from ...errors import DataError
from ...files.atomic import write_folder
from .page import page

# What of a Pyodide distribution the page needs; the newer ones have .mjs in place of .js.
RUNTIME = (
    "pyodide.js", "pyodide.mjs", "pyodide.asm.js", "pyodide.asm.mjs", "pyodide.asm.wasm",
    "python_stdlib.zip", "pyodide-lock.json",
)  # fmt: skip
VERSION = "0.27.7"
ELSEWHERE = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a ZIP can hold: equal sources make equal files

_BEGIN = """<script>window.startLater = true;</script>
<script>
"""
_END = """
// Python runs in a worker of this page, and answers as the playground's server does.
const worker = new Worker("worker.js", { type: "module" }), waiting = new Map();
let count = 0;
backend = message => new Promise((resolve, reject) => {
  waiting.set(++count, [resolve, reject]);
  worker.postMessage([count, JSON.stringify(message)]);
});
worker.onmessage = ({ data: [number, text, failed] }) => {
  if (!number) { say(text && new Error(text)); return; }
  const [resolve, reject] = waiting.get(number);
  waiting.delete(number);
  failed ? reject(new Error(failed)) : resolve(JSON.parse(text));
};
begin();
</script>
</body>"""
_WORKER = """// Runs Python, and in it the session of the playground.
let answer = null;
const ready = (async () => {
  postMessage([0, "Python is being loaded into the page; this takes a few seconds …"]);
  const { loadPyodide } = await import("%(runtime)spyodide.mjs");
  const python = await loadPyodide({ indexURL: "%(runtime)s" });
  const files = await (await fetch("tinynn.zip")).arrayBuffer();
  python.unpackArchive(files, "zip");
  answer = python.runPython(`
import json
from tinynn.teaching.playground.questions import ask
from tinynn.teaching.playground.session import Session
_session = Session()
lambda text: json.dumps(ask(_session, json.loads(text)))
`);
  postMessage([0, ""]);
})().catch(error => {
  postMessage([0, `Python cannot be loaded into the page: ${error.message}`]);
  throw error;
});
onmessage = async ({ data: [number, text] }) => {
  try { await ready; postMessage([number, answer(text)]); }
  catch (error) { postMessage([number, "", error.message]); }
};
"""


def build_site(folder: str, runtime: str | None = None) -> int:
    """Write the page, the library and what runs it into a folder; return the bytes written.

    runtime: a folder with a Pyodide distribution, which is copied; without it the page loads
             Pyodide from jsdelivr.net

    Files of these names are replaced, others in the folder are left. Raises DataError if `runtime`
    holds no Pyodide, or the library is not a folder of sources.
    """
    files = {"index.html": static_page().encode(), "tinynn.zip": library_as_zip()}
    place = ELSEWHERE
    if runtime is not None:
        copied = _runtime(runtime)
        files.update({f"pyodide/{name}": data for name, data in copied.items()})
        place = "./pyodide/"
    files["worker.js"] = (_WORKER % {"runtime": place}).encode()
    write_folder(folder, files)
    return sum(map(len, files.values()))


def static_page() -> str:
    """Return the page with a worker in place of the server."""
    before, _, after = page().partition("<script>\n")
    return before + _BEGIN + after.replace("</script>\n</body>", _END)


def library_as_zip() -> bytes:
    """Return the package's modules and pages as a ZIP."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if not os.path.isdir(package):
        raise DataError(f"playground --build needs the library as a folder, got {package}")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, folders, files in os.walk(package):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(files):
                if name.endswith((".py", ".html")):
                    inside = os.path.relpath(os.path.join(path, name), package).split(os.sep)
                    info = zipfile.ZipInfo("/".join(["tinynn", *inside]), EARLIEST)
                    info.compress_type = zipfile.ZIP_DEFLATED
                    with open(os.path.join(path, name), "rb") as file:
                        archive.writestr(info, file.read())
    return made.getvalue()


def _runtime(folder: str) -> dict[str, bytes]:
    found = {}
    for name in RUNTIME:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                found[name] = file.read()
    if "pyodide.mjs" not in found or "pyodide.asm.wasm" not in found:
        raise DataError(
            f"{folder} holds no Pyodide: pyodide.mjs and pyodide.asm.wasm are not in it; "
            "`npm install pyodide` puts them into node_modules/pyodide"
        )
    return found
