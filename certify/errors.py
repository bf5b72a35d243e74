"""What can go wrong, and whose fault it is.

``CertifyError`` is the user's input: one clear line, exit code 64 and above. A bad certificate is not an
error but a verdict (certify.kernel). Anything else that escapes is our own bug.
"""

from __future__ import annotations


class CertifyError(Exception):
    """Bad input or misuse; the message says place, expectation and finding. Exit code 64."""

    exit_code = 64

    def __str__(self) -> str:
        """The message on one line: names in files that others wrote may hold any character."""
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in super().__str__())


class UnsupportedModel(CertifyError):
    """A model uses something we cannot represent exactly; names the node and the operator. Exit code 65."""

    exit_code = 65


class BadInput(CertifyError):
    """A file or array is missing, malformed, of the wrong shape, or not finite. Exit code 66."""

    exit_code = 66


class EmptyDomain(CertifyError):
    """The declared input set is empty: a claim over it would be vacuous. Exit code 67."""

    exit_code = 67


class KernelMissing(CertifyError):
    """The kernel that was asked for is not built on this machine. Exit code 69."""

    exit_code = 69
