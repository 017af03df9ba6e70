"""A user's own module at hand: traced, edited inside the recurrence, and measured, without tasks or specs.

``from neuronspec import wrap`` gives the way in.
"""

from neuronspec.notebook.trace import Trace
from neuronspec.notebook.wrapped import Wrapped, wrap

__all__ = ["Trace", "Wrapped", "wrap"]
