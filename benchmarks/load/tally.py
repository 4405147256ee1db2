"""What was seen of the audio of one direction, and the arithmetic of percentiles."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

LATE_MS = 20.0
"""A frame later than one frame's length."""


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile: the smallest value that at least `share` of all do not exceed; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


@dataclass(slots=True)
class Direction:
    """Counts of the measured window, all calls together."""

    latencies_ms: list[float] = field(default_factory=list)
    sent: int = 0
    lost: int = 0
    doubled: int = 0
    crossed: int = 0
    """Audio of one call that came out at another."""
    corrupt: int = 0

    def result(self) -> dict[str, float | int | None]:
        """As it goes into the generator's report; milliseconds."""
        latencies = self.latencies_ms
        return {
            "p50_ms": percentile(latencies, 0.5),
            "p99_ms": percentile(latencies, 0.99),
            "max_ms": max(latencies, default=None),
            "samples": len(latencies),
            "late": sum(latency > LATE_MS for latency in latencies),
            "sent": self.sent,
            "lost": self.lost,
            "doubled": self.doubled,
            "crossed": self.crossed,
            "corrupt": self.corrupt,
        }


@dataclass(slots=True)
class Window:
    """The measured time, on the clock of `time.perf_counter`; nothing is measured before it is opened."""

    begins_at: float = float("inf")
    ends_at: float = float("inf")

    def holds(self, at: float) -> bool:
        """Whether something sent at `at` counts."""
        return self.begins_at <= at < self.ends_at
