"""``torch``, loaded at the first use of one of its functions.

One file defines what a recipe needs of a kind of cell (its name and sites) and how the kind is computed. Reading a
recipe must not load torch, which takes ten times as long as all else. An ``import`` within each function would do too,
but in twenty functions of this folder, and at the cost of a microsecond at every shared operation.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch as torch
else:

    class _Torch:
        def __getattr__(self, name: str) -> Any:
            import torch

            value = getattr(torch, name)
            setattr(self, name, value)  # the next use finds the attribute and does not call this
            return value

    torch = _Torch()
