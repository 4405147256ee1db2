"""What a process and its children have used: CPU, waiting for a core, memory. Linux only; elsewhere nothing is told."""

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_NS = 1e-9


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals since the processes began: subtract two of them."""

    cpu_s: float
    waited_s: float
    """Ready to run, and another process had the core."""
    rss_kib: int


def available() -> bool:
    """Whether this machine tells."""
    return (_PROC / "self" / "schedstat").exists()


def usage(pid: int) -> Usage:
    """Of `pid` and all that descend from it; all threads. Zeros where it cannot be told."""
    cpu_s = waited_s = 0.0
    rss_kib = 0
    for member in _family(pid) if available() else ():
        folder = _PROC / str(member)
        try:
            for thread in (folder / "task").iterdir():
                cpu_ns, waited_ns, _ = (thread / "schedstat").read_text().split()
                cpu_s += int(cpu_ns) * _NS
                waited_s += int(waited_ns) * _NS
            rss_kib += int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
        except OSError:
            continue  # it has just ended
    return Usage(cpu_s, waited_s, rss_kib)


def busy_cores(seconds_of: "MachineTime", later: "MachineTime") -> float:
    """How many cores were busy, on average, between two readings."""
    whole_s = later.whole_s - seconds_of.whole_s
    return (os.cpu_count() or 1) * (1 - (later.idle_s - seconds_of.idle_s) / whole_s) if whole_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class MachineTime:
    """Time of all cores together, whole and idle, in ticks of the kernel."""

    whole_s: float
    idle_s: float


def machine_time() -> MachineTime:
    """Now."""
    if not available():
        return MachineTime(0.0, 0.0)
    fields = [int(word) for word in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    return MachineTime(sum(fields), fields[3] + fields[4])


def _family(pid: int) -> list[int]:
    parents: dict[int, int] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    members = [pid]
    for member in members:
        members += [child for child, parent in parents.items() if parent == member]
    return members
