"""The folder that a run is about: where its tasks, specs and stored networks are.

Settings stand in pyproject.toml, under ``[tool.neuronspec]``: ``specs`` and ``tasks`` (folders) and ``store``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from neuronspec.errors import NeuronspecError, ProjectError, SpecError, TaskError, did_you_mean, nearest
from neuronspec.networks.tasks import Task

SETTINGS = {"specs": ("specs",), "tasks": ("tasks",), "store": ".neuronspec"}


@dataclass(frozen=True)
class Project:
    """A root folder and its settings.

    Args:
        corpora: text files whose lines tasks are made from in this run, by task name.
    """

    root: Path
    specs: tuple[Path, ...]
    tasks: tuple[Path, ...]
    store: Path
    corpora: Mapping[str, Path] = field(default_factory=dict, hash=False)
    _read: dict[Path, Task] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def at(cls, start: Path) -> Project:
        """Return the project that ``start`` lies in: the nearest folder above with settings, tasks or specs."""
        start = start.resolve()
        folders = [start, *start.parents]
        root = next((f for f in folders if _is_root(f)), start)
        settings = {**SETTINGS, **(_settings(root) or {})}
        return cls(
            root=root,
            specs=tuple(root / folder for folder in settings["specs"]),
            tasks=tuple(root / folder for folder in settings["tasks"]),
            store=root / settings["store"],
        )

    def with_corpora(self, corpora: Mapping[str, Path]) -> Project:
        """Return this project with some tasks made from the lines of text files.

        Raises:
            NeuronspecError: there is no such task or file, or no task can be made from it.
        """
        project = replace(self, corpora=corpora, _read={})
        for name in corpora:
            project.task(name)
        return project

    def task_files(self) -> dict[str, Path]:
        """Return the task files by task name."""
        files = [file for folder in self.tasks for file in sorted(folder.glob("[!_]*.py"))]
        return {file.stem: file for file in files}

    def task(self, name: str) -> Task:
        """Return the task of this name; TaskError where there is none or its file does not define one."""
        files = self.task_files()
        if name not in files:
            folders = ", ".join(self.shown(folder) for folder in self.tasks)
            raise TaskError(f"no task {name!r}{did_you_mean(name, files)} (looked in {folders})")
        file = files[name]
        if file not in self._read:
            task = getattr(self.load(file), "task", None)
            if not isinstance(task, Task):
                raise TaskError(f"{file.name} defines no task: expected task = Task(...)")
            if name in self.corpora:
                task = _of_lines(task, name, self.corpora[name])
            self._read[file] = task.named(name)
        return self._read[file]

    def shown(self, file: Path) -> str:
        """Return ``file`` relative to the root, where it lies inside."""
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else file.as_posix()

    def load(self, file: Path) -> ModuleType:
        """Run a spec or task file as a module of its own; what goes wrong names file and line.

        It may import its neighbours (``from .counting import string``): each folder is a package of its own, so that
        those of two projects do not meet.

        Raises:
            NeuronspecError: of the kind that was raised inside, or SpecError where the file is not valid Python.
        """
        name = f"{_package(file.parent)}.{file.stem}"
        loader = _AsItIsNow(name, str(file))
        module_spec = importlib.util.spec_from_loader(name, loader)
        if file.suffix != ".py" or not file.is_file() or module_spec is None:
            raise ProjectError(f"{self.shown(file)}: no such Python file")
        module = importlib.util.module_from_spec(module_spec)
        sys.modules[name] = module  # dataclasses and pickle look a module up by its name
        if str(self.root) not in sys.path:
            sys.path.append(str(self.root))  # so that a task file can import code of its project
        try:
            loader.exec_module(module)
        except NeuronspecError as error:
            raise type(error)(f"{self._place(file, error)}: {error}") from error
        except SyntaxError as error:
            raise SpecError(f"{self.shown(file)}:{error.lineno}: {error.msg}") from None
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:  # a spec or task file is anybody's code, and may call sys.exit or pytest.skip
            raise SpecError(
                f"{self._place(file, error)}: {type(error).__name__}: {error}{_near_word(error)}"
            ) from error
        return module

    def _place(self, file: Path, error: BaseException) -> str:
        """``specs/spec_counting.py:12``: the last line of ``file`` that the error passed through."""
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(file)), 0)
        return f"{self.shown(file)}:{line}"


class _AsItIsNow(SourceFileLoader):
    """Always reads the source: a compiled file is matched by second and size, and an edit may change neither."""

    def path_stats(self, path: object) -> Mapping[str, Any]:
        raise OSError("compiled files are neither read nor written")


def _package(folder: Path) -> str:
    """Return the name under which the files of a folder are imported, the same in every process."""
    name = f"_neuronspec_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    package = sys.modules.setdefault(name, ModuleType(name))
    package.__path__ = [str(folder)]
    return name


def _of_lines(task: Task, name: str, file: Path) -> Task:
    """Return a task made from the lines of a text, by ``from_lines`` of its file."""
    if task.from_lines is None:
        raise TaskError(f"--corpus {name}={file}: task {name} has no from_lines=, and cannot be made from a text")
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise ProjectError(f"--corpus {name}={file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        byte = f"byte {error.object[error.start]:#x} at {error.start}"
        raise ProjectError(f"--corpus {name}={file}: the text is not UTF-8: {byte}") from None
    try:
        result = task.from_lines(lines)
    except TaskError as error:
        raise TaskError(f"--corpus {name}={file}: {error}") from error
    except Exception as error:  # a task file is anybody's code
        raise TaskError(f"task {name}: from_lines raised {type(error).__name__}: {error}") from error
    if not isinstance(result, Task):
        raise TaskError(f"task {name}: from_lines returned {result!r:.60}: expected a Task")
    return result


def _is_root(folder: Path) -> bool:
    return (folder / "tasks").is_dir() or (folder / "specs").is_dir() or _settings(folder) is not None


def _settings(folder: Path) -> dict[str, Any] | None:
    """The ``[tool.neuronspec]`` table of a folder's pyproject.toml, or None."""
    file = folder / "pyproject.toml"
    if not file.is_file():
        return None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tools = tomllib.loads(file.read_text("utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"{file}: {error}") from None
    settings = tools.get("neuronspec") if isinstance(tools, dict) else None
    if settings is not None and not isinstance(settings, dict):
        raise ProjectError(f"{file}: tool.neuronspec = {settings!r}: expected a table, [tool.neuronspec]")
    for name, value in (settings or {}).items():
        if name not in SETTINGS:
            raise ProjectError(f"{file}: [tool.neuronspec] has no setting {name!r}{did_you_mean(name, SETTINGS)}")
        folders = isinstance(value, list) and all(isinstance(folder, str) for folder in value)
        if not (isinstance(value, str) if name == "store" else folders):
            raise ProjectError(f"{file}: [tool.neuronspec] {name} = {value!r}: expected, e.g., {SETTINGS[name]!r}")
    return settings


def _near_word(error: BaseException) -> str:
    """``; did you mean 'correlation'?`` for a word that neuronspec lacks."""
    import neuronspec

    if isinstance(error, NameError):
        return nearest(str(error.name), neuronspec.__all__)
    quoted = str(error).split("'")
    if isinstance(error, ImportError) and error.name == "neuronspec" and len(quoted) > 1:
        return nearest(quoted[1], neuronspec.__all__)
    return ""
