"""The three verdicts about a file, and the one thing that is not a verdict.

*accepted* is the absence of an exception; *rejected* says that the file is no proof of its claim; *declined*
says that the kernel does not judge it (limits, unsupported). A machine fault is neither.
"""


class Rejected(Exception):
    """This file is no proof: a reason code, the place in the file, and one sentence."""

    def __init__(self, code: str, place: str, text: str) -> None:
        super().__init__(f"{place}: {text} [{code}]")
        self.code, self.place, self.text = code, place, text


class Declined(Exception):
    """The kernel does not judge this file: a limit, a version or a feature, named."""

    def __init__(self, code: str, place: str, text: str) -> None:
        super().__init__(f"{place}: {text} [{code}]")
        self.code, self.place, self.text = code, place, text


class MachineFault(Exception):
    """A self-test or a randomised check of a product failed: the processor or a library is wrong."""


def require(condition: bool, code: str, place: str, text: str) -> None:
    """Reject unless the condition holds."""
    if not condition:
        raise Rejected(code, place, text)


def limit(value: int, most: int, place: str, what: str) -> None:
    """Decline when a size passes its constant in limits.py."""
    if value > most:
        raise Declined("limit", place, f"{what} is {value}, the limit is {most}")
