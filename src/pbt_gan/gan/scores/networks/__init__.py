"""Published networks that look at images of any kind: what they see can be compared between runs and between people."""
