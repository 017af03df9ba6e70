"""Nothing lost, nothing half-read: kills commands at random moments, and looks at what they leave.

In a scratch project that trains and verifies in a second, ``kill -9`` goes to a command and all its processes, again
and again: by the clock, or once it has been seen to train, to examine or to write for the so manieth time. Most of the
commands are forked from this process, which has loaded torch, so that hundreds of kills take minutes; some are started
like a user's. After every kill what is on the disk is read, by the package and without it, and in a copy of the folder
a run goes on to the end; it is compared with a reference that nobody killed.

    python tests/commands/crash_test.py --kills 200 --seed 0
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

TASK = """
from neuronspec import exact_match
from neuronspec.networks import Example, Recipe, Task

task = Task(
    alphabet="aXb",
    examples=[Example("a" * n + "X" + "b" * n, prompt=n + 1) for n in range(1, 4)],
    competence=exact_match() >= 0,
    recipes={
        "gru": Recipe("gru", units=6, steps=40, block=2),
        "lstm": Recipe("lstm", units=6, steps=40, block=2),
        "rnn": Recipe("rnn", units=6, steps=40, block=3),
    },
)
"""

SPEC = """
from neuronspec import *

tally = count_of("a") - count_of("b")
claims = {
    "a unit goes with the tally": side_effect(correlation(tally, of=hidden.best(correlation(tally))) >= -1),
    "it is exact": exact_match() >= 0,
    "it says something": length("b") >= 0,
}
gru = Spec("tiny/gru", seeds=4, claims=claims)
lstm = Spec("tiny/lstm", seeds=4, claims=claims)
rnn = Spec("tiny/rnn", seeds=3, claims=claims)
"""

RECIPES = ("tiny/gru", "tiny/lstm", "tiny/rnn")
COMMANDS = {
    "train": ["train", *RECIPES, "--seeds", "4"],
    "verify --lock": ["verify", "--lock"],
    "verify --json": ["verify", "--json", "run.json"],
    "lock --update": ["lock", "--update"],
    "pytest": ["-q", "-p", "neuronspec.pytest_plugin.plugin", "specs/", "--neuronspec-lock"],
}
WEIGHTS = {"train": 5, "verify --lock": 4, "verify --json": 5, "lock --update": 4, "pytest": 2}
HELD = ("verify --lock", "pytest")
"""Commands that want a lock file to be there."""

STORE, LOCK = ".neuronspec", "claims.lock.json"
KNOWN = re.compile(
    r"seed-\d+\.(safetensors|json)|block-\d+\.(lock|steps)|\.writable|\d{8}-\d{6}\.\d{6}-[0-9a-f]{8}\.json"
    r"|claims\.lock\.json\.busy|\.gitignore|\..+\.[0-9a-f]{8}\.unfinished"
)
"""The names of all that may be in a store, whatever was killed: above all, nothing that was set aside."""

PATIENCE = 120.0
"""Seconds after which a run hangs."""


def make(folder: Path) -> Path:
    """Write the project; return its folder."""
    for name, text in {"tasks/tiny.py": TASK, "specs/spec_tiny.py": SPEC, "pyproject.toml": SETTINGS}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


SETTINGS = "[tool.neuronspec]\n[tool.pytest.ini_options]\n"


# Processes.


MOMENTS = ("starting", "training", "examining", "writing", "in between", "no sign yet")
SEEN = ("training", "examining", "writing")


class Page:
    """A page of memory where a process notes what it is at, for the one that kills it."""

    def __init__(self) -> None:
        self.bytes = mmap.mmap(-1, mmap.PAGESIZE)

    @property
    def moment(self) -> str:
        return MOMENTS[self.bytes[0]]

    def times(self, moment: str) -> int:
        """Return how often it has come to a moment."""
        return self.bytes[1 + MOMENTS.index(moment)]

    def noting(self, moment: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return work that says when it begins and ends."""
        number = MOMENTS.index(moment)

        def noted(*args: Any, **options: Any) -> Any:
            self.bytes[1 + number] = min(255, self.bytes[1 + number] + 1)
            self.bytes[0] = number
            try:
                return work(*args, **options)
            finally:
                self.bytes[0] = MOMENTS.index("in between")

        return noted


