"""What a person sees: progress, tables, pictures, plots, the page."""

from pbt_gan.reporting.listeners import default_listeners as default_listeners
