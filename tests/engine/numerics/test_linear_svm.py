"""Machines and eliminations against scikit-learn's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_selection import RFE
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from neuronspec.engine.numerics.linear_svm import Curve, checked, eliminate, fit, held_out, one_vs_rest, standardised
from neuronspec.errors import Undecidable


def sample(samples, units, seed=0, classes=2, shared=0.0):
    """Standardised units, and labels that a few of them nearly decide; they have much in common where wanted."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, units)) + shared * rng.normal(size=(samples, 3)) @ rng.normal(size=(3, units))
    scores = x @ (rng.normal(size=(units, classes)) * (rng.random((units, 1)) < 0.4))
    labels = (scores + scores.std() * 0.4 * rng.normal(size=scores.shape)).argmax(1)
    labels[: 2 * classes] = np.arange(2 * classes) % classes
    return torch.tensor((x - x.mean(0)) / x.std(0)), torch.tensor(labels)


def machine(C=1.0, tol=1e-9):
    return LinearSVC(dual=False, C=C, tol=tol, max_iter=100_000)


def ours(x, labels, classes=2, C=1.0):
    return eliminate(x[None], one_vs_rest(labels[None], classes), C)


def batch(problems, *shape):
    x, labels = zip(*(sample(*shape, seed=seed) for seed in range(problems)), strict=True)
    return torch.stack(x), torch.stack(labels)


def by_hand(x, y, C, coefficients):
    """The gradient of the objective at some coefficients, by autograd."""
    w = coefficients.clone().requires_grad_()
    ones = torch.nn.functional.pad(x, (0, 1), value=1.0)
    (w @ w / 2 + C * (1 - y * (ones @ w)).clamp(min=0).square().sum()).backward()
    return w.grad


# Machines.


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("samples", "units", "shared"), [(300, 20, 0.0), (200, 40, 3.0), (30, 60, 1.0), (50, 1, 0.0)])
def test_coefficients_are_scikit_learns(samples, units, shared, C):
    x, labels = sample(samples, units, shared=shared)
    theirs = machine(C).fit(x.numpy(), labels.numpy())
    found = fit(x[None], one_vs_rest(labels[None], 2)[:, 0], C)[0].numpy()
    np.testing.assert_allclose(found, [*theirs.coef_[0], *theirs.intercept_], atol=1e-4)


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_one_machine_per_class_is_scikit_learns(C):
    x, labels = sample(300, 20, classes=4)
    theirs = machine(C).fit(x.numpy(), labels.numpy())
    found = ours(x, labels, 4, C).coefficients[0, -1].numpy()
    np.testing.assert_allclose(found, np.c_[theirs.coef_, theirs.intercept_], atol=1e-4)


@settings(max_examples=40)
@given(st.integers(5, 60), st.integers(1, 30), st.integers(0, 99), st.floats(-3, 3), st.floats(0, 5))
def test_the_gradient_vanishes(samples, units, seed, exponent, shared):
    x, labels = sample(samples, units, seed, shared=shared)
    y, C = one_vs_rest(labels[None], 2)[:, 0], 10**exponent
    slope = by_hand(x, y[0], C, fit(x[None], y, C)[0])
    assert slope.abs().max() < 1e-9 * C * samples * (1 + x.abs().max())


def test_as_a_batch_and_one_by_one():
    x, labels = batch(6, 80, 12)
    y = one_vs_rest(labels, 2)[:, 0]
    found = fit(x, y)
    for each in range(6):
        torch.testing.assert_close(found[each : each + 1], fit(x[each : each + 1], y[each : each + 1]))


@pytest.mark.parametrize("start", ["random", "wrong", "the minimum"])
def test_where_it_starts_does_not_matter(start):
    x, labels = batch(3, 80, 12)
    y = one_vs_rest(labels, 2)[:, 0]
    found = fit(x, y)
    starts = {"random": torch.randn(3, 13), "wrong": -100 * found, "the minimum": found}
    torch.testing.assert_close(fit(x, y, start=starts[start]), found)


def test_a_mask_leaves_units_out():
    x, labels = batch(2, 80, 6)
    y = one_vs_rest(labels, 2)[:, 0]
    mask = torch.tensor([[True, False, True, True, False, True], [True, True, True, True, False, False]])
    found = fit(x, y, mask=mask, start=torch.randn(2, 7))
    assert (found[:, :-1][~mask] == 0).all()
    for each in range(2):
        alone = fit(x[each : each + 1, :, mask[each]], y[each : each + 1])[0]
        torch.testing.assert_close(found[each, :-1][mask[each]], alone[:-1])
        torch.testing.assert_close(found[each, -1], alone[-1])


