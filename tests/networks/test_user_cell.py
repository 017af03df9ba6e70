"""What is wrong with a user's own cell."""

import pytest
import torch
from user_modules import Echo

from neuronspec.errors import NetworkError
from neuronspec.networks.wrap import adapt


def test_a_cell_that_draws_random_numbers_is_tried_without_a_trace():
    class Noisy(Echo):
        def step(self, x, state, edit):
            return {"hidden": edit("hidden", x + torch.randn_like(x))}

    state = torch.get_rng_state()
    adapt(Noisy())
    assert torch.equal(torch.get_rng_state(), state)


def changed(module, change):
    change(module)
    return module


def echo(**methods):
    return type("Odd", (Echo,), methods)()


def steps(make):
    return {"step": lambda self, x, state, edit: make(x, edit)}


def starts(make):
    return {"start": lambda self, batch: make(torch.zeros(batch, 2))}


def with_sites(**sites):
    def build():
        cell = echo()
        cell.sites = sites
        return cell

    return build


WRONG_CELLS = {
    "sites as a list": (
        lambda: changed(echo(), lambda cell: setattr(cell, "sites", ["hidden"])),
        "sites is list, expected a mapping of site to number of units",
    ),
    "unknown site": (with_sites(hiden=2), "site 'hiden' does not exist; did you mean 'hidden'?"),
    "half a unit": (with_sites(hidden=1.5), "sites['hidden']=1.5, expected a whole number of units"),
    "no units": (with_sites(hidden=0), "sites['hidden']=0, expected a whole number of units"),
    "no hidden": (with_sites(cell=2, input_gate=2), "sites has cell and input_gate, and no hidden"),
    "start as a tensor": (
        lambda: echo(**starts(lambda zeros: zeros)),
        "start gives Tensor, expected a dict of site to tensor",
    ),
    "start of something else": (
        lambda: echo(**starts(lambda zeros: {"hidden": zeros, "cell": zeros})),
        "start names cell, which sites does not",
    ),
    "start of another shape": (
        lambda: echo(**starts(lambda zeros: {"hidden": zeros[0]})),
        "start gives hidden as [2], expected [2, 2]",
    ),
    "start of another type": (
        lambda: echo(**starts(lambda zeros: {"hidden": zeros.double()})),
        "start gives hidden as float64, and the weights are float32",
    ),
    "step as a tensor": (
        lambda: echo(**steps(lambda x, edit: edit("hidden", x))),
        "step gives Tensor, expected a dict of site to tensor",
    ),
    "step without a site": (lambda: echo(**steps(lambda x, edit: {})), "step gives no tensor for hidden"),
    "step of another shape": (
        lambda: echo(**steps(lambda x, edit: {"hidden": edit("hidden", x[:, :1])})),
        "step gives hidden as [2, 1], expected [2, 2]",
    ),
    "step without an edit": (
        lambda: echo(**steps(lambda x, edit: {"hidden": x})),
        "step does not pass hidden through edit(site, value)",
    ),
    "step with an edit of something else": (
        lambda: echo(**steps(lambda x, edit: {"hidden": edit("hidden", edit("cell", x))})),
        "step passes cell through edit, which sites does not name",
    ),
    "step that forgets the edit": (
        lambda: echo(**steps(lambda x, edit: {"hidden": x, **dict.fromkeys((), edit("hidden", x))})),
        "step does not return what edit made of hidden",
    ),
}


@pytest.mark.parametrize("case", WRONG_CELLS)
def test_a_cell_that_does_not_do_what_a_cell_must_says_what(case):
    build, message = WRONG_CELLS[case]
    with pytest.raises(NetworkError) as error:
        adapt(build())
    assert str(error.value) in (f"Odd: the cell Odd: {message}", f"Echo: the cell Echo: {message}")


def test_a_cell_that_fails_or_hides_its_input_is_named():
    with pytest.raises(NetworkError) as error:
        adapt(echo(**steps(lambda x, edit: 1 / 0)))
    assert str(error.value) == "Odd: the cell Odd fails on an input [2, 2]: ZeroDivisionError: division by zero"
    hidden = echo()
    del hidden.input_size
    with pytest.raises(NetworkError) as error:
        adapt(hidden)
    assert str(error.value) == (
        "Odd: the cell Odd does not say how many features it reads: give it an attribute input_size"
    )
    assert adapt(hidden, symbols=2).inputs == 2
