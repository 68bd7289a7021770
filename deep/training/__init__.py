"""Training: parameters as one flat vector, one loop, whole streams with checkpoints."""
