"""Tasks of a few numbers, on which PBT can be watched."""
