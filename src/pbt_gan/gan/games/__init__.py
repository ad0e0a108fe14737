"""The games: what the two nets of a member play for."""
