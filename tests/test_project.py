"""Where a project begins, and what its settings may say."""

import os

import pytest
from project_files import make

from neuronspec.errors import ProjectError
from neuronspec.project import Project


def test_the_nearest_folder_with_specs_tasks_or_settings(tmp_path):
    outer = make(tmp_path)
    inner = make(tmp_path / "specs" / "deep" / "other")
    assert Project.at(outer / "specs").root == outer
    assert Project.at(inner / "tasks").root == inner
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "pyproject.toml").write_text('[tool.neuronspec]\nspecs = ["claims"]\n')
    project = Project.at(tmp_path / "elsewhere")
    assert project.specs == (tmp_path / "elsewhere" / "claims",)
    assert project.store == tmp_path / "elsewhere" / ".neuronspec"


def test_a_file_is_read_as_it_is_now_even_if_it_was_edited_within_a_second(tmp_path):
    make(tmp_path, steps=2)
    file = tmp_path / "tasks" / "tiny.py"
    Project.at(tmp_path).task("tiny")
    before = file.stat()
    file.write_text(file.read_text().replace("steps=2", "steps=9"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Project.at(tmp_path).task("tiny").recipe("lstm").steps == 9


@pytest.mark.parametrize("name", ["none.py", "notes.txt"])
def test_what_is_no_python_file_is_not_run(tmp_path, name):
    (tmp_path / "notes.txt").write_text("1 / 0\n")
    with pytest.raises(ProjectError, match=f"{name}: no such Python file"):
        Project.at(tmp_path).load(tmp_path / name)


WRONG = {
    "unknown setting": ('spec = ["x"]', "[tool.neuronspec] has no setting 'spec'; did you mean 'specs'?"),
    "not a list": ('specs = "x"', "[tool.neuronspec] specs = 'x': expected, e.g., ('specs',)"),
    "not a list of strings": ("specs = [1]", "[tool.neuronspec] specs = [1]: expected, e.g., ('specs',)"),
    "not toml": ("specs = [", "Invalid value"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_settings(tmp_path, case):
    text, message = WRONG[case]
    (tmp_path / "pyproject.toml").write_text(f"[tool.neuronspec]\n{text}\n")
    with pytest.raises(ProjectError) as error:
        Project.at(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'pyproject.toml'}: {message}")


def test_modules_of_two_projects_do_not_meet(tmp_path):
    one, two = Project.at(make(tmp_path / "one")), Project.at(make(tmp_path / "two", steps=9))
    assert (one.task("tiny").recipe("lstm").steps, two.task("tiny").recipe("lstm").steps) == (2, 9)


def test_a_task_file_imports_its_neighbours(tmp_path):
    projects = [Project.at(make(tmp_path / name, steps=steps)) for name, steps in (("one", 2), ("two", 9))]
    for project in projects:
        text = "from dataclasses import replace\nfrom .tiny import task\ntask = replace(task, size=7)\n"
        (project.root / "tasks" / "beside.py").write_text(text)
    assert [project.task("beside").recipe("lstm").steps for project in projects] == [2, 9]
