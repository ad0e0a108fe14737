"""Train GANs with Population Based Training."""
