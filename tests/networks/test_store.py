"""Train once, load ever after, whatever happens to the process or the disk."""

import hashlib
import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from processes import PATIENCE, started

from neuronspec.errors import StoreError
from neuronspec.language.behaviour_measures import exact_match
from neuronspec.networks import store as store_module
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.store import RecipeStore, train_missing
from neuronspec.networks.tasks import Example, Task
from neuronspec.networks.training import TRAINING

EXAMPLES = tuple(Example("a" * n + "X" + "b" * n, prompt=n + 1) for n in range(1, 4))
RECIPE = Recipe("rnn", units=4, steps=3, block=2)
TASK = Task(alphabet="aXb", examples=EXAMPLES, competence=exact_match() >= 0.99, recipes={"rnn": RECIPE}, name="tiny")


@pytest.fixture
def store(tmp_path):
    return RecipeStore.of(tmp_path, "tiny/rnn", TASK, RECIPE)


def trained(store):
    store.check_writable()
    assert train_missing(store, EXAMPLES, [0, 1]).weights == {}
    return store.load(0)


def test_a_network_is_trained_once(store, monkeypatch):
    weights = trained(store)
    monkeypatch.setattr(store_module, "train_block", lambda *_: pytest.fail("trained again"))
    assert train_missing(store, EXAMPLES, [0, 1]).weights == {}
    assert all(torch.equal(weights[name], again) for name, again in store.load(0).items())


def test_the_card_tells_where_a_network_comes_from(store):
    trained(store)
    card = json.loads(store.card_file(1).read_text())
    assert card["network"] == "tiny/rnn"
    assert card["seed"] == 1
    assert card["recipe"]["units"] == 4
    assert card["versions"].keys() == {"python", "torch"}
    assert [step for step, _ in card["curve"]] == [0, 1, 2]


def test_whatever_decides_the_weights_decides_the_folder(store, tmp_path):
    changed = {
        "steps": (TASK, replace(RECIPE, steps=4)),
        "corpus": (replace(TASK, examples=EXAMPLES[:2]), RECIPE),
        "vocabulary": (replace(TASK, end="#"), RECIPE),
    }
    folders = {RecipeStore.of(tmp_path, "tiny/rnn", *change).folder for change in changed.values()}
    assert len({*folders, store.folder}) == 4
    assert RecipeStore.of(tmp_path, "tiny/rnn", TASK, replace(RECIPE, full=RECIPE)).folder == store.folder
    assert RecipeStore.of(tmp_path, "tiny/rnn@full", TASK, RECIPE).folder == store.folder


