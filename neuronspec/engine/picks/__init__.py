"""Which units a spec means in one network."""
