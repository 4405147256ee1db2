"""A core for the bridge and another for the generator, where the system lets us choose."""

import os
from typing import NamedTuple


class Cores(NamedTuple):
    """Which core each runs on; None: wherever the system puts it."""

    generator: int | None
    target: int | None


def choose() -> Cores:
    """The last core that we may use for the bridge, the first for the generator; no choice with fewer than two."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores(None, None)
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[-1]) if len(allowed) > 1 else Cores(None, None)


def pin(pid: int, core: int | None) -> None:
    """Keep a process, and what it starts from now on, on one core."""
    if core is not None:
        os.sched_setaffinity(pid, {core})
