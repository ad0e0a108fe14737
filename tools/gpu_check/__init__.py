"""What a GPU is accepted by: `python -m tools.gpu_check`."""
