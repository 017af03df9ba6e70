"""The shapes and types in signatures are checked at run time, in tests only."""

from jaxtyping import install_import_hook

install_import_hook(["neuronspec.engine", "neuronspec.networks"], "beartype.beartype")
