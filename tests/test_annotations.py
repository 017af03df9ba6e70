"""Every annotation is what it says: an axis that turned into a product would leave a function unchecked."""

import ast
import importlib
import inspect
import pkgutil
from typing import get_type_hints

import pytest

import neuronspec

MODULES = [m.name for m in pkgutil.walk_packages(neuronspec.__path__, "neuronspec.") if "starter" not in m.name]


def annotated(module):
    """The functions, classes and methods that a module defines."""
    ours = [thing for thing in vars(module).values() if getattr(thing, "__module__", None) == module.__name__]
    for thing in ours:
        if inspect.isclass(thing) or inspect.isroutine(thing):
            yield thing
        if inspect.isclass(thing):
            yield from (inspect.unwrap(function) for function in vars(thing).values() if inspect.isfunction(function))


def for_type_checkers(module):
    """What a module imports for annotations alone."""
    names = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module.__name__, "exec"), names)
    return names


@pytest.mark.parametrize("name", [name for name in MODULES if name != "neuronspec.__main__"])
def test_annotations_can_be_resolved(name):
    module = importlib.import_module(name)
    names = for_type_checkers(module)
    for thing in annotated(module):
        get_type_hints(thing, localns=names, include_extras=True)
