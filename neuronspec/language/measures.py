"""Measures: numbers about units or about behaviour, their differences, and words about seeds."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, ClassVar

from neuronspec.errors import SpecError
from neuronspec.language.claims import Claim
from neuronspec.language.expression import Expression, enclosed, flag, number, operand, rewritten, text, word
from neuronspec.language.interventions import Intervention
from neuronspec.language.signals import Moment, Shuffled, char, event, label, one_of, symbol
from neuronspec.language.units import Picked, Units, increments


class Measure(Expression):
    """A number that evidence can give; compared with a bound it becomes a claim."""

    kinds = frozenset({"measure"})

    def __ge__(self, bound: float) -> Claim:
        return Claim(self, low=bound)

    def __le__(self, bound: float) -> Claim:
        return Claim(self, high=bound)

    def __gt__(self, bound: float) -> Claim:
        raise SpecError(f"{self} > {bound}: bounds are written with >=, <= or .between(low, high)")

    __lt__ = __gt__

    def between(self, low: float, high: float) -> Claim:
        """Claim that the measure lies in ``[low, high]``.

        Example:
            >>> length().between(1, 10)
        """
        return Claim(self, low=low, high=high)

    def against(self, *rivals: object) -> Claim:
        """Raise SpecError: it is a claim that has rivals."""
        raise SpecError("against() belongs to a claim: write (measure >= bound).against(rival)")

    def __sub__(self, other: Measure) -> Measure:
        return Gap(self, other)


# Of units.


@word
class UnitMeasure(Measure):
    """A measure of units over the steps where ``where`` holds, in the run edited by ``under``."""

    of: Units | None = operand("units", default=None, kw_only=True)
    where: Any = operand("condition", default=None, kw_only=True)
    under: Intervention | None = operand("intervention", default=None, kw_only=True)
    centre: ClassVar[float | None] = None
    """The value that says nothing; a score is oriented away from it. None: the measure has no direction."""
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
        _want_token(self)


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


# Of behaviour.


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
        _want_token(self)


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
        _want_token(self)


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
        _want_token(self)


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


def _want_token(measure: Any) -> None:
    """Raise SpecError where what is looked for is no token."""
    if not isinstance(measure.what, char | one_of | symbol):
        raise SpecError(f"{measure}: expected a character, one_of(...) or a symbol, not {measure.what}")


def refuse_foresight(measure: Expression, under: Intervention) -> None:
    """Raise SpecError where an edit of a generating run would need to know what comes later."""
    moments = [edit.at for edit in under.single_edits() if edit.at is not None]
    for inner in (inner for moment in moments for inner in moment.walk()):
        if getattr(inner, "foresees", False):
            raise SpecError(
                f"{measure}: {inner} is decided by later steps, which a run that generates does not have yet"
            )


# Differences.


@word
class Gap(Measure, word="measure -"):
    """One measure minus another, on the same sequences."""

    left: Measure = operand("measure")
    right: Measure = operand("measure")

    @property
    def infix(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"{enclosed(self.left)} - {enclosed(self.right)}"


@word
class Difference(Measure):
    """What an intervention does to a measure."""

    measure: Any = operand("measure")
    under: Intervention = operand("intervention", kw_only=True)

    def check(self) -> None:
        if getattr(self.measure, "under", None) is not None:
            raise SpecError(f"{self}: the difference takes under=; its inner measure must not")
        if "under" not in {f.name for f in fields(self.measure)}:
            raise SpecError(f"{self.word}({self.measure}): this measure cannot be taken under an intervention")
        if getattr(self.measure, "generates", False):
            refuse_foresight(self, self.under)
        replace(self.measure, under=self.under).check()


@word
class change(Difference):
    """Edited over clean, minus one.

    Example:
        >>> change(count("b"), under=clamp(cell[3], high=0)) <= -0.1
    """


@word
class shift(Difference):
    """Edited minus clean.

    Example:
        >>> shift(exact_match(), under=set_to(forget_gate[3], 0, at="X")) <= -0.6
    """


@word
class moves(Difference):
    """Share of sequences in which the edit moves the measure by exactly ``by``.

    Example:
        >>> moves(length("b"), by=1, under=delay(cell[3], 1, at=first("X") + 2)) >= 0.8
    """

    by: float = number(kw_only=True)

    def check(self) -> None:
        super().check()
        if not getattr(self.measure, "generates", False):
            raise SpecError(f"moves({self.measure}): expected a number per generated sequence, e.g. length('b')")


def with_shuffled_labels(expression: Any, draw: int = 0) -> Any:
    """Return an expression in which whatever units are compared with, and picked by, is shuffled between sequences."""

    def change(part: Expression) -> Expression:
        if isinstance(part, SignalMeasure):
            return replace(part, signal=Shuffled(part.signal, draw=draw))
        if isinstance(part, probe | Picked) and part.labels is not None:
            return replace(part, labels=Shuffled(part.labels, draw=draw))
        return part

    return rewritten(expression, change)


# Over seeds.


@word
class OverSeeds(Measure):
    """A number about the networks of a recipe together."""


@word
class share_of_seeds(OverSeeds):
    """Share of networks in which a claim is supported; of those that learnt their task, where it is about units.

    Example:
        >>> share_of_seeds(auroc(char("X"), of=hidden[3]) >= 0.95) >= 0.4
    """

    claim: Claim = operand("claim")

    def check(self) -> None:
        if self.claim.expected != "supported":
            raise SpecError(f"share_of_seeds({self.claim}): state the claim plainly, and bound the share from above")


@word
class median_over_seeds(OverSeeds):
    """Median of a measure over networks; over those that learnt their task, where it is of units.

    Example:
        >>> median_over_seeds(task_measure("largest_exact")) >= 13
    """

    measure: Any = operand("measure")
