"""From an estimate to a verdict: controls, networks, seeds."""
