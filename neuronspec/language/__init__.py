"""A spec as data: frozen dataclasses that print as they are written. Loads no torch and no numpy."""
