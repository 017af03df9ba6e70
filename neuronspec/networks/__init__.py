"""What a spec is about: tasks, recipes, recurrent networks, training and the store.

``Task``, ``Recipe``, ``checkpoint`` and ``Example`` are what a task file needs; they load no torch.
"""

from neuronspec.networks.tasks import Example, Generated, Recipe, Task, TaskMeasure, checkpoint

__all__ = ["Example", "Generated", "Recipe", "Task", "TaskMeasure", "checkpoint"]
