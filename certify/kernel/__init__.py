"""The trusted kernel: reads a certificate's files, replays its proof in exact integers, gives a verdict.

It imports nothing else of ours, never searches, has no tolerance, and refuses what it does not know.
Run it as ``python -I -m certify.kernel CERTIFICATE``. Spec: specs/rules.md, specs/format.md.
"""

VERSION = "1"
