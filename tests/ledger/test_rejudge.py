"""Judging anew by stored evidence: as if the networks had been asked again."""

import json
from dataclasses import replace

import pytest
from project_files import make

import neuronspec as ns
from neuronspec import runner
from neuronspec.collection import collect
from neuronspec.errors import ProjectError
from neuronspec.ledger.record import claim_json
from neuronspec.ledger.rejudge import rejudge
from neuronspec.project import Project

SPEC = """
from neuronspec import *

tally = count_of("a") - count_of("b")
unit = hidden.best(correlation(tally))

small = Spec("tiny/gru", seeds=2, claims={
    "a unit goes with the tally": correlation(tally, of=unit) >= 0.1,
    "as does one against the step": (correlation(tally, of=unit) >= 0.1).against(position()),
    "each of some does": correlation(tally, of=each(hidden.all(correlation(tally) >= 0.3))) >= 0.1,
    "it is exact": exact_match() >= 0,
    "it answers": task_measure("answers") >= 3,
    "in half of them": share_of_seeds(correlation(tally, of=unit) >= 0.1) >= 0.2,
    "it forgets": mean(of=forget_gate) >= 0,
    "nothing to go by": correlation(char("a") & char("b"), of=hidden[0]) >= 0,
})
"""

LSTM = """
from neuronspec import *

other = Spec("tiny/lstm", seeds=2, claims={"it is exact": exact_match() >= 0})
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = make(tmp_path_factory.mktemp("rejudge"), SPEC)
    return Project.at(make(folder, LSTM, name="spec_other.py"))


@pytest.fixture(scope="module")
def questions(project):
    return [question for question in collect(project) if question.recipe == "tiny/gru"]


def run_of(project, questions):
    judged = [result for results in runner.verify(project, questions, jobs=1) for result in results]
    return json.loads(json.dumps({"schema": 2, "claims": [claim_json(result) for result in judged]}))


@pytest.fixture(scope="module")
def run(project, questions):
    return run_of(project, questions)


def told(results):
    """All that a verdict is made of."""
    return [(r.question.id, r.verdict, r.settled.reason, r.settled.value, r.settled.interval) for r in results]


def bounded(question, low):
    """The same question with another bound; of a share, within it."""
    claim = question.claim
    if isinstance(claim.measure, ns.share_of_seeds):
        return replace(question, claim=replace(claim, measure=ns.share_of_seeds(replace(claim.measure.claim, low=low))))
    return replace(question, claim=replace(claim, low=low))


@pytest.mark.parametrize("low", [-2.0, 0.1, 0.6, 0.85, 0.99, 4.0])
def test_an_edited_bound_comes_to_what_verifying_anew_does(project, questions, run, low):
    asked = [bounded(question, low) for question in questions]
    found = rejudge(run, asked)
    anew = [result for results in runner.verify(project, asked, jobs=1) for result in results]
    assert found.unanswered == {}
    assert json.dumps(told(found.results)) == json.dumps(told(anew))


def test_what_else_is_known_of_a_network_stays(questions, run):
    before, after = run["claims"][0], claim_json(rejudge(run, questions).results[0])
    for name in ("units", "rankings", "influences", "sequences", "controls"):
        assert after["replicates"][0][name] == before["replicates"][0][name]
    for name in ("seconds", "shared", "made_of", "key"):
        assert after[name] == before[name]


def test_a_bound_from_the_other_side(project, questions, run):
    asked = [replace(q, claim=replace(q.claim, low=None, high=0.5)) for q in questions[:1]]
    anew = [result for results in runner.verify(project, asked, jobs=1) for result in results]
    assert told(rejudge(run, asked).results) == told(anew)


def test_a_sentence_may_be_another(questions, run):
    asked = [replace(question, id=f"{question.spec_id}::it {n}") for n, question in enumerate(questions)]
    assert [r.verdict for r in rejudge(run, asked).results] == [claim["verdict"] for claim in run["claims"]]


UNANSWERED = {
    "another measure": (
        lambda q: replace(q, claim=ns.exact_match(among=ns.one_of("a")) >= 0),
        "it was not measured",
    ),
    "a rival that was not tried": (
        lambda q: replace(q, claim=q.claim.against(ns.since("X"))),
        f"the control rival {ns.since('X')} was not measured",
    ),
    "another network": (
        lambda q: replace(q, spec=replace(q.spec, seeds=(0, 5))),
        "network 5 was not examined",
    ),
}


@pytest.mark.parametrize("case", UNANSWERED)
def test_what_a_run_has_no_evidence_for_is_named(questions, run, case):
    change, why = UNANSWERED[case]
    first, *others = questions
    found = rejudge(run, [change(first), *others])
    assert found.unanswered == {first.id: why}
    assert len(found.results) == len(others)


def test_which_unit_is_the_worst_may_depend_on_the_bound(questions, run):
    worst = questions[2]
    both = replace(worst, claim=replace(worst.claim, high=0.99))
    assert rejudge(run, [*questions[:2], both]).unanswered == {worst.id: "which unit is the worst depends on the bound"}
    assert rejudge(run, [worst, bounded(worst, 0.4)]).unanswered == {}


def test_a_run_of_another_project(project, run):
    others = [question for question in collect(project) if question.recipe == "tiny/lstm"]
    with pytest.raises(ProjectError, match=r"none of these claims but about specs/spec_small.py::small::a unit goes"):
        rejudge(run, others)


def test_a_run_that_kept_too_little(questions, run):
    with pytest.raises(ProjectError, match=r"the run has schema 1, which kept no intervals of controls: verify"):
        rejudge(run | {"schema": 1}, questions)


def test_a_sample_is_decided_or_left_undecided_but_never_otherwise():
    """A claim that a quarter of the sequences decided, judged by a bound that they do not decide."""
    from neuronspec.engine.verdicts.judge import Control, concluded

    claim, controls = ns.exact_match() >= 0.9, {}
    assert concluded(claim, 0.95, (0.91, 0.99), controls) == ("supported", "")
    nearer = replace(claim, low=0.94)
    verdict, reason = concluded(nearer, 0.95, (0.91, 0.99), controls)
    assert (verdict, reason) == ("undecided", "the interval [0.91, 0.99] straddles the bound")
    as_well = Control(0.97, (-0.1, 0.1), interval=(0.96, 0.98))
    assert concluded(claim, 0.95, (0.91, 0.99), {"random units": as_well})[0] == "unspecific"
