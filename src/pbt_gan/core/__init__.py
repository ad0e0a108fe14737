"""Pure decisions of population based training: no torch, no files, no clock, no global randomness."""
