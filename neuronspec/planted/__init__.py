"""Networks whose units are known by construction, none of them trained; ``neuronspec.testing`` is the way in."""
