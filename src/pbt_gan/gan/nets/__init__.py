"""The nets: how a convolution is computed, what a net is, and the nets that there are."""
