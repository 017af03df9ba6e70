"""Cases are what they are said to be, rates are right, and a calibration can be run again."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from click.testing import CliRunner
from joblib import parallel_config

import neuronspec as ns
from neuronspec.calibration import coverage, report, run
from neuronspec.calibration.candidates import FAMILIES, Candidate, planted_role
from neuronspec.calibration.cases import SIZES
from neuronspec.calibration.populations import SHUFFLED, THEMES, populate
from neuronspec.calibration.truth import truths, verdicts
from neuronspec.cli import main
from neuronspec.engine.measures.estimates import Estimate
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.runs.tracing import trace
from neuronspec.engine.sequences import Sequences, values
from neuronspec.networks.models import tokens_of

TEXTS = 100


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def found():
    return list(run.calibrate(8, seed=3, jobs=1, texts=TEXTS))


@pytest.fixture(scope="module")
def population():
    return populate(0, rng(7), TEXTS)


def cases(found, group):
    return [case for one in found for case in one.cases if case.group == group]


def meets(case, value):
    return value >= case.bound if ">=" in case.claim else value <= case.bound


def test_null_cases_are_null_and_of_every_family(found):
    null = cases(found, "null")
    assert sorted(case.family for case in null) == sorted([*FAMILIES] * 2)
    assert [case.claimed for case in null].count("false") == 4
    for case in null:
        best = [meets(case, value) for value in case.stand_ins.values()]
        assert meets(case, case.truth) == (case.claimed == "unspecific"), case
        assert any(best) or case.claimed == "false", case


def test_true_cases_are_true_of_the_planted_units_alone(found):
    for group in ("true", "near"):
        for case in cases(found, group):
            assert meets(case, case.truth), case
            assert not any(meets(case, value) for value in case.stand_ins.values()), case
    assert [case.claimed for case in cases(found, "true")] == ["true"] * 8
    assert {case.distance for case in cases(found, "near")} == {1, 2, 3}
    assert min(case.distance for case in cases(found, "true")) >= 4


def test_a_claim_is_followed_as_data_grow(found):
    growth = cases(found, "growth")
    assert sorted(case.sequences for case in growth) == sorted([*SIZES] * 2)
    assert len({case.claim for case in growth}) == 2


def test_no_case_is_an_error(found):
    assert {case.verdict for one in found for case in one.cases} <= {"supported", "unspecific", "refuted", "undecided"}


@pytest.mark.parametrize(("here", "there"), [(1, 2), (2, 1)])
def test_the_numbers_do_not_depend_on_the_processes_nor_on_their_threads(monkeypatch, with_threads, here, there):
    monkeypatch.setattr(run, "START_UP", 0)
    with_threads(here)
    with parallel_config(backend="loky", inner_max_num_threads=there):
        _, elsewhere = run._each(0, [1, 1], jobs=2, texts=40)
    ours = run._found(0, 1, 1, 40)
    assert [report.case_json(case) for case in ours.cases] == [report.case_json(case) for case in elsewhere.cases]
    assert ours.trials == elsewhere.trials


def test_the_report_of_a_tiny_run(found):
    told = json.loads(json.dumps(report.document(found, cases=8, seed=3)))
    assert told["command"] == "neuronspec calibrate --cases 8 --seed 3"
    assert (told["schema"], told["complete"], told["seed"], told["cases"]) == (1, True, 3, 8)
    for rate in (told["false_support"], told["power"]):
        assert rate["cases"] == sum(rate["verdicts"].values()) == 8
        assert rate["interval"][0] <= rate["rate"] <= rate["interval"][1]
    assert len(told["missed"]) == 8 - told["power"]["verdicts"].get("supported", 0)
    for rows in (*told["null"].values(), *told["true"].values()):
        assert sum(row["cases"] for row in rows.values()) == 8
    assert list(told["power_by_standard_errors"]) == ["1", "2", "3"]
    assert list(told["undecided_by_sequences"]) == ["25", "50", "100", "200"]
    assert {"correlation", "mean"} <= set(told["coverage"]) <= {"correlation", "mean", "share"}
    assert list(told["coverage"]["mean"]) == ["10", "20", "50", "200"]
    assert report.table(told).row_count > 20


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, ["calibrate", *map(str, words)])


def test_the_command_writes_what_it_shows(command, found, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "calibrate", lambda *_: iter(found))
    said = command("--cases", 8, "--seed", 3, "--json", "rates.json")
    assert said.exit_code == 0, said.output
    told = json.loads((tmp_path / "rates.json").read_text())
    assert report.headline(told) in said.stdout
    assert told == json.loads(command("--cases", 8, "--seed", 3, "--json", "-").stdout)


def test_an_interrupted_run_keeps_what_was_found(command, found, tmp_path, monkeypatch):
    def interrupted(*_):
        yield found[0]
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "calibrate", interrupted)
    said = command("--cases", 16, "--json", "rates.json")
    assert said.exit_code == 130
    told = json.loads((tmp_path / "rates.json").read_text())
    assert (told["complete"], told["power"]["cases"]) == (False, 8)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cases", 0], "0 is not in the range x>=1"),
        (["--cases", "many"], "'many' is not a valid integer"),
        (["--seed", -1], "-1 is not in the range x>=0"),
        (["--jobs", 0], "0 is not in the range x>=1"),
        (["--json", "."], "cannot write the rates to .: it is a folder"),
    ],
)
def test_bad_options(command, words, message):
    said = command(*words)
    assert said.exit_code == 2
    assert message in " ".join(said.output.split())


@pytest.mark.parametrize(("yes", "of"), [(0, 500), (3, 500), (475, 500), (8, 8), (1, 2)])
def test_rates_have_wilsons_interval(yes, of):
    known = scipy.stats.binomtest(yes, of).proportion_ci(method="wilson")
    told = report.rate(yes, of)
    assert told == {"rate": yes / of, "interval": pytest.approx([known.low, known.high]), "cases": of}


def test_there_is_no_rate_of_nothing():
    assert report.rate(0, 0) == {"rate": None, "interval": None, "cases": 0}
    told = report.document([], cases=500, seed=0, complete=False)
    assert "–" in report.headline(told)
    report.table(told)


# By hand.


def test_what_is_true_of_the_pool_is_what_numpy_says(population):
    signal, unit = population.planted.signal, population.planted.unit
    (truth,) = truths(population, [Candidate("planted role", ns.correlation(signal, of=unit))])
    texts = [example.text for example in population.pool]
    place = (0, unit.site.name)
    run = trace(population.network, tokens_of(texts, population.network.vocabulary), [place])
    seen = values(signal, Sequences(population.pool))
    there = np.isfinite(seen)
    r = np.corrcoef(seen[there], unit.sign * run.values[place].numpy()[there][:, unit.index])[0, 1]
    assert truth.value == pytest.approx(r, abs=1e-5)
    assert set(truth.stand_ins) == {"random units", "untrained twin"}


def test_a_true_claim_is_supported_and_a_false_one_is_not(population):
    theme, unit = population.theme, population.planted.unit
    role = Candidate("planted role", ns.correlation(population.planted.signal, of=unit))
    rival = Candidate("rival signals", ns.correlation(theme.rival, of=unit), (population.planted.signal,))
    sample = population.draw(200, rng()), population.draw(200, rng(1))
    said = {}
    for truth in truths(population, [role, rival]):
        claims = [truth.claim(truth.beyond(distance, 200)) for distance in (-6, 6)]
        claims.append(truth.claim(truth.met_by_all(6, 200)))
        said[truth.candidate.family] = [outcome.verdict for outcome in verdicts(population, claims, *sample)]
    assert said["planted role"] == ["supported", "refuted", "unspecific"]
    assert said["rival signals"] == ["unspecific", "refuted", "unspecific"]


def test_bounds_lie_where_they_are_said_to(population):
    (truth,) = truths(population, [planted_role(population, rng())[0]])
    for side in (1, -1):
        stand_ins, errors = {"a": side * 0.2, "b": side * 0.3}, {"a": 9.0, "b": 0.5}
        turned = replace(truth, value=side * 0.5, stand_ins=stand_ins, error=1.0, errors=errors)
        assert turned.side == side
        assert turned.se(100) == pytest.approx(0.1)
        assert turned.best == "b"
        assert turned.lead(100) == pytest.approx(2)
        assert turned.beyond(1, 100) == pytest.approx(side * 0.6)
        assert turned.met_by_all(2, 100) == pytest.approx(side * 0.1)
        assert turned.claim(side * 0.4).met_by(side * 0.5)
        assert not turned.claim(side * 0.4).met_by(side * 0.3)


def test_a_standard_error_is_that_of_samples(population):
    unit = population.planted.unit
    (truth,) = truths(population, [Candidate("planted role", ns.correlation(population.planted.signal, of=unit))])
    view = View(population.subject(), [population.lane(unit.index)])
    whole = estimate(truth.candidate.measure, view)
    found = [whole.finish(whole.sums[0, rng(n).integers(TEXTS, size=50)].sum(0)) for n in range(500)]
    assert np.std(found) == pytest.approx(truth.se(50), rel=0.25)


@pytest.mark.parametrize("role", THEMES)
def test_every_role_has_candidates_of_every_family(role):
    population = next(p for n in range(100) if (p := populate(n, rng(n), 20)).role == role)
    for name, family in FAMILIES.items():
        assert {candidate.family for candidate in family(population, rng())} == {name}
    assert planted_role(population, rng())
    for example in population.pool:
        assert len(example.labels[SHUFFLED]) == len(example.text)


def test_labels_are_those_of_other_texts(population):
    seen = values(population.planted.signal, Sequences(population.pool)).T
    own = [list(row[np.isfinite(row)]) for row in seen]
    labels = [list(example.labels[SHUFFLED]) for example in population.pool]
    assert np.mean([label == row for label, row in zip(labels, own, strict=True)]) < 0.2


def test_intervals_of_a_mean_hold_it_about_as_often_as_they_should():
    drawn = rng().normal(size=(1, 2000, 1))
    whole = Estimate(np.concatenate([drawn, np.ones_like(drawn)], -1))
    held = [coverage._held(whole, 100, rng(n)) for n in range(300)]
    assert 0.9 < np.mean(held) < 0.98


def test_a_sample_without_an_interval_holds_nothing():
    whole = Estimate(np.full((1, 50, 2), math.nan))
    assert coverage._held(whole, 10, rng()) is None
    trials = [coverage.Trial(0, "mean", 10, held) for held in (True, False, None)]
    assert report.covered(trials) == report.rate(1, 2) | {"without": 1}
