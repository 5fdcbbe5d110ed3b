"""Disks that can be full: one for each broker, a small file system where this machine lets us mount one.

Elsewhere a limit on the size of the broker's files stands in for it: appends fail just as well.
"""

from __future__ import annotations

import os
import resource
import subprocess
from typing import TYPE_CHECKING, Self

from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.services.process import Service

_SIZE = "3g"  # of memory, as far as it is used
_PAGE = 4_096


class Disks:
    """The disks of all brokers; in a ``with`` statement they are mounted, empty, and unmounted at the exit.

    Args:
        folders: where each broker keeps its data, by node.
    """

    def __init__(self, folders: Mapping[int, Path]) -> None:
        self._folders = dict(folders)
        self._mounted: list[Path] = []

    def __enter__(self) -> Self:
        for folder in self._folders.values():
            folder.mkdir()
            if os.geteuid() == 0 and _done("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)):
                self._mounted.append(folder)
        return self

    def __exit__(self, *_: object) -> None:
        for folder in self._mounted:
            _done("umount", "--lazy", str(folder))

    def fill(self, node: int, broker: Service) -> None:
        """Leave no room on the disk of a running ``broker``, and wait until it has ended of that."""
        folder = self._folders[node]
        if folder in self._mounted:
            wait_for(lambda: _shrunk(folder), f"the disk of node {node} to be full")
        else:
            resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        wait_for(lambda: not broker.running, f"node {node} to end of its full disk", seconds=30)

    def free(self, node: int) -> None:
        """Make room again."""
        folder = self._folders[node]
        if folder in self._mounted:
            _done("mount", "-o", f"remount,size={_SIZE}", str(folder))


def _shrunk(folder: Path) -> bool:
    """Make the file system as small as what it holds; False when it grew meanwhile."""
    found = os.statvfs(folder)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    return _done("mount", "-o", f"remount,size={used + _PAGE}", str(folder))


def _done(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
