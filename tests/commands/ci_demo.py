"""``make ci-demo``: the workflow that ``neuronspec init --ci`` writes, played on this machine, step by step.

The steps are read from the very file; what they run is run. A checkout is a clone of the project, the cache is a folder
that outlives the runs, and nothing is installed: the environment is the one that this runs in.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import click

from neuronspec.cli.start import WORKFLOW
from neuronspec.collection import line_of

SENTENCE = "it recalls the first letter"
SPEC = "specs/spec_recall.py"
TRAINING = "neuronspec: training recall/gru"
AS_IT_IS, TOO_SMALL = "units=16, learning_rate=0.03, steps=600", "units=2, learning_rate=0.03, steps=60"

EXPECTED = (
    "actions/checkout",
    "actions/setup-python",
    "pip install",
    "actions/cache",
    "pytest",
    "actions/upload-artifact",
)
"""What the steps of the workflow are, in order."""


class Surprise(Exception):
    """Something did not come out as it should."""


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise Surprise(what)
    click.echo(f"  as expected: {what}")


# The workflow, read.


@dataclass
class Step:
    """One step of a workflow: what it runs or which action it uses, and its settings, as they are written."""

    run: str = ""
    uses: str = ""
    settings: dict[str, str] = field(default_factory=dict)


def steps(text: str) -> list[Step]:
    """Read the steps of a workflow that has one job; only as much YAML as such a file needs."""
    below = text.partition("\n    steps:\n")[2]
    items = re.split(r"^ {6}- ", below, flags=re.M)[1:]
    return [_step(re.sub(r"^ {8}", "", item, flags=re.M)) for item in items]


def _step(item: str) -> Step:
    """``name: value`` by line, where a value of ``|`` goes on in the lines that are further in."""
    lines = [line for line in item.splitlines() if not line.lstrip().startswith("#")]
    values: dict[str, str] = {}
    block, depth = "", 0
    for line in lines:
        inside = len(line) - len(line.lstrip())
        if block and (inside > depth or not line.strip()):
            values[block] += line.strip() + "\n"
            continue
        block, depth = "", inside
        name, colon, value = line.strip().partition(": ")
        value = value.partition("  #")[0].strip().strip('"')
        if colon:
            values[name] = "" if value == "|" else value
            block = name if value == "|" else ""
    return Step(values.pop("run", "").strip(), values.pop("uses", ""), values)


def checked(found: list[Step]) -> list[Step]:
    """Return the steps, if they are those that this can play."""
    said = [step.uses.partition("@")[0] or step.run for step in found]
    if len(said) != len(EXPECTED) or not all(part in step for part, step in zip(EXPECTED, said, strict=True)):
        raise Surprise(f"the steps of {WORKFLOW} are {said}, and not {EXPECTED}")
    return found


def key_of(template: str, checkout: Path) -> str:
    """Put the hashes of files in the place of ``${{ hashFiles('tasks/**', 'claims.lock.json') }}``."""

    def hashed(match: re.Match[str]) -> str:
        patterns = re.findall(r"'([^']+)'", match[1])
        files = sorted({file for pattern in patterns for file in _matching(checkout, pattern)})
        return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()[:12]

    key = re.sub(r"\$\{\{ hashFiles\((.*?)\) \}\}", hashed, template)
    if "${{" in key:
        raise Surprise(f"the key of the cache is {template!r}, of more than hashFiles")
    return key


def _matching(folder: Path, pattern: str) -> Iterable[Path]:
    return (file for file in folder.glob(f"{pattern}/*" if pattern.endswith("**") else pattern) if file.is_file())


# The workflow, played.


@dataclass
class Ran:
    """How one run of the workflow ended."""

    code: int
    said: str
    hit: bool
    new: set[Path]
    """Networks that were not in the cache."""

    @property
    def trained(self) -> bool:
        return TRAINING in self.said or bool(self.new)


@dataclass
class Service:
    """What runs workflows: a folder for its checkouts, its caches and what runs have uploaded."""

    folder: Path
    runs: int = 0

    def play(self, project: Path) -> Ran:
        """Run the workflow of a project once."""
        self.runs += 1
        checkout = self.folder / f"run-{self.runs}"
        call(["git", "clone", "--quiet", str(project), str(checkout)])
        click.echo("  actions/checkout: a clone")
        _, _, install, cache, verify, upload = checked(steps((checkout / WORKFLOW).read_text("utf-8")))
        click.echo(f"  not run, this environment has it all: {install.run.splitlines()[-1]}")
        store = checkout / cache.settings["path"]
        key = key_of(cache.settings["key"], checkout)
        restored = self._restore(key, cache.settings["restore-keys"], store)
        before = networks(store)
        click.echo(f"  run: {verify.run}")
        code, said = shell(verify.run, checkout)
        click.echo("".join(f"    | {line}\n" for line in said.splitlines()) + f"    exit code {code}")
        if code == 0 and restored != key:  # the action keeps nothing of a run that failed, and no key twice
            shutil.copytree(store, self.folder / "caches" / key)
        self._upload(upload.settings, checkout)
        return Ran(code, said, restored == key, networks(store) - before)

    def _restore(self, key: str, prefix: str, store: Path) -> str:
        """Fill the store from the cache of this key, else from the latest with its prefix; return which."""
        caches = sorted((self.folder / "caches").glob(f"{prefix}*"), key=lambda cache: cache.stat().st_mtime_ns)
        found = next((c for c in caches if c.name == key), caches[-1] if caches else None)
        if found is None:
            click.echo("  actions/cache: nothing is kept yet")
            return ""
        shutil.copytree(found, store)
        click.echo(f"  actions/cache: {'hit' if found.name == key else 'no hit; restored instead'}, {found.name}")
        return found.name

    def _upload(self, settings: dict[str, str], checkout: Path) -> None:
        expect(settings.get("if") == "always()", "the run is uploaded whether or not it passed")
        expect(settings.get("include-hidden-files") == "true", "hidden folders are uploaded too")
        for path in settings["path"].split():
            files = [file for file in (checkout / path, *(checkout / path).rglob("*")) if file.is_file()]
            expect(bool(files), f"{path} is there to upload, {sum(file.stat().st_size for file in files)} bytes")


def networks(store: Path) -> set[Path]:
    return {file.relative_to(store) for file in store.rglob("*.safetensors")}


def environment(checkout: Path) -> dict[str, str]:
    """What the steps see: our Python first, and that they run in GitHub Actions."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(checkout)}


