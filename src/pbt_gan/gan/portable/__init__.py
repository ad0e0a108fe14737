"""Trained nets as ordinary modules of torch, and the files in which they leave the house."""
