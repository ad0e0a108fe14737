"""Where members train: in this process, in worker processes, or in a simulation."""
