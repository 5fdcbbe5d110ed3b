"""Prefix of metric names, sets of labels, and the values of labels that users do not name."""

from __future__ import annotations

import enum
from typing import Final

PREFIX: Final = "slm"
#: Values of the label `outcome`.
OUTCOMES: Final = ("ok", "failed", "abandoned")
#: Values of the label `kind`: kinds of names that caps replace by `other`.
OVERFLOWED_KINDS: Final = ("service", "step", "failure-point", "source")
#: Values of the label `result` of transactions, and of rekeyed records.
TRANSACTION_RESULTS: Final = ("committed", "failed")
REKEY_RESULTS: Final = ("event", "rejected", "dropped")

#: Sets of labels that several metrics share.
BY_STEP: Final = ("service", "step")
BY_WINDOW: Final = ("service", "step", "window")
BY_OBJECTIVE: Final = ("service", "objective")
BY_PARTITION: Final = ("topic", "partition")


class Result(enum.StrEnum):
    """Values of the label `result` of records read. Only the last three have a `reason`.

    Control records, and records that a topic's mapping drops, are ignored.
    """

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    MALFORMED = "malformed"
    LATE = "late"
    FUTURE = "future"
