"""Statements from samples: an interval, a level, a sample size and a protocol. Never a supremum.

    rate = ct.statistics.clopper_pearson(3, 1000)
    mean = ct.statistics.betting(losses, 0, 1, level="0.99")

No function of this package returns a type that the worst-case side takes, nor takes one of its types as a sample.
"""

from certify.statistics.betting import betting, confidence_sequence
from certify.statistics.claim import StatisticalClaim
from certify.statistics.disagreement import disagreement
from certify.statistics.means import empirical_bernstein, hoeffding
from certify.statistics.rates import clopper_pearson

__all__ = [
    "StatisticalClaim",
    "betting",
    "clopper_pearson",
    "confidence_sequence",
    "disagreement",
    "empirical_bernstein",
    "hoeffding",
]
