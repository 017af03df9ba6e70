"""Runs of a network: read, edited, generated, and kept for all claims that ask for them."""