def test_samples_in_another_order_and_labels_the_other_way_round():
    x, labels = sample(80, 12)
    y = one_vs_rest(labels[None], 2)[:, 0]
    found, order = fit(x[None], y), torch.randperm(80)
    torch.testing.assert_close(fit(x[None, order], y[:, order]), found)
    torch.testing.assert_close(fit(x[None], -y), -found)


def test_problems_that_one_hyperplane_solves_come_to_an_end():
    x = torch.tensor([[-1.0], [1.0]]).repeat(5, 3)
    found = fit(x[None], x[None, :, 0], C=1e6)
    torch.testing.assert_close(found, torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0.0]], dtype=torch.double), atol=1e-7, rtol=0)


# Elimination.

CASES = {  # samples, units, seed, classes, what the units share, C
    "few units": (200, 6, 0, 2, 0.0, 1.0),
    "correlated": (300, 24, 1, 2, 3.0, 1.0),
    "hardly penalised": (150, 20, 2, 2, 1.0, 100.0),
    "strongly penalised": (150, 20, 3, 2, 1.0, 0.01),
    "fewer samples than units": (30, 50, 4, 2, 0.5, 1.0),
    "three classes": (200, 15, 5, 3, 1.0, 1.0),
    "eight classes, correlated": (200, 12, 6, 8, 2.0, 0.1),
}


@pytest.mark.parametrize("case", CASES)
def test_the_order_is_scikit_learns(case):
    """One run with one unit kept in the end says which sets are kept at every size."""
    samples, units, seed, classes, shared, C = CASES[case]
    x, labels = sample(samples, units, seed, classes, shared)
    theirs = RFE(machine(C), n_features_to_select=1).fit(x.numpy(), labels.numpy())
    elimination = ours(x, labels, classes, C)
    assert elimination.order[0].tolist() == np.argsort(-theirs.ranking_).tolist()
    assert elimination.kept(1)[0].tolist() == np.nonzero(theirs.support_)[0].tolist()


def test_one_unit_is_kept_as_it_is():
    x, labels = sample(40, 1, 7)
    elimination = ours(x, labels)
    assert elimination.order.tolist() == [[0]]
    torch.testing.assert_close(elimination.coefficients[0, 0], fit(x[None], one_vs_rest(labels[None], 2)[:, 0]))


@pytest.mark.parametrize("number", [1, 4, 11, 12])
def test_the_machines_of_each_round_are_scikit_learns(number):
    x, labels = sample(100, 12, classes=3)
    elimination = ours(x, labels, 3)
    theirs = RFE(machine(), n_features_to_select=number).fit(x.numpy(), labels.numpy())
    found = elimination.coefficients[0, number - 1].numpy()
    assert elimination.kept(number)[0].tolist() == np.nonzero(theirs.support_)[0].tolist()
    np.testing.assert_allclose(found[:, :-1][:, theirs.support_], theirs.estimator_.coef_, atol=1e-4)
    np.testing.assert_allclose(found[:, -1], theirs.estimator_.intercept_, atol=1e-4)
    assert (found[:, :-1][:, ~theirs.support_] == 0).all()


@settings(max_examples=15)
@given(st.integers(12, 80), st.integers(1, 15), st.sampled_from([2, 3]), st.integers(0, 99))
def test_problems_are_eliminated_as_if_alone(samples, units, classes, seed):
    """They do not wait for one another, and so are at different rounds at one time."""
    drawn = [sample(samples, units, seed + each, classes, shared=each) for each in range(4)]
    together = eliminate(
        torch.stack([x for x, _ in drawn]), one_vs_rest(torch.stack([labels for _, labels in drawn]), classes)
    )
    for each, (x, labels) in enumerate(drawn):
        alone = ours(x, labels, classes)
        assert together.order[each].tolist() == alone.order[0].tolist()
        torch.testing.assert_close(together.coefficients[each], alone.coefficients[0])


@settings(max_examples=15)
@given(st.integers(12, 80), st.integers(2, 15), st.integers(0, 99))
def test_every_round_is_a_fit_of_its_own(samples, units, seed):
    x, labels = sample(samples, units, seed)
    elimination = ours(x, labels)
    masks = torch.zeros(units, units, dtype=torch.bool)
    for number in range(1, units + 1):
        masks[number - 1, elimination.kept(number)[0]] = True
    y = one_vs_rest(labels[None], 2)[:, 0]
    cold = fit(x.expand(units, -1, -1), y.expand(units, -1), mask=masks)
    torch.testing.assert_close(elimination.coefficients[0, :, 0], cold, atol=1e-9, rtol=1e-7)


