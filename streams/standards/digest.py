"""Digest of standards: of their meaning, not of the file's layout, and of the version of the time-zone data."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from typing import Final

from streams.calendars.local_time import TZDATA_VERSION
from streams.standards.model import Standards

#: Names that classes had when digests were first saved: a digest must not change with the name of a class.
_NAMES: Final = {"LookupTable": "Table"}


def digest(standards: Standards) -> str:
    """SHA-256, in hexadecimal, of the content in canonical JSON and of the time-zone data's version."""
    content = {"standards": canonical(standards), "tzdata": TZDATA_VERSION}
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: object) -> object:
    """``value`` as plain JSON data, equal exactly for equal meaning. The digest field is left out."""
    kind: type = type(value)
    if kind in _PLAIN:
        return value
    names = _content(kind)
    if names is not None:
        return {
            "type": _NAMES.get(kind.__name__, kind.__name__),
            **{name: canonical(getattr(value, name)) for name in names},
        }
    if isinstance(value, Mapping):
        return {str(key): canonical(member) for key, member in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, tuple | list):
        return [canonical(member) for member in value]
    return _canonical_scalar(value)


@cache
def _content(kind: type) -> tuple[str, ...] | None:
    """Names of the fields of a dataclass that carry meaning; None for other types."""
    if not is_dataclass(kind):
        return None
    return tuple(field.name for field in fields(kind) if field.compare and field.name != "digest")


#: Types of most values. Their subclasses, such as enumerations, are handled below.
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def _canonical_scalar(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, date | Fraction):
        return str(value)
    if isinstance(value, str | int | float):
        return value
    message = f"{type(value).__name__} has no canonical form"
    raise TypeError(message)
