"""What a claim or a trace looks like: the numbers, and the figures made of them."""
