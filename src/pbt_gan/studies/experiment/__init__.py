"""An experiment: arms × seeds at equal cost, in one folder, read as one table."""
