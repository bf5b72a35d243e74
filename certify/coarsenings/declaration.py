"""What a module says about the coarsening it holds, so that tests and the command line find it.

A declaration describes; it does nothing. Settings are functions of a network, because most of them (a basis,
the weights of a dictionary, the network to put in its place) only make sense for one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from certify.networks.graph import Network

Settings = Callable[[Network], list[dict[str, Any]]]


@dataclass(frozen=True)
class Coarsening:
    """One coarsening.

    name:     the public name, an attribute of ``certify.coarsenings``
    function: (network, **settings) -> coarser network
    meaning:  one line for people
    examples: settings that discard something of the given network
    neutral:  settings that discard nothing of it: the result computes the same function
    refused:  settings that must raise BadInput
    """

    name: str
    function: Callable[..., Network]
    meaning: str
    examples: Settings
    neutral: Settings
    refused: Settings