def shell(command: str, checkout: Path) -> tuple[int, str]:
    """Run a step as the service does; return its exit code, and what it said."""
    ran = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
        cwd=checkout,
        env=environment(checkout),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return ran.returncode, ran.stdout


def call(command: list[str], folder: Path | None = None) -> str:
    """Run what has to succeed."""
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ran.returncode:
        raise Surprise(f"{' '.join(command)}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


# The story.


def neuronspec(*arguments: str, folder: Path) -> None:
    click.echo(f"$ neuronspec {' '.join(arguments)}")
    said = call([sys.executable, "-m", "neuronspec", *arguments], folder)
    click.echo("".join(f"    | {line}\n" for line in said.splitlines()), nl=False)


def commit(project: Path, message: str) -> None:
    who = ["-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"]
    call(["git", "add", "tasks", "specs", "claims.lock.json", ".github"], project)
    call(["git", *who, "commit", "--quiet", "-m", message], project)


def started(folder: Path) -> Path:
    """Return a project as a newcomer makes it: by the commands that ``init --ci`` names."""
    neuronspec("init", "--ci", "project", folder=folder)
    project = folder / "project"
    neuronspec("lock", "--update", folder=project)
    call(["git", "init", "--quiet"], project)
    commit(project, "An example")
    return project


def change(project: Path, old: str, new: str) -> None:
    task = project / "tasks" / "recall.py"
    text = task.read_text("utf-8")
    expect(old in text, f"the recipe says {old}")
    task.write_text(text.replace(old, new), "utf-8")
    commit(project, new)


def demo(folder: Path) -> None:
    click.echo("A project begins.")
    project = started(folder)
    service = Service(folder / "service")

    click.echo("\n1. The first run finds no networks.")
    first = service.play(project)
    expect(first.code == 0 and first.trained and not first.hit, "it trained, and passed")

    click.echo("\n2. The second run finds them.")
    second = service.play(project)
    expect(second.code == 0 and second.hit and not second.trained, "a hit: it trained nothing, and passed")

    click.echo(f"\n3. Somebody makes the network too small: {TOO_SMALL}.")
    change(project, AS_IT_IS, TOO_SMALL)
    third = service.play(project)
    line = line_of(project / SPEC, SENTENCE)
    annotation = re.search(rf"^::error file={SPEC},line={line},title=[^\n:]*::[^\n]+", third.said, re.M)
    expect(not third.hit and third.trained, "networks by other keys were no use to it, and it trained")
    expect(third.code == 1, "it failed, with exit code 1")
    expect(f"recall: {SENTENCE}" in third.said, f"it names the claim, {SENTENCE!r}")
    expect(annotation is not None, f"the annotation stands at line {line} of {SPEC}")

    click.echo("\n4. The recipe is as it was.")
    change(project, TOO_SMALL, AS_IT_IS)
    fourth = service.play(project)
    expect(fourth.code == 0 and fourth.hit and not fourth.trained, "a hit: it trained nothing, and passed")


def main() -> int:
    began = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            demo(Path(folder).resolve())
    except Surprise as surprise:
        click.echo(f"\nNOT as expected: {surprise}", err=True)
        return 1
    seconds = time.perf_counter() - began
    click.echo(
        f"\n4 runs came out as expected, in {seconds:.0f} s: trained and passed; found and passed; failed; passed."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
