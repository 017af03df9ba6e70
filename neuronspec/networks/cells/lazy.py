"""``torch``, loaded when the first of its functions is asked for.

A kind of cell says in one file what a recipe needs (its name and sites) and how it is computed. To read a recipe must
not load torch, which takes ten times as long as all else. An ``import`` within each function would do as well, but
for the twenty functions of this folder, and a microsecond at every operation that is shared.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch as torch
else:

    class _Torch:
        def __getattr__(self, name: str) -> Any:
            import torch

            value = getattr(torch, name)
            setattr(self, name, value)  # the next time it is found without this function
            return value

    torch = _Torch()
