"""The kinds of cell there are: one file for each family, and one record for each kind.

Nothing here loads torch before a network runs: a task file names kinds and sites, and is read by every ``pytest``.
"""

from neuronspec.networks.cells import gru, lstm, rnn
from neuronspec.networks.cells.kind import Kind

KINDS: dict[str, Kind] = {kind.name: kind for family in (rnn, lstm, gru) for kind in family.KINDS}
