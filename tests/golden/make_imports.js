// Write one brain.js network after another as a line of JSON, each with rows and what it makes of
// them. Run as `node make_imports.js` where `npm install brain.js@1.6.1` was (the older format), and
// again where `npm install brain.js@2.0.0-beta.24` was (the newer one).
const brain = require("brain.js");

const rows = [[0, 0], [1, 0.5], [-3, 2], [40, -40]];
for (const activation of ["sigmoid", "relu", "leaky-relu", "tanh"]) {
  const net = new brain.NeuralNetwork({ hiddenLayers: [3, 2], activation });
  net.train(
    [{ input: [0, 0], output: [1] }, { input: [0, 1], output: [0] }, { input: [1, 1], output: [1] }],
    { iterations: 20 },
  );
  const outputs = rows.map((row) => Array.from(net.run(row)));
  console.log(JSON.stringify({ network: net.toJSON(), rows, outputs }));
}
const named = new brain.NeuralNetwork({ hiddenLayers: [2] });
named.train(
  [
    { input: { rain: 1, "10": 0 }, output: { stay: 1 } },
    { input: { rain: 0, "10": 1 }, output: { go: 1 } },
  ],
  { iterations: 50 },
);
const outputs = rows.map(([ten, rain]) => named.run({ rain, "10": ten }));
console.log(JSON.stringify({ network: named.toJSON(), rows, outputs }));
