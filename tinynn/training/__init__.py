"""Training: data, batches, the trainer, what looks on while it runs, and the gradient check."""
