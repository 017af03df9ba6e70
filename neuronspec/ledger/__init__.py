"""What runs found, as files: written whole, read with suspicion, compared, and held to in a lock file."""

NAME = "claims.lock.json"
