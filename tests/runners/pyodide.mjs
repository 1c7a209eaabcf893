// Runs Python in Pyodide under node, by the words that Python itself would be called with:
//
//   node tests/runners/pyodide.mjs FILE.py [ARGUMENTS]
//   node tests/runners/pyodide.mjs -m MODULE [ARGUMENTS]
//
// The environment variable TINYNN_PYODIDE names the folder of the npm package pyodide, or the folder
// it was installed into. The working directory is that of the call, and modules are found in it, or
// beside FILE.py. The exit code is Python's own; 2 if nothing could be run.

import { existsSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

function fail(text) {
  console.error(`pyodide.mjs: ${text}`);
  process.exit(2);
}

const words = process.argv.slice(2);
if (!words.length) fail("needs a Python file, or -m and a module, to run");
const given = process.env.TINYNN_PYODIDE;
if (!given) fail("needs TINYNN_PYODIDE, the folder of npm's pyodide");
const folder = [given, join(given, "node_modules", "pyodide")]
  .map((path) => resolve(path))
  .find((path) => existsSync(join(path, "pyodide.mjs")));
if (!folder) fail(`there is no pyodide.mjs in ${given}`);

const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")));
const pyodide = await loadPyodide({ indexURL: folder, fullStdLib: false });
const write = (stream) => ({ write: (bytes) => (stream.write(bytes), bytes.length) });
pyodide.setStdout(write(process.stdout));
pyodide.setStderr(write(process.stderr));
const { FS } = pyodide;
FS.mkdirTree("/files");
FS.mount(FS.filesystems.NODEFS, { root: realpathSync(".") }, "/files");
FS.chdir("/files");
pyodide.globals.set("words", pyodide.toPy(words));
process.exitCode = pyodide.runPython(`
import os, runpy, sys, traceback

def run():
    try:
        if words[0] == "-m":
            sys.argv, sys.path[0:0] = words[1:], [os.getcwd()]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path[0:0] = words, [os.path.dirname(os.path.abspath(words[0]))]
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0

run()
`);
