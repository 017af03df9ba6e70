"""Hypothesis strategies for the language: every new word is added here."""

from hypothesis import strategies as st

import neuronspec as ns
from neuronspec.language.picks import BASELINES
from neuronspec.language.units import SITES, Site

letters = st.sampled_from("aXb")
names = st.sampled_from(["target", "letter"])
numbers = st.floats(-5, 5, allow_nan=False).map(lambda x: round(x, 3))
whole = st.integers(-3, 3)


def _moments(signal):
    plain = st.one_of(
        st.builds(ns.first, signal),
        st.builds(ns.last, signal),
        st.builds(ns.event, names),
        st.just(ns.start),
        st.just(ns.end),
    )
    return st.one_of(plain, st.builds(lambda m, k: m + k, plain, whole))


_yes_no_leaves = st.one_of(
    st.builds(ns.char, letters), st.builds(ns.one_of, st.just("ab")), st.builds(ns.regex, st.just("a+X"))
)
_yes_no = st.recursive(
    _yes_no_leaves,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a: ~a, inner),
        st.builds(ns.upcoming, inner),
        st.builds(ns.before, _moments(inner)),
        st.builds(ns.after, _moments(inner)),
        st.builds(lambda s, v: ns.count_of(s) >= v, inner, numbers),
        st.builds(lambda s, v: ns.since(s) <= v, inner, numbers),
        st.builds(lambda s, v: ns.remaining(s).equals(v), inner, whole),
    ),
    max_leaves=4,
)
_counts = st.one_of(
    st.builds(ns.count_of, _yes_no),
    st.builds(ns.remaining, _yes_no),
    st.builds(ns.since, _yes_no),
    st.builds(ns.steps_to, _moments(_yes_no)),
    st.builds(ns.depth, st.just("a"), st.just("b")),
    st.just(ns.position()),
    st.builds(ns.label, names),
)
_sums = st.recursive(
    _counts,
    lambda inner: st.one_of(st.builds(lambda a, b: a + b, inner, inner), st.builds(lambda a, b: a - b, inner, inner)),
    max_leaves=3,
)
signals = st.one_of(_yes_no, _sums)
yes_no = _yes_no
moments = _moments(_yes_no)

_sites = st.builds(
    lambda name, layer: Site(name) if layer is None else Site(name).layer(layer),
    st.sampled_from(SITES),
    st.one_of(st.none(), st.integers(0, 2)),
)


def _one_of_site(site):
    return st.one_of(
        st.builds(lambda i: site[i], st.integers(0, 9)),
        st.builds(lambda i: -site[i], st.integers(0, 9)),
        st.builds(lambda x: site.best(ns.correlation(x)), signals),
        st.builds(lambda x: ns.hidden.best(ns.auroc(x)).on(site), _yes_no)
        if site.layer_number is None
        else st.nothing(),
    )


def _of_site(site):
    """Sets of units join only where they are of one site."""
    return st.recursive(
        st.one_of(
            _one_of_site(site),
            st.just(site),
            st.builds(lambda x, v: site.all(ns.correlation(x) >= v), signals, numbers),
            st.builds(lambda x: site.svm_rfe(x, keep=0.35, where=ns.before("X")), _yes_no),
            st.just(site.top(ns.contribution("b", at="X"), keep=3)),
            st.just(site.svm_rfe(ns.symbol("letter"), keep=3).for_symbol(ns.symbol("target"))),
        ),
        lambda inner: st.one_of(
            st.builds(lambda a, b: a | b, inner, inner),
            st.builds(lambda a, b: a & b, inner, inner),
            st.builds(lambda a, b: a - b, inner, inner),
            st.builds(ns.others, inner),
            st.builds(
                lambda u, b: u.integrated_gradients(ns.probability("b", at="X"), at="X", keep=0.2, baseline=b),
                inner,
                st.sampled_from(BASELINES),
            ),
        ),
        max_leaves=3,
    )


_one = _sites.flatmap(_one_of_site)
units = _sets = _sites.flatmap(_of_site)
one_unit = st.one_of(_one, st.builds(ns.increments, _one), st.builds(ns.each, _sets))