def test_networks_of_older_stores_are_found_where_they_are(tmp_path):
    """The key is of what recipes and tasks could say before there were encoders, sources and words."""
    old = "kind units layers embedding optimiser learning_rate steps batch clip schedule final block".split()
    corpus = json.dumps(["aXb$", [e.text for e in EXAMPLES]])
    facts = {
        "recipe": {name: getattr(RECIPE, name) for name in old},
        "vocabulary": "aXb$",
        "corpus": hashlib.sha256(corpus.encode()).hexdigest()[:16],
        "training": TRAINING,
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    probed = replace(TASK, generated_only=[exact_match() >= 1], examples=None, sample=_drawn, evaluate_on=_drawn)
    assert RecipeStore.of(tmp_path, "tiny/rnn", TASK, RECIPE).folder.name == f"tiny-rnn-{key}"
    sampled = replace(TASK, examples=None, sample=_drawn)
    folders = [RecipeStore.of(tmp_path, "tiny/rnn", task, RECIPE).folder for task in (probed, sampled)]
    assert folders[0] == folders[1]  # what networks are examined on decides no weights


def _drawn(rng):
    return Example("a" * rng.randint(1, 3) + "Xb")


def test_what_networks_train_until_decides_the_folder(tmp_path):
    """The events of the corpus, too, where training ends by them; else these decide nothing."""

    def store(event=1, **options):
        examples = tuple(replace(e, events={"asked": event, "other": 0}) for e in EXAMPLES)
        return RecipeStore.of(tmp_path, "tiny/rnn", replace(TASK, examples=examples), replace(RECIPE, **options)).folder

    until = {"until": ("asked", 0.9)}
    assert len({store(), store(**until), store(until=("asked", 0.8)), store(2, **until)}) == 4
    assert store(2) == store(1)


NOT_THESE = "the weights are not those that its card describes"
DAMAGE = {
    "weights cut short": (lambda s: s.weights_file(0).write_bytes(s.weights_file(0).read_bytes()[:50]), NOT_THESE),
    "weights of another": (lambda s: s.weights_file(0).write_bytes(s.weights_file(1).read_bytes()), NOT_THESE),
    "weights gone": (lambda s: s.weights_file(0).unlink(), "No such file"),
    "card cut short": (lambda s: s.card_file(0).write_text(s.card_file(0).read_text()[:30]), "its card is cut short"),
    "card of another": (
        lambda s: s.card_file(0).write_text(s.card_file(1).read_text()),
        "its card is for schema 1",
    ),
    "card not a card": (lambda s: s.card_file(0).write_text("[]"), "its card is no JSON object"),
    "card without a checksum": (lambda s: s.card_file(0).write_text('{"schema": 1, "seed": 0}'), NOT_THESE),
    "card of a newer schema": (
        lambda s: s.card_file(0).write_text('{"schema": 2}'),
        "its card is for schema 2",
    ),
    "binary for a card": (lambda s: s.card_file(0).write_bytes(b"\xff\xfe\x00"), "its card is cut short, or no JSON"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_network_is_set_aside_and_trained_again(store, damage):
    weights = trained(store)
    do, message = DAMAGE[damage]
    do(store)
    with pytest.warns(UserWarning, match=message) as said:
        assert store.load(0) is None
    assert "tiny/rnn seed 0: " in str(said[0].message)
    assert "set aside, the network is trained again" in str(said[0].message)
    assert list(store.folder.glob("seed-0.*.set-aside"))
    again = trained(store)
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_foreign_weights_with_a_matching_card_are_refused(store):
    trained(store)
    other = RecipeStore.of(store.folder, "tiny/gru", TASK, replace(RECIPE, kind="gru"))
    trained(other)
    for file in (RecipeStore.weights_file, RecipeStore.card_file):
        file(store, 0).write_bytes(file(other, 0).read_bytes())
    with pytest.warns(UserWarning, match="the weights do not have the recipe's shapes"):
        assert store.load(0) is None


def full_disk(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("code", "reason"), [(28, "No space left on device"), (30, "Read-only file system")])
def test_a_store_that_cannot_be_written_is_said_before_training(store, monkeypatch, code, reason):
    def unwritable(*_):
        raise OSError(code, reason)

    monkeypatch.setattr(store_module, "write_atomically", unwritable)
    with pytest.raises(StoreError) as error:
        store.check_writable()
    assert str(error.value) == (
        f"cannot write to {store.folder}: {reason}; what is trained would be lost. "
        "Free the disk, change the rights, or name another folder with --store"
    )


def test_a_disk_that_fills_up_loses_nothing_that_was_trained(store, monkeypatch):
    store.check_writable()
    monkeypatch.setattr(store_module, "write_atomically", full_disk)
    unsaved = train_missing(store, EXAMPLES, [0, 1])
    assert sorted(unsaved.weights) == [0, 1]
    assert unsaved.reason == "No space left on device"


HERE = Path(__file__).parent
CHILD = """
import sys
from pathlib import Path
sys.path[:0] = {tests!r}
from test_store import EXAMPLES, RECIPE, TASK
from neuronspec.networks.store import RecipeStore, train_missing
store = RecipeStore.of(Path({store!r}), "tiny/rnn", TASK, RECIPE)
store.check_writable()
def held(step):
    print("step", step, flush=True)
    sys.stdin.readline()
print("ready", flush=True)
train_missing(store, EXAMPLES, [0], held)
"""


def child(store):
    """A process that trains, and stops at every step until a line comes or no more can come."""
    return started(CHILD.format(tests=[str(HERE), str(HERE.parent)], store=str(store.folder.parents[1])), stderr=None)


def test_kill_9_in_the_middle_of_training_leaves_the_store_whole(store):
    with child(store) as process:
        assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "step 1\n"]
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    assert store.load(0) is None
    assert trained(store) is not None  # the lock went with the process


def test_two_processes_that_want_the_same_network_train_it_once(store):
    with child(store) as first, child(store) as second:
        for process in (first, second):
            assert process.stdout.readline() == "ready\n"
        for process in (first, second):
            process.stdin.close()
        said = [process.stdout.read() for process in (first, second)]
        assert [process.wait(PATIENCE) for process in (first, second)] == [0, 0]
    assert sorted(said) == ["", "step 1\nstep 2\nstep 3\n"]  # one waited, and found the network
    assert store.load(0) is not None


def test_files_half_written_are_never_read(store):
    trained(store)
    (store.folder / ".seed-0.json.tmp").write_text("{")
    assert store.load(0) is not None
