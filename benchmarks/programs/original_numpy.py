from numpy import array, dot, exp, random

inputs = array([[0.0, 1, 1], [1, 0, 0], [1, 0, 1]])
outputs = array([[1.0, 0, 1]]).T
random.seed(1)
synaptic_weights = 2 * random.random((3, 1)) - 1
for _ in range(10000):
    output = 1 / (1 + exp(-(dot(inputs, synaptic_weights))))
    synaptic_weights += dot(inputs.T, (outputs - output) * output * (1 - output))
print(1 / (1 + exp(-(dot(array([1, 0, 1]), synaptic_weights))))[0])