_past = st.builds(lambda s, k: ns.first(s) + k, _yes_no_leaves.filter(lambda s: not s.foresees), whole)
_edits = st.one_of(
    st.builds(lambda u, at: ns.zero(u, at=at), units, _past),
    st.builds(lambda u, at: ns.to_mean(u, at=at), units, _past),
    st.builds(lambda u: ns.keep_only(u), units),
    st.builds(lambda u, v, at: ns.set_to(u, v, at=at), units, numbers, _past),
    st.builds(lambda u, at: ns.set_to(u, ns.quantile(0.5, where=ns.char("a")), at=at), units, _past),
    st.builds(lambda u, v, at: ns.add(u, v, at=at), units, numbers, _past),
    st.builds(lambda u, v, at: ns.clamp(u, high=v, at=at), units, numbers, _past),
    st.builds(lambda u, at: ns.freeze(u, at=at), units, _past),
    st.builds(lambda u, k, at: ns.delay(u, k, at=at), units, whole, _past),
    st.builds(lambda u, s, at: ns.patch(u, s, at=at), units, _past, _past),
    st.builds(lambda u, at: ns.interchange(u, at=at), units, _past),
)
interventions = st.one_of(_edits, st.builds(lambda a, b: a + b, _edits, _edits))

_unit_measures = st.one_of(
    st.builds(lambda s, u, w: ns.correlation(s, of=u, where=w), signals, one_unit, yes_no),
    st.builds(lambda s, u: ns.auroc(s, of=u), yes_no, one_unit),
    st.builds(lambda s, u: ns.auprc(s, of=u), yes_no, one_unit),
    st.builds(lambda s, u, v: ns.f1(s, of=u, above=v), yes_no, one_unit, numbers),
    st.builds(lambda s, u: ns.r2(s, of=u), signals, units),
    st.builds(lambda s, u: ns.probe(s, of=u), yes_no, units),
    st.builds(lambda u: ns.probe(ns.symbol("letter"), of=u), units),
    st.builds(lambda u, w: ns.mean(of=u, where=w), units, yes_no),
    st.builds(lambda u, r: ns.spread(of=u, relative=r), one_unit, st.booleans()),
    st.builds(lambda u, r: ns.saturation(of=u, relative=r, low=0.2), units, st.booleans()),
    st.builds(lambda s, u, e: ns.correlation(s, of=u, under=e), signals, one_unit, interventions),
)
_behaviours = st.one_of(
    st.just(ns.exact_match()),
    st.builds(ns.length, letters),
    st.builds(ns.count, letters),
    st.builds(ns.step_of, letters),
    st.builds(lambda what, at: ns.emits(what, at=at), letters, moments),
    st.builds(lambda among: ns.exact_match(among=among), yes_no),
)
_scores = st.one_of(
    st.builds(lambda what, at: ns.probability(what, at=at), letters, moments),
    st.just(ns.cross_entropy()),
    st.just(ns.perplexity()),
)
_differences = st.one_of(
    st.builds(lambda m, e: ns.change(m, under=e), st.one_of(_behaviours, _scores), interventions),
    st.builds(lambda m, e: ns.shift(m, under=e), st.one_of(_behaviours, _scores), interventions),
    st.builds(lambda m, e, by: ns.moves(m, by=by, under=e), _behaviours, interventions, whole),
)
_plain = st.one_of(
    _unit_measures,
    _behaviours,
    _scores,
    _differences,
    st.builds(ns.size, units),
    st.builds(ns.overlap, *[_of_site(ns.cell)] * 2),
    st.builds(lambda u, s: ns.share(ns.peak(u), on=s), one_unit, yes_no),
)
measures = st.one_of(_plain, st.builds(lambda a, b: a - b, _plain, _plain))


def _bounded(measure):
    return st.one_of(
        st.builds(lambda m, v: m >= v, measure, numbers),
        st.builds(lambda m, v: m <= v, measure, numbers),
        st.builds(lambda m, v: m.between(v, v + 1), measure, numbers),
    )


_stated = st.one_of(
    _bounded(measures),
    _bounded(measures).map(ns.refuted),
    _bounded(measures).map(ns.unspecific),
    _bounded(measures).map(ns.side_effect),
    st.builds(
        lambda pair, u: (ns.correlation(pair[0], of=u) >= 0.5).against(pair[1]),
        st.tuples(signals, signals).filter(lambda pair: pair[0] != pair[1]),
        one_unit,
    ),
)
claims = st.one_of(
    _stated,
    _bounded(st.builds(ns.share_of_seeds, _bounded(measures))),
    _bounded(st.builds(ns.median_over_seeds, measures)),
    _bounded(st.builds(ns.task_measure, names)),
)
