"""What a spec is about: tasks, recipes, recurrent networks, training and the store.

What is named here is what a task file needs; it loads no torch.
"""

from neuronspec.networks.recipes import Recipe, checkpoint
from neuronspec.networks.tasks import Completion, Example, Task, TaskMeasure, windows

__all__ = ["Completion", "Example", "Recipe", "Task", "TaskMeasure", "checkpoint", "windows"]
