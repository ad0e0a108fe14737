"""What a person sees: progress, tables, pictures, plots, the page."""

from pbt_gan.reporting.listeners import brief_listeners as brief_listeners
from pbt_gan.reporting.listeners import default_listeners as default_listeners
