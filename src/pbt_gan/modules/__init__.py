"""PBT around ordinary PyTorch: named parts with a `state_dict`, and what of them the hyperparameters set."""
