"""Files of runs, locks and cards as they should be, and everything that reads one or uses what was read.

``Files.use`` is the whole of it: it returns whether a file was read, and raises ``Fault`` for anything else than a
clear refusal.
"""

import hashlib
import json
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from project_files import FAILING, SPEC, make

from neuronspec import github, runner, tables, terminal
from neuronspec.cli.runs import _in_a_line
from neuronspec.collection import collect
from neuronspec.errors import NeuronspecError, ProjectError, StoreError
from neuronspec.ledger import lock, runs
from neuronspec.ledger.changes import LockCheck, stated
from neuronspec.ledger.record import claim_json
from neuronspec.ledger.rejudge import rejudge
from neuronspec.networks.store import RecipeStore
from neuronspec.project import Project

HERE = Path(__file__).parent
MOST = 1000
"""Characters of a message, the name of the file left out."""

RICH = """
from neuronspec import *

tally = count_of("a") - count_of("b")
unit = hidden.best(correlation(tally))

rich = Spec(
    "tiny/lstm",
    seeds=7,
    claims={
        "the unit of the tally": correlation(tally, of=unit) >= 0.2,
        "more than its rival": (correlation(tally, of=unit) >= 0.1).against(position()),
        "the median network": median_over_seeds(correlation(tally, of=unit)) >= 0.1,
        "a share of networks": share_of_seeds(correlation(tally, of=unit) >= 0.1) >= 0.5,
        "units: 2": correlation(tally, of=hidden[2]) >= -0.5,
        "units: 3": correlation(tally, of=hidden[3]) >= -0.5,
    },
)
"""

BY_VALUE = {
    "units": {"hidden.best(...)": [
        {"site": "hidden", "layer": 0, "index": n, "sign": 1, "of": {"token": "ab"[n % 2]}} for n in range(4)
    ]},
    "rankings": {"hidden.best(...)": {"symbol": "token", "values": {
        "a": {"best": [{"index": 0, "sign": 1, "score": 0.5}], "median": 0.5, "units": 6}
    }}},
}  # fmt: skip


class Fault(Exception):
    """A file brought about what no file may."""


