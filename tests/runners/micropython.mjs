// Runs a Python file in MicroPython's WebAssembly build, under node:
//
//   node tests/runners/micropython.mjs [--heap=MEGABYTES] FILE.py [ARGUMENTS]
//
// The environment variable TINYNN_MICROPYTHON names the folder of the npm package
// @micropython/micropython-webassembly-pyscript, or the folder it was installed into. The file runs
// as __main__, with a copy of its own folder as the working directory, so that it can import and
// open what lies beside it; what it writes is gone afterwards. Prints what the file prints; the exit
// code is the file's own, 1 after an exception, 2 if nothing could be run.
//
// Memory is collected only between two calls from JavaScript, never within one. A file that has much
// to do leaves a generator called `steps` behind: it is run to its end, each step by its own call.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const NAME = "@micropython/micropython-webassembly-pyscript";

function fail(text) {
  console.error(`micropython.mjs: ${text}`);
  process.exit(2);
}

function copy(FS, from, to) {
  FS.mkdirTree(to);
  for (const name of readdirSync(from)) {
    if (name.startsWith(".") || name === "node_modules" || name === "__pycache__") continue;
    const [source, target] = [join(from, name), `${to}/${name}`];
    if (statSync(source).isDirectory()) copy(FS, source, target);
    else FS.writeFile(target, readFileSync(source));
  }
}

const words = process.argv.slice(2);
const heap = words[0]?.startsWith("--heap=") ? Number(words.shift().slice(7)) : 64;
if (!words.length) fail("needs a Python file to run");
const file = resolve(words[0]);
if (!existsSync(file)) fail(`there is no ${file}`);
const given = process.env.TINYNN_MICROPYTHON;
if (!given) fail(`needs TINYNN_MICROPYTHON, the folder of npm's ${NAME}`);
const module = [given, join(given, "node_modules", NAME)]
  .map((folder) => resolve(folder, "micropython.mjs"))
  .find((path) => existsSync(path));
if (!module) fail(`there is no micropython.mjs in ${given}`);

const { loadMicroPython } = await import(pathToFileURL(module));
const micropython = await loadMicroPython({
  heapsize: heap << 20,
  linebuffer: false,
  stdout: (bytes) => process.stdout.write(bytes),
  stderr: (bytes) => process.stderr.write(bytes),
});
copy(micropython.FS, dirname(file), "/files");
micropython.FS.chdir("/files");
micropython.globals.set("__file__", basename(file));
micropython.runPython(`import sys; sys.argv.extend(${JSON.stringify([basename(file), ...words.slice(1)])})`);
try {
  micropython.runPython(readFileSync(file, "utf8"));
  if (micropython.globals.get("steps") !== undefined) {
    micropython.runPython("def __step():\n    for _ in steps:\n        return True\n    return False");
    const step = micropython.globals.get("__step");
    while (step());
  }
} catch (error) {
  process.exitCode = exitCode(error);
}

// Python's rules: nothing and None are 0, a number is itself, all else is printed and 1.
function exitCode(error) {
  if (error.type !== "SystemExit") {
    console.error(error.message ?? error);
    return 1;
  }
  const value = /SystemExit:? ?(.*)\s*$/.exec(error.message)[1];
  if (value === "" || value === "None") return 0;
  if (/^-?\d+$/.test(value)) return Number(value) & 255;
  console.error(value);
  return 1;
}
