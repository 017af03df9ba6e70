"""``neuronspec init --ci``, and the workflow that it writes."""

import re

import pytest
from click.testing import CliRunner
from commands import ci_demo
from project_files import make

from neuronspec.cli import main
from neuronspec.cli.start import STARTER, WORKFLOW

SHIPPED = (STARTER / WORKFLOW.name).read_text("utf-8")


@pytest.fixture
def init(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, ["init", *map(str, args)], catch_exceptions=False)


def files(folder):
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_a_fresh_folder_gets_an_example_too(init, tmp_path):
    said = init("--ci", "mine")
    assert said.exit_code == 0
    assert files(tmp_path / "mine") == {"tasks/recall.py", "specs/spec_recall.py", ".github/workflows/claims.yml"}
    assert (tmp_path / "mine" / WORKFLOW).read_text("utf-8") == SHIPPED
    assert said.stdout.splitlines()[-2:] == [
        "next: cd mine && neuronspec lock --update   (verifies all claims and writes claims.lock.json)",
        "then: git add tasks specs claims.lock.json .github, commit and push; .neuronspec/ stays out of git",
    ]


def test_without_ci_there_is_no_workflow(init, tmp_path):
    init("mine")
    assert not (tmp_path / "mine" / ".github").exists()


def test_a_project_gets_the_workflow_alone(init, tmp_path):
    before = files(make(tmp_path))
    said = init("--ci")
    assert said.exit_code == 0
    assert said.stdout.splitlines()[:2] == [
        "wrote .github/workflows/claims.yml",
        "next: neuronspec lock --update   (verifies all claims and writes claims.lock.json)",
    ]
    assert files(tmp_path) == before | {".github/workflows/claims.yml"}


def test_a_project_with_folders_of_other_names_is_one(init, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.neuronspec]\ntasks = ["learn"]\nspecs = ["hold"]\nstore = "nets"\n')
    (tmp_path / "hold").mkdir()
    said = init("--ci")
    assert files(tmp_path) == {"pyproject.toml", ".github/workflows/claims.yml"}
    assert "git add hold claims.lock.json .github, commit and push; nets/ stays out of git" in said.stdout


def test_a_workflow_that_is_there_is_left_alone(init, tmp_path):
    workflow = tmp_path / "mine" / WORKFLOW
    workflow.parent.mkdir(parents=True)
    workflow.write_text("mine")
    said = init("--ci", "mine")
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr == f"error: {'mine' / WORKFLOW} is there already; nothing was written\n"
    assert files(tmp_path / "mine") == {WORKFLOW.as_posix()}
    assert workflow.read_text() == "mine"


def test_below_the_root_of_a_repository_no_workflow_is_read(init, tmp_path):
    (tmp_path / ".git").mkdir()
    assert f"move .github/ to {tmp_path.resolve()}" in init("--ci", "mine").stdout
    assert "note:" not in init("--ci").stdout


def test_the_demo_reads_its_steps():
    checkout, python, install, cache, verify, upload = ci_demo.checked(ci_demo.steps(SHIPPED))
    assert verify.run == "pytest specs/ --neuronspec-lock --junitxml=claims.xml"
    assert install.run.splitlines()[0].startswith("if [ -f requirements.txt ]; then python -m pip install -r")
    assert python.settings["python-version"] == "3.12"
    assert cache.settings["path"] == ".neuronspec/networks"
    assert cache.settings["key"].startswith(cache.settings["restore-keys"])
    assert upload.settings["path"].split() == [".neuronspec/runs", "claims.xml"]
    assert (upload.settings["if"], upload.settings["include-hidden-files"]) == ("always()", "true")
    assert checkout.uses == "actions/checkout@v7"


def test_the_demo_refuses_steps_that_it_does_not_know():
    with pytest.raises(ci_demo.Surprise, match="the steps of"):
        ci_demo.checked(ci_demo.steps(SHIPPED.replace("pytest specs/", "true")))


def test_the_key_of_the_cache_is_of_tasks_and_lock(tmp_path):
    make(tmp_path)
    template = ci_demo.steps(SHIPPED)[3].settings["key"]
    first = ci_demo.key_of(template, tmp_path)
    (tmp_path / "specs" / "spec_other.py").write_text("")
    assert ci_demo.key_of(template, tmp_path) == first
    keys = {first}
    for name in ("claims.lock.json", "tasks/tiny.py"):
        (tmp_path / name).write_text("{}")
        keys.add(ci_demo.key_of(template, tmp_path))
    assert len(keys) == 3


def test_the_workflow_is_laid_out_as_yaml_is():
    """As far as can be judged without a reader of YAML: no tabs, steps of two, quotes and brackets that close."""
    assert "\t" not in SHIPPED
    code = [re.sub(r"(^|\s)#.*", "", line).rstrip() for line in SHIPPED.splitlines()]
    for line in filter(None, code):
        assert (len(line) - len(line.lstrip())) % 2 == 0, line
        assert line.count('"') % 2 == 0, line
        assert line.count("'") % 2 == 0, line
        assert line.count("${{") == line.count("}}"), line
        assert line.count("[") == line.count("]"), line
    top = [line.partition(":")[0] for line in code if line and not line.startswith(" ")]
    assert top == ["name", "on", "permissions", "concurrency", "jobs"]


def test_the_workflow_is_yaml():
    yaml = pytest.importorskip("yaml")
    read = yaml.safe_load(SHIPPED)
    assert read["permissions"] == {"contents": "read"}
    assert set(read[True]) == {"push", "pull_request", "workflow_dispatch"}  # YAML 1.1 takes `on` for a truth value
    (job,) = read["jobs"].values()
    assert job["timeout-minutes"] == 30
    played = [(step.run, step.uses) for step in ci_demo.steps(SHIPPED)]
    assert played == [(step.get("run", "").strip(), step.get("uses", "")) for step in job["steps"]]
