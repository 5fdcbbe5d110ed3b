"""Play schedules by hand: `python -m tests.streams.state.world --seed S [--schedules N] [--variant NAME]`."""

from __future__ import annotations

import argparse
import sys

from tests.streams.state.world.judge import told_story, trial
from tests.streams.state.world.play import prepare
from tests.streams.state.world.schedule import schedule
from tests.streams.state.world.variants import VARIANTS, Variant


def main() -> int:
    """Play them; tell in full of those that are not as they must be."""
    arguments = _arguments()
    variant: Variant | None = next((one for one in VARIANTS if one.name == arguments.variant), None)
    found = 0
    for seed in range(arguments.seed, arguments.seed + arguments.schedules):
        plan = schedule(seed)
        if variant is not None and not variant.concerns(plan):
            continue
        report = trial(prepare(seed, told_story(plan.story_seed)), variant)
        if report or arguments.schedules == 1:
            print(report or told(seed))
        found += bool(report)
    print(f"{found} of {arguments.schedules} schedules are not as they must be")
    return int(bool(found))


def told(seed: int) -> str:
    """The story and the schedule of ``seed``."""
    return "\n".join(prepare(seed).lines())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.streams.state.world", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the first schedule")
    parser.add_argument("--schedules", type=int, default=1, help="so many, one seed after the other")
    parser.add_argument("--variant", choices=[one.name for one in VARIANTS], help="break this rule")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
