"""The topic that a log is read as, which chooses mapping and lateness.

Topics that the standards do not mention are refused: with a misspelt one, no mapping would apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agents.exits import Fault
from streams.standards.problems.problems import closest, enumerate_names, one_line

if TYPE_CHECKING:
    from streams.standards.model import Standards

#: Topic of a log in the wire format, unless another is given.
DEFAULT: Final = "service-events"
#: Topics in the wire format, whether or not the standards name them.
_WIRE: Final = frozenset({DEFAULT, "service-level-rekeyed"})
_AS_WIRE: Final = f"for a log in the wire format write --topic {DEFAULT}"


def known_topics(standards: Standards) -> tuple[str, ...]:
    """Topics for which the standards have a mapping or a lateness."""
    return tuple(sorted({*standards.mappings, *standards.lateness_ms}))


def topic_of_replay(standards: Standards, given: str | None) -> str:
    """Topic that logs are replayed as: the one ``given``, or `DEFAULT`.

    Raises:
        Fault: the standards name topics, but not this one (exit code 2).
    """
    if given is not None:
        return _known(standards, given)
    if standards.mappings and DEFAULT not in known_topics(standards):
        message = f"the standards map {enumerate_names(standards.mappings)}; say with --topic what the log is of"
        raise Fault(f"{message}, and {_AS_WIRE}")
    return DEFAULT


def topic_of_sample(standards: Standards, given: str | None) -> str:
    """Topic that a sample is read as: the one ``given``, the only one that is mapped, or `DEFAULT`.

    Raises:
        Fault: the standards map several topics and none is given, or they do not name the given one (exit code 2).
    """
    if given is not None:
        return _known(standards, given)
    if len(standards.mappings) > 1:
        message = f"the standards map {enumerate_names(standards.mappings)}; say with --topic what the sample is of"
        raise Fault(f"{message}, and {_AS_WIRE}")
    return next(iter(standards.mappings), DEFAULT)


def _known(standards: Standards, given: str) -> str:
    known = known_topics(standards)
    if not known or given in known or given in _WIRE:
        return given
    meant = closest(given, known)
    remedy = f"did you mean {meant}?" if meant else "write one of them"
    raise Fault(f"--topic {one_line(given)}: the standards know {enumerate_names(known)}; {remedy} ({_AS_WIRE})")
