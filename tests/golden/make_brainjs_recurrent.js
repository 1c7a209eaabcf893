// Write recurrent networks of brain.js as lines of JSON, each with what its equations give for some
// sequences. Run as `node make_brainjs_recurrent.js` where `npm install brain.js@2.0.0-beta.24` was,
// and again where `npm install brain.js@1.6.1` was; brainjs_recurrent.json has both as a list, each
// with its version.
const brain = require("brain.js");

const options = { hiddenLayers: [3, 2], inputSize: 2, outputSize: 2 };
const series = [[[0.1, 0.5], [0.2, 0.4], [0.3, 0.3], [0.4, 0.2]], [[0.9, -0.5]]];
const trained = series.slice(0, 1);
for (const kind of ["RNNTimeStep", "LSTMTimeStep", "GRUTimeStep"]) {
  const net = new brain.recurrent[kind](options);
  net.train(trained, { iterations: 30, errorThresh: 1e-9 });
  // The outputs after each step are those of a run that ends there.
  const outputs = series.map((steps) => steps.map((_, i) => Array.from(net.run(steps.slice(0, i + 1)))));
  console.log(JSON.stringify({ network: net.toJSON(), series, outputs }));
}
const words = ["ab", "abba", "ca"];
for (const kind of ["RNN", "LSTM", "GRU"]) {
  const net = new brain.recurrent[kind]({ hiddenLayers: [3, 2] });
  net.train(words, { iterations: 30, errorThresh: 1e-9 });
  const network = net.toJSON();
  const sequences = [[0, 1, 2, 2], [0, 3, 1]];
  const outputs = sequences.map((kinds) => {
    while (net.model.equations.length <= kinds.length) net.bindEquation();
    return kinds.map((k, i) => Array.from(net.model.equations[i].runIndex(k).weights));
  });
  console.log(JSON.stringify({ network, sequences, outputs, written: net.run() }));
}
