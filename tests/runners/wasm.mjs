// Runs modules that the native engine wrote, under node and without Python:
//
//   node tests/runners/wasm.mjs < TASKS > RESULTS
//
// TASKS is a JSON list of [module, bytes, address]: the bytes are put at the address of a memory, and
// the module is run with that address. RESULTS has the bytes afterwards for each, or {"error": ...}.
// Modules and bytes are written in base64.

import { readFileSync } from "node:fs";

const memory = new WebAssembly.Memory({ initial: 1 });

function run([code, bytes, address]) {
  const given = Buffer.from(bytes, "base64");
  const missing = address + given.length - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65536));
  try {
    const module = new WebAssembly.Module(Buffer.from(code, "base64"));
    const instance = new WebAssembly.Instance(module, { tinynn: { memory } });
    const view = new Uint8Array(memory.buffer, address, given.length);
    view.set(given);
    instance.exports.run(address);
    return Buffer.from(view).toString("base64");
  } catch (error) {
    return { error: String(error) };
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(run)));
