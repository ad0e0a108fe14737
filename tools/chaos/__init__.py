"""A storm over real runs: whatever can befall one, again and again, and what must be true of it afterwards."""
