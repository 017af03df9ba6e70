"""Runs of a network: traced, edited or generated, and shared by all claims that need them."""
