"""Picture files, wherever they lie: which there are, what they show, and how they become images of one size."""
