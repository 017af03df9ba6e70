"""``python -m neuronspec``."""

from neuronspec.cli import main

main()
