"""What is told while a run goes on."""

from __future__ import annotations

import warnings


class Watcher:
    """Is told how far a run is; this one keeps quiet, and passes warnings on to Python."""

    def training(self, recipe: str, done: int, total: int) -> None:
        """So many training steps are done, over all networks that were missing."""

    def examined(self, recipe: str, done: int, total: int) -> None:
        """So many networks are examined."""

    def warn(self, message: str) -> None:
        """Something went wrong that the run can live with."""
        warnings.warn(message, stacklevel=2)
