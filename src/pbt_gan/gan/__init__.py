"""The GAN task: data, nets, games, the training of members, scores."""