def load() -> None:
    """Load what commands need, so that processes forked from this one need not."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest  # noqa: F401
    import torch

    import neuronspec.cli
    import neuronspec.ledger.changes
    import neuronspec.ledger.rejudge
    import neuronspec.pytest_plugin
    import neuronspec.terminal  # noqa: F401

    torch.set_num_threads(1)
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # loads the rest of it


class Process:
    """A command at work in a process group of its own."""

    def __init__(self, pid: int, page: Page | None, said: Path) -> None:
        self.pid, self.page, self.said, self.began = pid, page, said, time.monotonic()
        self.code: int | None = None

    def over(self) -> bool:
        """Whether it has ended by itself; what hangs is ended."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
            if self.code is None and time.monotonic() - self.began > PATIENCE:
                self.kill()
        return self.code is not None

    def ended(self) -> int:
        """Wait for the end; return the exit code, -9 of what hung."""
        while not self.over():
            time.sleep(0.005)
        return -9 if self.code is None else self.code

    def kill(self) -> None:
        """Kill it and all that it started, and wait until none of them writes any more."""
        os.killpg(self.pid, signal.SIGKILL)
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        deadline = time.monotonic() + 2
        with suppress(ProcessLookupError, PermissionError):
            while time.monotonic() < deadline:
                os.killpg(self.pid, 0)
                time.sleep(0.002)
        for semaphore in Path("/dev/shm").glob(f"sem.loky-{self.pid}-*"):  # joblib's, which its tracker would remove
            semaphore.unlink(missing_ok=True)


