"""What a spec is about: tasks, recipes, recurrent networks, training and the store.

What is named here is what a task file needs; it loads no torch.
"""

from neuronspec.networks.tasks import Example, Generated, Recipe, Task, TaskMeasure, checkpoint, windows

__all__ = ["Example", "Generated", "Recipe", "Task", "TaskMeasure", "checkpoint", "windows"]
