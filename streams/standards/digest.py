"""Identity of standards: a digest of what they mean, whatever the file's layout, and of the time-zone data."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from fractions import Fraction

from streams.calendars import TZDATA_VERSION
from streams.standards.model import Standards


def digest(standards: Standards) -> str:
    """SHA-256, in hexadecimal, of the content in canonical JSON and of the time-zone data's version."""
    content = {"standards": canonical(standards), "tzdata": TZDATA_VERSION}
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: object) -> object:
    """``value`` as plain JSON data that is equal exactly if the meaning is. The digest itself is no content."""
    if is_dataclass(value) and not isinstance(value, type):
        members = {f.name: canonical(getattr(value, f.name)) for f in fields(value) if f.compare and f.name != "digest"}
        return {"type": type(value).__name__, **members}
    if isinstance(value, Mapping):
        return {str(key): canonical(member) for key, member in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, tuple | list):
        return [canonical(member) for member in value]
    return _canonical_scalar(value)


def _canonical_scalar(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, date | Fraction):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    message = f"{type(value).__name__} has no canonical form"
    raise TypeError(message)
