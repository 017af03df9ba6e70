"""The command ``neuronspec``: a file for each group of commands.

A new file decorates its commands with ``@main.command()`` and is named in the import below.
"""

from neuronspec.cli import calibrate, compare, lock, networks, pictures, runs, start, verify  # noqa: F401 (they register)
from neuronspec.cli.group import main

__all__ = ["main"]
