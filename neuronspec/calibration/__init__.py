"""How often verdicts are right: on claims that are known to be true, and on claims that are known to be false.

A **population** is a planted network, a fresh random network of the same shape (its untrained twin), and a pool of
texts. Samples are drawn from the pool with replacement, so what any measure is in the population is known exactly: it
is measured on the whole pool, as a census, by the same path that judges a claim. Standard errors, by which bounds are
placed, come from one examination of some hundred texts of the pool, and shrink with the root of how many are drawn.

A case is one claim on one network, examined on a discovery and a verification sample drawn independently of each
other, and the verdict of that one network.

**Null** is a case whose claim is, in the population, one of two things:

- *false*: the claimed value misses the bound, by 0 to 1 standard errors;
- *unspecific*: the claimed value meets the bound, and so does a value that stands in for it: the mean over all other
  units of the site, the unit of the untrained twin, or the rival signal. The bound lies 0 to 4 standard errors (of the
  claimed value) on the lenient side of the worse of the two.

Half of the null cases are of each. A pick of units is the one made on the whole pool; where a claim is to be false
whichever unit a sample picks, only scores of the picked unit itself are claimed: the pool's pick has the largest.
A quarter each are about random units (decoys and unrelated ones), rival signals (which go with the true one), shuffled
labels (the true signal of another text), and untrained networks (with another random network as their twin).

**True** is a case whose claim says that a planted unit has its role, where the population value clears the bound by 4
to 8 standard errors, and every stand-in misses it by at least 4 (of the value or of the difference, whichever is
larger). Where a unit is picked, it goes with its signal by as much beyond every other, so that a sample picks it. Every
second one is also held against bounds 1, 2 and 3 standard errors away, which are counted apart.
"""
