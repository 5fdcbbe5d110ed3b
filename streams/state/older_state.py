"""State of the first form, whose shared ratios counted every observation once per objective.

Ratios that several objectives of one version of the standards shared are wrong. Where the log still has every record,
all state is rebuilt from it; otherwise `migrated` keeps the right ratios, and the doubted ones begin anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from streams.engine.standards_log import StandardsLog
from streams.routing.series_catalogue import Member
from streams.routing.verdicts import identity
from streams.standards.model import Standards


class Migrated(NamedTuple):
    """Members in today's form, and the objectives (service, name) whose ratios begin anew."""

    members: list[Member]
    anew: list[tuple[str, str]]


class _Measured(NamedTuple):
    """An objective of a service, and the identity of its measure."""

    service: str
    objective: str
    measure: str


def migrated(members: Iterable[Member], log: StandardsLog) -> Migrated:
    """Turn ``members`` of the first form, under the standards of ``log``, into today's. Ratios keep their numbers.

    Raises:
        StandardsNeeded: the book has to fetch standards first.
        StandardsLost: those in force, or about to be, are lost.
    """
    eras = [(named, list(_measured(log.of(named)))) for named in log.in_use]
    doubted = _doubted(log)
    found: list[Member] = []
    for member in members:
        found += _objectives(member, eras[0][1], doubted) if member.kind == "measure" else [member]
    anew: set[tuple[str, str]] = set()
    before: set[_Measured] = set()
    for named, measured in eras:
        for one in measured:
            wrong = doubted is None or one[::2] in doubted
            if wrong:
                anew.add(one[:2])
            # Right ratios of the standards in force go on, also in later standards; all others begin here.
            if one not in before and (wrong or before):
                found.append(Member("objective", *one, day=int(wrong), offset=named.offset))
        before = set(measured) or {_NONE}
    return Migrated(found, sorted(anew))


#: Stands for standards without objectives, as opposed to no earlier standards.
_NONE: Final = _Measured("", "", "")


def _measured(standards: Standards) -> Iterator[_Measured]:
    for service in standards.services.values():
        for name, objective in service.objectives.items():
            yield _Measured(service.name, name, identity(objective.measure))


def _doubted(log: StandardsLog) -> set[tuple[str, ...]] | None:
    """Service and measure of ratios that objectives of one version shared; None: all, since a version is lost."""
    found: set[tuple[str, ...]] = set()
    for digest in sorted({named.hash for named in log.named}):
        standards = log.look_up(digest)
        if standards is None:
            return None
        counts = Counter(one[::2] for one in _measured(standards))
        found |= {measure for measure, count in counts.items() if count > 1}
    return found


def _objectives(
    member: Member, in_force: Sequence[_Measured], doubted: Collection[tuple[str, ...]] | None
) -> list[Member]:
    """The objectives in force that go on with the ratio of ``member``; without any, a nameless one keeps its number."""
    names: list[str] = []
    if doubted is not None and (member.service, member.name) not in doubted:
        names = sorted({one.objective for one in in_force if one[::2] == (member.service, member.name)})
    return [Member("objective", member.service, name, member.name, 0, member.offset) for name in names or [""]]
