"""A scratch project that trains in a blink, for the tests of runner, command and plugin."""

import textwrap
from pathlib import Path

TASK = """
from neuronspec import exact_match
from neuronspec.networks import Example, Recipe, Task, TaskMeasure

strings = [Example("a" * n + "X" + "b" * n, prompt=n + 1) for n in range(1, 4)]

task = Task(
    alphabet="aXb",
    examples=strings,
    competence=exact_match() >= {competence},
    measures={{"answers": TaskMeasure(strings, lambda runs: len(runs))}},
    recipes={{
        "gru": Recipe("gru", units=6, learning_rate=0.05, steps=150, block=2),
        "lstm": Recipe("lstm", units=6, steps={steps}, block=2, full=Recipe("lstm", units=7, steps=2)),
    }},
)
"""

SPEC = """
from neuronspec import *

tally = count_of("a") - count_of("b")
unit = hidden.best(correlation(tally))

small = Spec(
    "tiny/gru",
    seeds=2,
    says="A tiny GRU.",
    claims={
        "it answers": task_measure("answers").between(3, 3),
        "it is exact": exact_match() >= 0,
        "it is never exact": refuted(exact_match() <= -1),
        "a unit goes with the tally": side_effect(correlation(tally, of=unit) >= 0.1),
        "half of the networks answer": share_of_seeds(task_measure("answers") >= 3) >= 0.2,
        "they say something": length("b") >= 0,
    },
)
"""

FAILING = """
from neuronspec import *

wrong = Spec(
    "tiny/gru",
    seeds=2,
    claims={
        "it is twice exact": exact_match() >= 2,
        "it is exact": exact_match() >= 0,
        "nothing to go by": correlation(char("a") & char("b"), of=hidden[0]) >= 0,
        "forgets": mean(of=forget_gate) >= 0,
        "anything": mean(of=hidden[0]) >= -9,
    },
)
"""


LOCKED = """
from neuronspec import *

tally = count_of("a") - count_of("b")
unit = hidden.best(correlation(tally))

small = Spec("tiny/gru", seeds=2, claims={
    "it is exact": exact_match() >= 0.9,
    "a unit goes with the tally": side_effect(correlation(tally, of=unit) >= 0.5),
    "it is never exact": refuted(exact_match() <= -1),
    "it forgets": mean(of=forget_gate) >= 0,
})
"""
EXACT = "specs/spec_small.py::small::it is exact"


def make(folder, spec=SPEC, competence=0, steps=2, name="spec_small.py"):
    """Write tasks/tiny.py and a spec file; return the folder."""
    for part in ("tasks", "specs"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "tasks" / "tiny.py").write_text(textwrap.dedent(TASK.format(competence=competence, steps=steps)))
    (folder / "specs" / name).write_text(textwrap.dedent(spec))
    return folder


def edit(file, old, new):
    """Put something else in the place of what is there."""
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


def run(pytester, *args):
    """Run pytest in a process of its own, without what would only get in the way."""
    plain = ("-p", "no:cacheprovider", "-p", "no:benchmark", "--neuronspec-jobs", "1")
    return pytester.runpytest_subprocess(*plain, *args)
