import tinynn as nn

model = nn.Sequential(nn.Dense(2, 1), nn.Sigmoid())
nn.fit(model, [[0.0, 1.0]], [[1.0]], loss="mse", optimizer=nn.SGD(learning_rate=0.1), epochs=1)
