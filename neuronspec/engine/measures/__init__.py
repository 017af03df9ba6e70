"""From a measure to an estimate, for the claimed units and all that stands in for them at once."""
