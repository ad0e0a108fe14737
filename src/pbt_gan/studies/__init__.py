"""Programs made of runs: the demo, the comparison, the figure of the paper."""