def forked(name: str, folder: Path, said: Path, slow_disk: float = 0.0) -> Process:
    """Start a command in a fork of this process, on one core.

    Args:
        slow_disk: seconds that the disk takes to write a file.
    """
    page = Page()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        with suppress(PermissionError, ProcessLookupError):  # the child did it itself
            os.setpgid(pid, pid)
        return Process(pid, page, said)
    code = 3
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        with said.open("wb") as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
        _note_moments(page, slow_disk)
        code = _called(name)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _called(name: str) -> int:
    import pytest

    from neuronspec.cli import main

    if name == "pytest":
        return int(pytest.main([*COMMANDS[name], "--neuronspec-jobs", "1"]))
    try:
        main([*COMMANDS[name], "--jobs", "1"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _note_moments(page: Page, slow_disk: float) -> None:
    from neuronspec import runner
    from neuronspec.ledger import lock, runs
    from neuronspec.networks import store

    runner.examine = page.noting("examining", runner.examine)
    store.train_block = page.noting("training", store.train_block)
    for module in (lock, runs, store):
        module.write_atomically = page.noting("writing", module.write_atomically)
    if slow_disk:
        flush = os.fsync

        def slowly(file: int) -> None:
            time.sleep(slow_disk)
            flush(file)

        os.fsync = slowly


def fresh(name: str, folder: Path, said: Path) -> Process:
    """Start a command as a user does, on two cores."""
    words = ["pytest", *COMMANDS[name]] if name == "pytest" else ["neuronspec", *COMMANDS[name]]
    jobs = "--neuronspec-jobs" if name == "pytest" else "--jobs"
    environment = os.environ | {"JOBLIB_TEMP_FOLDER": str(said.parent), "OMP_NUM_THREADS": "1"}
    with said.open("wb") as file:
        started = subprocess.Popen(
            [sys.executable, "-m", *words, jobs, "2"],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    started.returncode = 0  # it is waited for here
    return Process(started.pid, None, said)


# What is on the disk.


Networks = dict[str, tuple[int, bytes]]


def networks(folder: Path) -> Networks:
    """Return the files of finished networks, those with a card, by where they are: when each was written, and what."""
    found = {}
    for card in sorted((folder / STORE / "networks").glob("*/seed-*.json")):
        for file in (card, card.with_suffix(".safetensors")):
            content = file.read_bytes() if file.exists() else b""
            found[str(file.relative_to(folder))] = file.stat().st_mtime_ns if file.exists() else 0, content
    return found


def unfinished(folder: Path) -> set[Path]:
    return set(folder.rglob("*.unfinished"))


def kept_runs(folder: Path) -> set[Path]:
    return {file for file in (folder / STORE / "runs").glob("*") if not file.name.startswith(".")}


def moment_of(process: Process, folder: Path, before: set[Path], began_ns: int) -> str:
    """Return what a process was at when it was killed, by its own notes; else by what it left on the disk."""
    if process.page is not None:
        return process.page.moment
    if unfinished(folder) - before:
        return "writing"
    stored = [file for file in (folder / STORE).rglob("*") if file.is_file() and file.stat().st_mtime_ns >= began_ns]
    if any(file.suffix == ".safetensors" and not file.with_suffix(".json").exists() for file in stored):
        return "writing"
    if any(file.suffix == ".steps" for file in stored):
        return "training"
    return "in between" if stored else "no sign yet"


# What it must be.


@dataclass
class Reference:
    """What commands come to when nobody kills them."""

    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    networks: Networks = field(default_factory=dict)
    lock: bytes = b""
    half_lock: bytes = b""
    """A lock of some of the claims."""


FAULTS = ("corrupt files read", "finished networks trained again", "verdicts that differ", "runs that failed")


@dataclass
class Count:
    """What was done and found."""

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    fresh: int = 0
    left: int = 0
    read: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in FAULTS})

    def fault(self, kind: str, what: str) -> None:
        self.faults[kind].append(what)
        click.echo(f"  {kind}: {what}")


def told(claims: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return claims by id, without the seconds that they took."""
    return {c["id"]: {name: value for name, value in c.items() if name not in ("seconds", "shared")} for c in claims}


def check_disk(folder: Path, locks: Sequence[bytes | None], reference: Reference, count: Count) -> None:
    """Read all that is there, by the package and without it.

    Args:
        locks: what the lock file may hold; None: it may be missing.
    """
    for problem in _problems(folder, locks, reference, count):
        count.fault("corrupt files read", problem)


def _problems(folder: Path, locks: Sequence[bytes | None], reference: Reference, count: Count) -> Iterator[str]:
    for file in (folder / STORE).rglob("*"):
        if file.is_file() and not KNOWN.fullmatch(file.name):
            yield f"{file} is none of the files of a store"
    for file in sorted(kept_runs(folder) | set(folder.glob("run.json"))):
        count.read["runs"] += 1
        yield from _problems_of_completion(file, reference)
    file = folder / LOCK
    content = file.read_bytes() if file.exists() else None
    count.read["locks"] += content is not None
    if content not in locks:
        yield f"{file} is neither the old lock nor the new one"
    if content is not None:
        yield from _problems_of_lock(file)
    yield from _problems_of_networks(folder, reference, count)


def _problems_of_completion(file: Path, reference: Reference) -> Iterator[str]:
    from neuronspec.errors import ProjectError
    from neuronspec.ledger import runs

    try:
        run = runs.read(file)
        bare = json.loads(file.read_bytes())
    except (ProjectError, ValueError) as error:
        if "the run was broken off before the first" not in str(error):
            yield str(error)
        return
    if run["claims"] != bare["claims"] or not bare["claims"]:
        yield f"{file} is read as something else than it holds"
    known = reference.claims
    for name, claim in told(bare["claims"]).items():
        if known and claim != known.get(name):
            yield f"{file}: {name} is not as in a run that went on"
    if known and bare["complete"] and len(bare["claims"]) < len(known):
        yield f"{file} says that it is complete, and lacks claims"


def _problems_of_lock(file: Path) -> Iterator[str]:
    from neuronspec.errors import ProjectError
    from neuronspec.ledger import lock

    try:
        lock.read(file)
        json.loads(file.read_bytes())
    except (ProjectError, ValueError) as error:
        yield str(error)


def _problems_of_networks(folder: Path, reference: Reference, count: Count) -> Iterator[str]:
    from neuronspec.networks.store import RecipeStore
    from neuronspec.project import Project

    task, warnings = Project.at(folder).task("tiny"), []
    for name in RECIPES:
        shelf = RecipeStore.of(folder / STORE, name, task, task.recipe(name.partition("/")[2]))
        for card in sorted(shelf.folder.glob("seed-*.json")):
            count.read["networks"] += 1
            if not _fits(card):
                yield f"{card} is not the card of its weights"
            if shelf.load(int(card.stem[5:]), warnings.append) is None:
                yield f"{card} cannot be read"
    yield from warnings
    for name, (_, content) in networks(folder).items():
        if reference.networks and content != reference.networks.get(name, (0, b""))[1]:
            yield f"{folder / name} is not as one that was trained without a kill"


def _fits(card: Path) -> bool:
    """Whether a card is whole and holds the checksum of the weights beside it."""
    try:
        sha256 = json.loads(card.read_bytes())["sha256"]
        return sha256 == hashlib.sha256(card.with_suffix(".safetensors").read_bytes()).hexdigest()
    except (OSError, ValueError):
        return False


def check_kept(folder: Path, finished: Networks, count: Count) -> None:
    """See that files of networks that were finished are the same, and were not written again."""
    now = networks(folder)
    for name, file in finished.items():
        if now.get(name) != file:
            count.fault("finished networks trained again", f"{folder / name}")


def go_on(name: str, folder: Path, reference: Reference, count: Count) -> None:
    """Run a command to the end, and compare what it came to with what it comes to without kills."""
    finished, before = networks(folder), kept_runs(folder)
    code = (process := forked(name, folder, folder.parent / "said.txt")).ended()
    said = process.said.read_text(errors="replace")
    if code != 0 or "warning" in said.lower() or "set aside" in said:
        count.fault("runs that failed", f"{name} ended with {code}: {said[-2000:]}")
        return
    check_kept(folder, finished, count)
    check_disk(folder, [reference.lock], reference, count)
    (run,) = kept_runs(folder) - before
    if told(json.loads(run.read_bytes())["claims"]) != reference.claims:
        count.fault("verdicts that differ", f"{run}")


# Kills.


DWELL = {"training": 0.08, "examining": 0.06, "writing": 0.004}
"""Seconds that such a moment may last."""


@dataclass
class Crash:
    """A project, and what kills it."""

    room: Path
    rng: random.Random
    count: Count = field(default_factory=Count)
    reference: Reference = field(default_factory=Reference)
    seconds: dict[tuple[str, bool], float] = field(default_factory=dict)
    """How long a command takes, by whether its networks are stored."""
    often: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEEN, 10))
    """How often the last command came to a moment."""

    @property
    def folder(self) -> Path:
        return self.room / "project"

    @property
    def said(self) -> Path:
        return self.room / "said.txt"

    def prepare(self) -> None:
        """Make the reference: everything once without a kill; and learn how long it takes."""
        from neuronspec.ledger import lock

        make(self.folder)
        cold = self._whole("lock --update")
        for name in ("train", "lock --update", "verify --lock", "pytest", "verify --json"):
            self.seconds[name, True] = self._whole(name)
        for name in COMMANDS:
            self.seconds[name, False] = self.seconds[name, True] + cold - self.seconds["lock --update", True]
        run = json.loads((self.folder / "run.json").read_bytes())
        self.reference.claims = told(run["claims"])
        self.reference.networks = networks(self.folder)
        self.reference.lock = (self.folder / LOCK).read_bytes()
        self.reference.half_lock = lock.text_of(lock.lock_of(run["claims"][: len(run["claims"]) // 2])).encode()

    def _whole(self, name: str) -> float:
        """Let a command go on to the end; return the seconds it took."""
        began = time.monotonic()
        process = forked(name, self.folder, self.said)
        if process.ended() != 0:
            raise SystemExit(f"{name} fails without a kill: {self.said.read_text()}")
        return time.monotonic() - began

    def once(self, name: str, like_a_user: bool) -> None:
        """Kill a command, and look."""
        self._set_stage(name)
        while not self._killed(name, like_a_user):
            self._take_some()
            self._set_lock(name)

    def _set_stage(self, name: str) -> None:
        """Begin with no network, with some of them, or with what the last kill left."""
        stage = self.rng.random()
        if stage < 0.35:
            shutil.rmtree(self.folder / STORE, ignore_errors=True)
        elif stage < 0.7:
            self._take_some()
        self._set_lock(name)

    def _take_some(self) -> None:
        """Take finished networks away; of a block perhaps one."""
        for card in sorted((self.folder / STORE / "networks").glob("*/seed-*.json")):
            if self.rng.random() < 0.4:
                card.unlink()
                card.with_suffix(".safetensors").unlink()

    def _set_lock(self, name: str) -> None:
        (self.folder / LOCK).unlink(missing_ok=True)
        if name in HELD or self.rng.random() < 0.3:
            (self.folder / LOCK).write_bytes(self.reference.lock)
        elif self.rng.random() < 0.6:
            (self.folder / LOCK).write_bytes(self.reference.half_lock)

    def _killed(self, name: str, like_a_user: bool) -> bool:
        """Start a command and kill it; False where it was faster. Then look."""
        finished, half = networks(self.folder), unfinished(self.folder)
        old = (self.folder / LOCK).read_bytes() if (self.folder / LOCK).exists() else None
        began_ns = time.time_ns()
        if like_a_user:
            process = fresh(name, self.folder, self.said)
            self._await_user(process, name)
        else:
            process = forked(name, self.folder, self.said, self.rng.choice([0.0, 0.002]))
            self._await(process, name, len(finished) == len(self.reference.networks))
        if not process.over():
            process.kill()
        elif process.code != 0:
            self.count.fault("runs that failed", f"{name} ended with {process.code}: {self.said.read_text()}")
            return True
        if process.code != -signal.SIGKILL:
            return False
        self.count.kills[name, moment_of(process, self.folder, half, began_ns)] += 1
        self.count.fresh += like_a_user
        self.count.left += len(unfinished(self.folder) - half)
        check_kept(self.folder, finished, self.count)
        locks = [old, self.reference.lock] if name == "lock --update" else [old]
        check_disk(self.folder, locks, self.reference, self.count)
        self._go_on_in_a_copy(name)
        return True

    def _go_on_in_a_copy(self, name: str) -> None:
        """What a kill left stays for the next one; now and then the next one finds what came of it."""
        copy = self.room / "copy"
        shutil.copytree(self.folder, copy)
        if name != "lock --update":
            (copy / LOCK).write_bytes(self.reference.lock)
            name = self.rng.choice(["verify --lock", "verify --json"])
        go_on(name, copy, self.reference, self.count)
        if self.rng.random() < 0.15:
            shutil.rmtree(self.folder)
            copy.rename(self.folder)
        else:
            shutil.rmtree(copy)

    def _await(self, process: Process, name: str, stored: bool) -> None:
        """Let a fork go on until it shall be killed: by the clock, or some time after it came to a moment."""
        page = process.page
        assert page is not None
        if self.rng.random() < 0.3:
            self._rest(process, self.rng.uniform(0, self.seconds[name, stored]))
            return
        moment = self.rng.choice([m for m in SEEN if (m, stored) != ("training", True) and (m, name) != NEVER])
        number = self.rng.randint(1, max(1, self.often[moment]))
        while page.times(moment) < number and not process.over():
            time.sleep(0.0001)  # a write is over in a millisecond
        if process.over():
            self.often[moment] = page.times(moment)
            return
        self.often[moment] = max(self.often[moment], 10 * number // 9 + 1)
        self._rest(process, self.rng.uniform(0, DWELL[moment]))

    def _await_user(self, process: Process, name: str) -> None:
        """The same, by what is to be seen on the disk: most of the time goes into loading torch."""
        patterns = ["block-*.steps", "*.safetensors", "seed-*.json", "*-*-*.json", "*.unfinished"]
        sign, stored = self.rng.choice(patterns), set(self.folder.rglob("*"))
        if self.rng.random() < 0.25:
            self._rest(process, self.rng.uniform(0, 3 + self.seconds[name, False]))
            return
        while not process.over() and not any(file not in stored for file in self.folder.rglob(sign)):
            time.sleep(0.0005)
        self._rest(process, self.rng.uniform(0, 0.05))

    def _rest(self, process: Process, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not process.over():
            time.sleep(min(0.0005, seconds / 4))


NEVER = ("examining", "train")


def summary(count: Count, seconds: float, seed: int) -> str:
    """Return what was killed and when, and what came of it."""
    total = sum(count.kills.values())
    row = "{:16}" + "{:>12}" * len(MOMENTS)
    lines = [row.format("killed while", *MOMENTS)]
    lines += [row.format(name, *(count.kills[name, moment] for moment in MOMENTS)) for name in COMMANDS]
    lines += [row.format("", *(sum(count.kills[name, m] for name in COMMANDS) for m in MOMENTS))]
    read = ", ".join(f"{number} {what}" for what, number in sorted(count.read.items()))
    lines += [f"read after kills and after runs that went on: {read}", f"left behind: {count.left} half-written files"]
    found = ", ".join(f"{len(found)} {name}" for name, found in count.faults.items())
    lines += [f"{total} kills ({count.fresh} of commands started afresh) in {seconds:.0f} s, seed {seed}: {found}"]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", type=float, default=0.1, help="the share of commands that are started like a user's")
    asked = parser.parse_args()
    began, rng = time.monotonic(), random.Random(asked.seed)
    load()
    with tempfile.TemporaryDirectory() as room:
        crash = Crash(Path(room).resolve(), rng)
        crash.prepare()
        for number in range(1, asked.kills + 1):
            name = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            crash.once(name, like_a_user=rng.random() < asked.fresh)
            if number % 20 == 0:
                faults = sum(map(len, crash.count.faults.values()))
                click.echo(f"{number} kills in {time.monotonic() - began:.0f} s, {faults} faults")
    click.echo(summary(crash.count, time.monotonic() - began, asked.seed))
    return int(any(crash.count.faults.values()))


if __name__ == "__main__":
    sys.exit(main())
