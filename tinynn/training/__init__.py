"""Training: data, batches, the trainer and its callbacks, and the gradient check."""
