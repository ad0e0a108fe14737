"""From names and numbers in a file to objects: the only place that knows every plug-in."""
