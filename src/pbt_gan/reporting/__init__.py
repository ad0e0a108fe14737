"""What a person sees: progress, tables, pictures, plots, the page."""
