"""The sites of recurrent layers, each under its name."""

from __future__ import annotations

from neuronspec.errors import did_you_mean
from neuronspec.language.units import SITES, Site

hidden = Site("hidden")
"""The hidden state, which the next step and the read-out see.

Example:
    >>> mean(of=hidden, absolute=True) <= 0.5
"""


cell = Site("cell")
"""The cell state of an LSTM.

Example:
    >>> correlation(count_of("a"), of=cell.layer(0)[3]) >= 0.9
"""


input_gate = Site("input_gate")
"""How far an LSTM's unit takes up what is new, from 0 to 1.

Example:
    >>> mean(of=input_gate[3], where=char("X")) <= 0.35
"""


forget_gate = Site("forget_gate")
"""How much of its cell state an LSTM's unit keeps, from 0 to 1.

Example:
    >>> mean(of=forget_gate[3], where=before("X")) >= 0.9
"""


output_gate = Site("output_gate")
"""How much of its cell state an LSTM's unit shows in the hidden state, from 0 to 1.

Example:
    >>> mean(of=output_gate[3], where=char("X")) >= 0.5
"""


candidate = Site("candidate")
"""The new value that the gates let in, from -1 to 1.

Example:
    >>> spread(of=candidate[3], where=char("a")) <= 0.1
"""


update_gate = Site("update_gate")
"""How much of its last state a GRU's unit keeps, from 0 to 1.

Example:
    >>> mean(of=update_gate[3], where=before("X")) >= 0.9
"""


reset_gate = Site("reset_gate")
"""How much of the last state a GRU's candidate sees, from 0 to 1.

Example:
    >>> mean(of=reset_gate[3], where=char("X")) >= 0.5
"""


class Part:
    """The encoder or the decoder of a network that has both; its attributes are its sites."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, site: str) -> Site:
        if site not in SITES:
            raise AttributeError(f"{self._name} has no site {site!r}{did_you_mean(site, SITES)}")
        return Site(site, part=self._name)

    def __repr__(self) -> str:
        return self._name


encoder = Part("encoder")
"""The encoder of an encoder-decoder; its sites are named, and cannot be measured yet.

Example:
    >>> encoder.hidden
"""


decoder = Part("decoder")
"""The decoder of an encoder-decoder; step 0 is the state that the encoder hands over.

Example:
    >>> mean(of=decoder.hidden[3], where=before(event("due"))) >= 0.1
"""
