"""Measures of units: of their values, or of how they go with a signal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from neuronspec.errors import SpecError
from neuronspec.language.expression import Expression, enclosed, flag, number, operand, rewritten, word
from neuronspec.language.interventions import Intervention
from neuronspec.language.measures import Measure, check_token
from neuronspec.language.moments import Moment
from neuronspec.language.picks import Picked
from neuronspec.language.signals import Shuffled
from neuronspec.language.units import Units, increments


@word
class UnitMeasure(Measure):
    """A measure of units over the steps where ``where`` holds, in the run edited by ``under``."""

    of: Units | None = operand("units", default=None, kw_only=True)
    where: Any = operand("condition", default=None, kw_only=True)
    under: Intervention | None = operand("intervention", default=None, kw_only=True)
    centre: ClassVar[float | None] = None
    """The value of no relation (0 of a correlation); scores are oriented to lie above it. None: no direction."""
    of_one: ClassVar[bool] = False
    """Whether it is a measure of one unit, so that several would be ambiguous."""

    def check(self) -> None:
        if self.of_one and self.of is not None and not self.of.is_one:
            raise SpecError(f"{self.word}(of={self.of}): a measure of one unit; pick one with .best(...)")


@word
class SignalMeasure(UnitMeasure):
    """A measure of how units go with a signal."""

    signal: Any = operand("signal")


@word
class correlation(SignalMeasure):
    """Pearson's correlation of one unit with a signal, over all steps together; signed.

    It gets worse where labels are missing and where there are extra ones (both sanity tests of Oikarinen et al. 2025,
    "Evaluating neuron explanations").

    Example:
        >>> correlation(count_of("a"), of=cell[3], where=before("X")) >= 0.99
    """

    centre = 0.0
    of_one = True


@word
class Detection(SignalMeasure):
    """A measure of one unit as a detector: of a signal that holds or does not."""

    of_one = True

    def check(self) -> None:
        super().check()
        if "condition" not in self.signal.kinds:
            problem = f"a detector tells yes from no; compare the number, e.g. {enclosed(self.signal)} >= 1"
            raise SpecError(f"{self.word}({self.signal}): {problem}")


@word
class auroc(Detection):
    """Area under the ROC curve of one unit as a detector of a yes/no signal.

    It gets worse where there are extra labels; of missing ones of a rare signal it hardly takes notice.

    Example:
        >>> auroc(char("X"), of=hidden.best(auroc(char("X")))) >= 0.95
    """

    centre = 0.5


@word
class auprc(Detection):
    """Average precision of one unit as a detector of a yes/no signal.

    Exact up to 256 different values at which the signal holds; beyond, the thresholds are 256 quantiles of these.
    It gets worse where labels are missing and where there are extra ones.

    Example:
        >>> auprc(char("X"), of=hidden[3]) >= 0.8
    """


@word
class f1(Detection):
    """F1 of "the unit lies above ``above``" as a detector of a yes/no signal.

    It gets worse where labels are missing and where there are extra ones.

    Example:
        >>> f1(inside('"'), of=cell[3], above=0) >= 0.9
    """

    above: float = number(default=0.0, kw_only=True)


@word
class r2(SignalMeasure):
    """Share of a signal's variance that a linear fit on the units explains, on held-out sequences.

    The fit is made on the discovery split; a score for picking is that of the fit itself. It gets worse where labels
    are missing and where there are extra ones.

    Example:
        >>> r2(count_of("a"), of=hidden) >= 0.9
    """


@word
class probe(UnitMeasure):
    """Share of steps at which a linear SVM reads the right label from the units.

    It is fitted on the discovery split. ``balanced`` takes the mean over labels of their shares. Beside it stands what
    the same machine reaches on labels that were shuffled between sequences; the difference is its selectivity
    (Hewitt and Liang 2019, "Designing and interpreting probes with control tasks"). Of labels of a rare class
    that are missing or extra it takes little notice; ``balanced`` notices extra ones.

    Example:
        >>> probe(symbol("word"), of=hidden, where=before(event("due"))) >= 0.95
    """

    labels: Any = operand("signal", "symbol")
    balanced: bool = flag(default=False, kw_only=True)


@word
class mean(UnitMeasure):
    """Mean value over units and steps; ``absolute`` takes their sizes.

    Of ``where`` it notices extra steps, not missing ones; ``spread`` and ``saturation`` likewise.

    Example:
        >>> mean(of=input_gate[3], where=char("a")) >= 0.75
    """

    centre = 0.0
    absolute: bool = flag(default=False, kw_only=True)


@word
class spread(UnitMeasure):
    """Standard deviation of one unit over steps; ``relative`` divides by the size of its mean.

    Example:
        >>> spread(of=input_gate[3], where=char("a")) <= 0.15
    """

    relative: bool = flag(default=False, kw_only=True)
    of_one = True


@word
class saturation(UnitMeasure):
    """Share of values whose size is at most ``low`` or at least ``high``.

    ``relative`` first divides each unit by its own largest size, whichever step it has it at.

    Example:
        >>> saturation(of=forget_gate[3]) >= 0.8
    """

    low: float = number(default=0.1, kw_only=True)
    high: float = number(default=0.9, kw_only=True)
    relative: bool = flag(default=False, kw_only=True)

    def check(self) -> None:
        super().check()
        if not 0 <= self.low < self.high:
            raise SpecError(f"saturation(low={self.low:g}, high={self.high:g}): expected 0 <= low < high")


@word
class contribution(Measure):
    """What a unit adds to the read-out of a token at a moment: its value times the read-out weight.

    Example:
        >>> hidden.top(contribution("b", at=first("X")), keep=0.1)
    """

    what: Any = operand("symbol", "signal")
    at: Moment | str = operand("moment", kw_only=True)

    def check(self) -> None:
        check_token(self)


@word
class gate_input(Measure):
    """What some units add to the input of a gate: recurrent weight times value, summed over them.

    The mean over the units of the gate and over sequences, as the gate is at a moment.

    Example:
        >>> gate_input(of=reset_gate, by=hidden[3], at="X") >= 1.5
    """

    of: Units = operand("units", kw_only=True)
    by: Units = operand("units", kw_only=True)
    at: Moment | str = operand("moment", kw_only=True)

    def check(self) -> None:
        if self.of.of_site.name in ("hidden", "cell") or self.by.of_site.name != "hidden":
            raise SpecError(f"{self}: expected units of a gate or candidate, and by= units of hidden, which drive it")
        if self.of.of_site.layer_number != self.by.of_site.layer_number:
            raise SpecError(f"{self}: units of two layers; what drives a gate is the hidden state of its own layer")
        if isinstance(self.of, increments) or isinstance(self.by, increments):
            raise SpecError(f"{self}: a gate is driven by values, not by increments")


@word
class size(Measure):
    """How many units there are in a set.

    Example:
        >>> size(cell.all(correlation(position()) >= 0.9)) >= 1
    """

    units: Units = operand("units")


@word
class overlap(Measure):
    """Size of the intersection of two sets over the size of the smaller one.

    Example:
        >>> overlap(cell.all(correlation(position()) >= 0.9), cell.best(auroc(char("X")), 3)) <= 0.4
    """

    units: Units = operand("units")
    other: Units = operand("units")

    def check(self) -> None:
        if self.units.of_site != self.other.of_site:
            places = f"{self.units.of_site} and {self.other.of_site}"
            raise SpecError(f"{self}: units of two sites, {places}; put them on one with .on(site) first")


@word
class peak(Moment):
    """The step at which one unit is largest.

    Example:
        >>> share(peak(cell[3]), on=char("X")) >= 0.9
    """

    units: Units = operand("units")
    where: Any = operand("condition", default=None, kw_only=True)
    foresees = True

    def check(self) -> None:
        if not self.units.is_one:
            raise SpecError(f"peak({self.units}): expected one unit; pick one with .best(...)")


@word
class share(Measure):
    """Share of sequences in which ``on`` holds at a moment, e.g. at the peak of a unit.

    It gets worse where there are extra labels; missing ones go unnoticed but at the peak.

    Example:
        >>> share(peak(cell[3]), on=char("X")) >= 0.9
    """

    moment: Moment | str = operand("moment")
    on: Any = operand("condition", kw_only=True)
    among: Any = operand("condition", default=None, kw_only=True)
    under: Intervention | None = operand("intervention", default=None, kw_only=True)

    def check(self) -> None:
        if self.under is not None and not any(isinstance(inner, peak) for inner in self.moment.walk()):  # type: ignore[union-attr]
            raise SpecError(f"{self}: no edit moves {self.moment}; of a peak(unit) it would")


def with_shuffled_labels(expression: Any, draw: int = 0) -> Any:
    """Return an expression whose signals and labels of picks are shuffled between sequences."""

    def shuffle(part: Expression) -> Expression:
        if isinstance(part, SignalMeasure):
            return replace(part, signal=Shuffled(part.signal, draw=draw))
        if isinstance(part, probe | Picked) and part.labels is not None:
            return replace(part, labels=Shuffled(part.labels, draw=draw))
        return part

    return rewritten(expression, shuffle)
