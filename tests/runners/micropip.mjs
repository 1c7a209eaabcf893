// Installs a wheel with micropip in Pyodide, as a page does, and trains with what was installed.
// Arguments: Pyodide's folder; the address of a folder; the wheels of micropip; tinynn's wheel.
const [, , pyodide, base, wheels, wheel] = process.argv;
const { loadPyodide } = await import(`${pyodide}/pyodide.mjs`);
const python = await loadPyodide();
await python.loadPackage(wheels.split(",").map(name => `${base}/${name}`));
await python.runPythonAsync(`
import micropip
await micropip.install("${base}/${wheel}")
import tinynn as nn
from importlib.metadata import version
m = nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 1))
nn.fit(m, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], epochs=2)
print("installed", nn.__version__, version("tinynn-pure"))
`);
