"""The training of members side by side: draws, gradients, updates."""
