"""The pytest plugin: every claim of a spec is a test."""
