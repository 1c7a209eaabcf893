import tinynn as nn

net = nn.NeuralNet(seed=1)
net.train([[0, 1, 1], [1, 0, 0], [1, 0, 1]], [[1], [0], [1]], 10_000)
print(net.learn([1, 0, 1])[0])
