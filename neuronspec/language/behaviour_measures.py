"""Measures of behaviour: what the network puts out."""

from __future__ import annotations

from typing import Any, ClassVar

from neuronspec.errors import SpecError
from neuronspec.language.expression import operand, text, word
from neuronspec.language.interventions import Intervention
from neuronspec.language.measures import Measure, check_token, refuse_foresight
from neuronspec.language.moments import Moment, event
from neuronspec.language.signals import label


@word
class Behaviour(Measure):
    """A measure of what the network puts out, over the sequences in which ``among`` ever holds.

    ``network`` names another recipe, taken at the same seeds.
    """

    among: Any = operand("condition", default=None, kw_only=True)
    under: Intervention | None = operand("intervention", default=None, kw_only=True)
    network: str | None = text(default=None, kw_only=True)
    generates: ClassVar[bool] = True

    def check(self) -> None:
        if self.generates and self.under is not None:
            refuse_foresight(self, self.under)


@word
class exact_match(Behaviour):
    """Share of prompts that the network completes exactly.

    Example:
        >>> exact_match() >= 0.99
    """


@word
class length(Behaviour):
    """Number of characters generated before the end; of those where a signal holds only, where it is given.

    Example:
        >>> moves(length("b"), by=-1, under=delay(cell[3], -1, at=first("X") + 1)) >= 0.8
    """

    what: Any = operand("condition", default=None)

    def check(self) -> None:
        super().check()
        for inner in () if self.what is None else self.what.walk():
            if isinstance(inner, event | label):
                raise SpecError(f"{self}: {inner} is of the task's own text, not of what the network generates")


@word
class count(Behaviour):
    """How often a character or signal occurs in the generated text.

    Example:
        >>> shift(count("b"), under=zero(cell[3], at="X")) <= -1
    """

    what: Any = operand("signal", "symbol")


@word
class step_of(Behaviour):
    """The step at which a token is first generated; a sequence in which it never is does not count.

    The end symbol is not part of a text, and comes one step after its last symbol.

    Example:
        >>> moves(step_of("b"), by=1, under=delay(cell[3], 1, at=first("X"))) >= 0.6
    """

    what: Any = operand("symbol", "signal")

    def check(self) -> None:
        super().check()
        check_token(self)


@word
class emits(Behaviour):
    """Share of sequences in which a token is generated at a moment of the text that is due.

    The end symbol is not part of a text, and comes one step after its last symbol.

    Example:
        >>> emits("b", at=first("X") + 1) >= 0.9
    """

    what: Any = operand("symbol", "signal")
    at: Moment | str = operand("moment", kw_only=True)

    def check(self) -> None:
        super().check()
        check_token(self)


@word
class probability(Behaviour):
    """Mean probability that the token at a moment is this one, given all before it.

    Example:
        >>> probability("b", at=first("X") + 1) >= 0.9
    """

    what: Any = operand("symbol", "signal")
    at: Moment | str = operand("moment", kw_only=True)
    generates = False

    def check(self) -> None:
        super().check()
        check_token(self)


@word
class cross_entropy(Behaviour):
    """Mean negative log probability of what follows the prompt, in nats, each symbol given all before it.

    Example:
        >>> shift(cross_entropy(), under=to_mean(cell[3])) >= 0.1
    """

    generates = False


@word
class perplexity(Behaviour):
    """Exponential of the cross-entropy.

    Example:
        >>> change(perplexity(), under=zero(cell[3])) <= 0.05
    """

    generates = False


@word
class task_measure(Measure):
    """A measure that the task registers under this name: one number per network.

    Example:
        >>> task_measure("largest_exact") >= 13
    """

    name: str = text()
