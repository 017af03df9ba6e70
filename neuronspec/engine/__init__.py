"""From a claim to evidence."""