RUNS_CODE = {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pickle.find_class"}
RUNS_CODE |= {"socket.connect", "webbrowser.open"}
_watching = []


def _audit(event, _):
    if _watching and event in RUNS_CODE:
        raise Fault(f"code is run: {event}")


class Files:
    """A project that was verified once, its files as they should be, and what uses them."""

    def __init__(self, folder, seeds=7):
        self.folder = Path(folder)
        make(self.folder, SPEC)
        make(self.folder, RICH.replace("seeds=7", f"seeds={seeds}"), name="spec_rich.py")
        make(self.folder, FAILING, name="spec_wrong.py")
        self.project = Project.at(self.folder)
        self.questions = collect(self.project)
        self.specs = stated(self.questions)
        results = [r for part in runner.verify(self.project, self.questions, jobs=1, mutate=True) for r in part]
        self.claims = json.loads(json.dumps([claim_json(result) for result in results]))
        sound = [claim for claim in self.claims if "spec_wrong" not in claim["id"]]
        self.lock = lock.lock_of(sound)
        recipe = self.project.task("tiny").recipes["gru"]
        self.shelf = RecipeStore.of(self.project.store, "tiny/gru", self.project.task("tiny"), recipe)
        self.weights = self.shelf.weights_file(0).read_bytes()
        self.checksum = self._sum(self.shelf.load(0))
        self.valid = {"run": self._runs(sound), "lock": self._locks(sound), "card": self._cards()}
        self._warnings = []
        sys.addaudithook(_audit)

    def _runs(self, sound):
        by_value = json.loads(json.dumps(sound[:5]))
        for claim in by_value:
            for replicate in claim["replicates"]:
                replicate.update(BY_VALUE)
        return [
            self._run(self.claims),
            self._run(sound[:6]),
            self._run(by_value),
            _of_schema_2(self._run(sound[:6])),
            (HERE / "ledger" / "run-1.json").read_bytes(),
        ]

    def _run(self, claims):
        circumstances = {"versions": {"python": "3.11"}, "commit": {"id": "0123456789abcdef", "dirty": True}}
        record = runs.Record(self.folder / "kept.json", circumstances)
        record.add(claims)
        return record.text(complete=True).encode()

    def _locks(self, sound):
        by_hand = json.loads(lock.text_of(self.lock))
        for claim in by_hand["claims"].values():
            claim["margin"] = 0.25
        old = (HERE / "ledger" / "lock-1.json").read_bytes()
        return [lock.text_of(self.lock).encode(), json.dumps(by_hand, indent=1).encode(), old]

    def _cards(self):
        return [self.shelf.card_file(seed).read_bytes() for seed in (0, 1)]

    # Use.

    def use(self, kind, data):
        """Read a file and use what was read as everything does that reads one; return whether it was read.

        Raises:
            Fault: something else came of it than a clear refusal.
        """
        _watching.append(True)
        try:
            return {"run": self._use_run, "lock": self._use_lock, "card": self._use_card}[kind](data)
        except Fault:
            raise
        except Exception as error:
            raise Fault(f"{type(error).__name__}: {error!s:.300}") from error
        finally:
            _watching.clear()

    def _use_run(self, data):
        file = self.folder / "spoilt-run.json"
        file.write_bytes(data)
        try:
            run = runs.read(file)
        except ProjectError as error:
            _check_message(error, file)
            return False
        claims = run["claims"]
        _check_line(_in_a_line(run))
        for use in (
            lambda: _check_shown(tables.per_spec(claims)),
            lambda: _check_shown(tables.per_spec(claims, self.claims)),
            lambda: _check_shown(tables.per_spec(self.claims, claims)),
            lambda: _check_shown(tables.across(claims)),
            lambda: self._changes(self.lock, claims),
            lambda: lock.text_of(lock.merged(self.lock, lock.lock_of(claims), [])).encode(),
            lambda: self._rejudged(run),
        ):
            with _refusable():
                use()
        return True

    def _changes(self, held_to, claims):
        held = LockCheck(held_to, self.specs, lambda: self.specs, lambda name: True)
        changed = held.changes(claims) + held.gone()
        _check_shown(terminal.changes(changed, len(claims)))
        for change in changed:
            _check_line(str(change))
            github.annotation(self.folder, change.id, change.says)
        return held

    def _rejudged(self, run):
        judged = rejudge(run, self.questions)
        out = terminal.console(stderr=True)
        with out.capture() as shown:
            terminal.print_specs(out, judged.results, verbose=True)
        _check_shown(shown.get())
        _check_shown(terminal.summary(judged.results, 1.0))
        claims = [claim_json(result) for result in judged.results]
        file = self.folder / "rejudged.json"
        file.write_bytes(self._run(claims))
        _must_read(runs.read, file)
        self._changes(self.lock, claims)
        with _refusable():
            made = lock.lock_of(claims)
            self._written(made)

    def _written(self, made):
        """A lock that is written is read again, as it was."""
        file = self.folder / "again.lock.json"
        file.write_bytes(lock.text_of(made).encode())
        again = _must_read(lock.read, file)
        if again != made:
            raise Fault("a lock that was written is another when it is read")

    def _use_lock(self, data):
        file = self.folder / "claims.lock.json"
        file.write_bytes(data)
        try:
            read = lock.read(file)
        except ProjectError as error:
            _check_message(error, file)
            return False
        self._written(read)
        held = self._changes(read, self.claims[:8])
        with _refusable():
            self._written(held.updated(read, self.claims[:8]))
        with _refusable():
            self._written(lock.merged(read, lock.lock_of(self.claims[:2]), []))
        return True

    def _use_card(self, data):
        card, weights = self.shelf.card_file(0), self.shelf.weights_file(0)
        card.write_bytes(data)
        weights.write_bytes(self.weights)
        said = []
        try:
            found = self.shelf.load(0, warn=said.append)
        except StoreError as error:
            _check_message(error, card)
            return False
        if found is None:
            if len(said) != 1:
                raise Fault(f"nothing is loaded and {len(said)} warnings are given")
            _check_message(said[0], card.name)
            return False
        if self._sum(found) != self.checksum:
            raise Fault("other weights than the true ones were loaded")
        return True

    @staticmethod
    def _sum(weights):
        return hashlib.sha256(b"".join(n.encode() + t.numpy().tobytes() for n, t in sorted(weights.items()))).digest()


def _of_schema_2(run):
    """A run as it was written before fields and words were renamed."""
    old = run.replace(b'"schema": 3', b'"schema": 2').replace(b'"recipe": "tiny', b'"network": "tiny')
    return old.replace(b"task_measure", b"measured")


@contextmanager
def _refusable():
    """What uses a file that was read may refuse it, too, in a clear message."""
    try:
        yield
    except NeuronspecError as error:
        _check_message(error)


def _must_read(read, file):
    try:
        return read(file)
    except ProjectError as error:
        raise Fault(f"what was written cannot be read again: {error}") from error


def _check_message(error, file=""):
    """A message is one line, names the file, and says in words what is wrong."""
    message = str(error)
    rest = message.replace(str(file), "", 1) if str(file) else message
    if str(file) not in message:
        raise Fault(f"the message does not name the file: {message:.300}")
    if len(rest) > MOST:
        raise Fault(f"the message has {len(rest)} characters: {message:.300}")
    if "Traceback" in message or "Error" in message or re.fullmatch(r"\W*'?\w*'?\W*", rest):
        raise Fault(f"the message is none for a person: {message:.300}")
    _check_line(message)


def _check_line(text):
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text):
        raise Fault(f"not one line, or control characters: {text!r:.300}")
    _check_shown(text)


def _check_shown(text):
    text.encode()


def files():
    """Return files in a folder that goes with the process."""
    folder = tempfile.TemporaryDirectory()
    made = Files(folder.name)
    made.keep = folder
    return made
