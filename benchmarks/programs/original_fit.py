import tinynn as nn

inputs = [[0, 1, 1], [1, 0, 0], [1, 0, 1]]
start = nn.NeuralNet(seed=1).synaptic_weights
model = nn.Sequential(nn.Dense(3, 1, weights=start, bias=False), nn.Sigmoid())
nn.fit(
    model,
    inputs,
    [[1], [0], [1]],
    optimizer=nn.SGD(learning_rate=1.5),
    epochs=10_000,
    batch_size=None,
)
print(model([1, 0, 1])[0])
