"""Files in which images lie as arrays: NumPy's, MNIST's idx, CIFAR's batches."""
