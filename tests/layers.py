"""Recurrent networks with drawn weights, for tests."""

import torch

from neuronspec.networks.recurrent import Recurrent


def single(kind, inputs=3, units=5, layers=1, seed=0):
    network = Recurrent(kind, inputs, units, layers)
    network.initialise(torch.Generator().manual_seed(seed))
    return network.requires_grad_(False)


def everywhere(network):
    return [(layer, site) for layer in range(network.depth) for site in network.sites]


def before(values):
    """What was there one step before: at the first step, zeros."""
    return torch.cat([torch.zeros_like(values[:1]), values[:-1]])
