"""Turn into the given command, after asking the kernel to end this process when the one that started it ends.

Run as a script: ``python leash.py PARENT COMMAND…``. The request survives ``exec``, so the command has this process id
and needs no guard beside it; even a test run that is killed leaves no broker behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(parent: int, command: list[str]) -> None:
    """Become ``command``; leave at once when ``parent`` ended before the request was made."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() == parent:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
