"""The constants of specs/format.md#limits: beyond them a file is declined before anything is allocated."""

BUNDLE_BYTES = 4 << 30
FILE_BYTES = 1 << 30
FILES = 100_000
LINE_BYTES = 1 << 22
LINE_WORDS = 100_000
INTEGER_DIGITS = 1_200
NODES = 20_000
BLOCKS = 20_000
PLANS = 20_000
SIZE = 4_000_000
TENSOR_ENTRIES = 100_000_000
SPATIAL_AXES = 4
SCALE = 400
BITS = 200
SPLIT_SCALE = 2_000
DEPTH = 1_000
LEAVES = 10_000_000
COORDINATES = 4_000
# Rule psd: powers of two that scale a row.
SHIFT = 2_000
# Kind lumping: powers of the macro chain.
POWERS = 2_000
# Kind range: steps of a program, steps times leaves, powers, exponents of e, bits of a value.
STEPS = 1_000
WORK = 100_000_000
POWER = 64
EXPONENT = 1_000
VALUE_BITS = 4_000
# Kind tail: trials, and bits of the denominator of a rate.
TRIALS = 20_000
RATE_BITS = 64
# Products of polynomials: pairs of terms.
TERMS = 1 << 20

# Rows of `least` up to which sums of pairs are bounded too: their number grows with the square.
PAIRED_ROWS = 16

# Leaves replayed together. Changes no value.
BATCH = 512

# Entries of one working matrix: rows are processed in chunks of this size. Changes no value.
CHUNK = 1 << 17
