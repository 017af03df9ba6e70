"""From a claim to evidence: what stands here is what all rooms share, sequences and sets of units."""