def test_single_precision_and_the_device_of_the_inputs():
    x, labels = sample(60, 5)
    found = ours(x.float(), labels).coefficients
    assert found.dtype == torch.double
    torch.testing.assert_close(found, ours(x, labels).coefficients, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("twice", [False, True], ids=["no equals", "a unit that occurs twice"])
def test_constant_units_go_first_and_the_first_of_equals_before_others(twice):
    x, labels = sample(60, 5)
    raw = torch.stack([torch.full((60,), 0.1), x[:, 0], torch.full((60,), 7.0), x[:, 1], x[:, 2 - 2 * twice]], 1)
    elimination = ours(standardised(raw, raw), labels)
    assert elimination.order[0, :2].tolist() == [0, 2]
    assert elimination.coefficients[0, 2:, 0, [0, 2]].abs().max() == 0


def test_planted_units_are_kept():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 20, generator=generator)
    labels = (x[:, 3] - x[:, 11] + x[:, 17] > 0).long()
    assert ours(x, labels).kept(3).tolist() == [[3, 11, 17]]


# Samples that the machines were not fitted to.


def test_standardised_is_fitted_on_the_discovered_samples_alone():
    x = torch.randn(2, 50, 6) * 3 + 1
    found = standardised(x[:, 30:], on=x[:, :30])
    for each in range(2):
        theirs = StandardScaler().fit(x[each, :30].double().numpy()).transform(x[each, 30:].double().numpy())
        np.testing.assert_allclose(found[each].numpy(), theirs)


@pytest.mark.parametrize("classes", [2, 3])
def test_held_out_accuracy_is_scikit_learns(classes):
    x, labels = sample(150, 8, classes=classes)
    labels[100:][labels[100:] == 0] = 1  # a class that occurs in the first split only
    curve = held_out(ours(x[:100], labels[:100], classes), x[None, 100:], labels[None, 100:])
    truth = labels[100:].numpy()
    for number in range(1, 9):
        theirs = RFE(machine(), n_features_to_select=number).fit(x[:100].numpy(), labels[:100].numpy())
        told = theirs.predict(x[100:].numpy())
        assert curve.accuracy[0, number - 1].item() == pytest.approx(accuracy_score(truth, told))
        recalls = [np.mean(told[truth == each] == each) for each in np.unique(truth)]
        assert curve.balanced[0, number - 1].item() == pytest.approx(np.mean(recalls))


def test_balanced_accuracy_is_scikit_learns():
    x, labels = sample(200, 6, classes=3)
    elimination = ours(x[:100], labels[:100], 3)
    told = machine().fit(x[:100].numpy(), labels[:100].numpy()).predict(x[100:].numpy())
    theirs = balanced_accuracy_score(labels[100:].numpy(), told)
    assert held_out(elimination, x[None, 100:], labels[None, 100:]).balanced[0, -1].item() == pytest.approx(theirs)


SMALLEST = [
    ([0.5, 0.9, 0.96, 0.97], 3),
    ([0.96, 0.9, 0.96, 0.97], 3),  # one unit did it by luck
    ([0.96, 0.96, 0.96, 0.96], 1),
    ([0.5, 0.5, 0.5, 0.95], 4),
    ([0.99, 0.99, 0.99, 0.9], None),
]


def test_the_smallest_set_that_is_enough_whatever_is_added():
    curve = torch.tensor([values for values, _ in SMALLEST])
    expected = [number for _, number in SMALLEST]
    assert Curve(curve, curve * 0).smallest(0.95) == expected
    assert Curve(curve * 0, curve).smallest(0.95, balanced=True) == expected
    assert Curve(curve, curve * 0).smallest(0.95, balanced=True) == [None] * 5


VALUES = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [3.0, 1.0]])
BAD = {
    "one class": (VALUES, [1, 1, 1, 1], "ab", "every sample is of class 'b': there is nothing to tell apart"),
    "one sample": (VALUES, [0, 0, 1, 0], "ab", "class 'b' has 1 sample, and 2 are wanted"),
    "no sample": (VALUES, [0, 0, 1, 1], "abc", "class 'c' has 0 samples, and 2 are wanted"),
    "NaN": (VALUES / VALUES, [0, 0, 1, 1], "ab", "2 of 8 values are not finite"),
    "infinite": (1 / VALUES, [0, 0, 1, 1], "ab", "2 of 8 values are not finite"),
    "many classes": (VALUES, [0, 1, 2, 3], "abcde", "4 samples are fewer than the 5 classes"),
    "constant": (VALUES * 0 + 0.1, [0, 0, 1, 1], "ab", "all units are constant (2 units, 4 samples)"),
    "nothing": (VALUES[:0], [], "ab", "all units are constant (2 units, 0 samples)"),
}


@pytest.mark.parametrize("case", BAD)
def test_too_little_to_fit_to(case):
    x, labels, classes, message = BAD[case]
    with pytest.raises(Undecidable) as caught:
        checked(x, torch.tensor(labels, dtype=torch.long), tuple(classes))
    assert str(caught.value) == message


def test_enough_to_fit_to():
    labels = torch.tensor([0, 1, 1, 0])
    assert checked(VALUES, labels, ("a", "b")) is labels
