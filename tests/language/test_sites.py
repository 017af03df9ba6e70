"""The sites of recurrent layers, each under its name."""

import pytest

import neuronspec as ns
from neuronspec.language import sites
from neuronspec.language.units import SITES, Site


@pytest.mark.parametrize("name", SITES)
def test_every_site_has_its_name(name):
    assert getattr(sites, name) == Site(name)


def test_sites_of_an_encoder_and_a_decoder():
    assert ns.decoder.cell == Site("cell", part="decoder")
    assert ns.encoder.hidden != ns.decoder.hidden
    with pytest.raises(AttributeError, match="did you mean 'hidden'"):
        ns.decoder.hiden  # noqa: B018  # it raises
