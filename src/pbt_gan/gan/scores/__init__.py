"""The scores of members: networks that look at images, and formulas on what they see."""
