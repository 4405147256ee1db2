"""Microseconds of a small piece of work: the least of many rounds, since whatever else runs can only add to it."""

import time
from collections.abc import Callable

ROUNDS = 80
ROUND_S = 0.001


def microseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """What one call of `work` takes, on a machine that may be busy with something else."""
    work()
    begun_at = time.perf_counter()
    repeats = 0
    while time.perf_counter() - begun_at < ROUND_S:
        work()
        repeats += 1
    repeats = max(1, repeats)
    best_s = float("inf")
    for _ in range(rounds):
        begun_at = time.perf_counter()
        for _ in range(repeats):
            work()
        best_s = min(best_s, time.perf_counter() - begun_at)
    return best_s / repeats * 1e6
