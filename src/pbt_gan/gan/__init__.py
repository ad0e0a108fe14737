"""The GAN task: data, nets, losses, the pure member step, scores."""
