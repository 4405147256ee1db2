"""The figures as a table for people: ours, the plain relay, and ours divided by it."""

from rich.table import Table

from benchmarks.measurement import Figures

OURS, PLAIN = "ivr-bridge", "plain relay"
COLUMNS = (
    ("CPU ms/call-s", "cpu_ms", 2),
    ("up p50 ms", "up_p50_ms", 2),
    ("p99", "up_p99_ms", 2),
    ("down p50 ms", "down_p50_ms", 2),
    ("p99", "down_p99_ms", 2),
    ("first word p50 ms", "first_word_p50_ms", 0),
    ("p95", "first_word_p95_ms", 0),
    ("webhook p50 ms", "webhook_p50_ms", 1),
    ("p99", "webhook_p99_ms", 1),
    ("RSS KiB/call", "rss_kib", 0),
)
"""Heading, field of `Figures`, decimals."""


def shown(value: float | None, decimals: int) -> str:
    """A figure, or a dash for what was not measured."""
    return "-" if value is None else f"{value:.{decimals}f}"


def ratio(ours: float | None, plain: float | None) -> str:
    """Ours divided by the plain relay's; a dash where that says nothing."""
    return "-" if ours is None or plain is None or plain <= 0 or ours < 0 else f"{ours / plain:.2f}x"


def table(figures: list[Figures]) -> Table:
    """A row for each target, number of calls and format, in the order measured, and the ratios after each pair."""
    result = Table(caption="CPU of the target and its children; added latency; ratio: ours / plain relay")
    for heading in ("format", "calls", "target"):
        result.add_column(heading, no_wrap=True)
    for heading, _, _ in COLUMNS:
        result.add_column(heading, justify="right")
    for heading in ("lost", "late", "waited", "verdict"):
        result.add_column(heading, justify="right")
    groups: dict[tuple[str, int], list[Figures]] = {}
    for each in figures:
        groups.setdefault((each.audio_format, each.calls), []).append(each)
    for (audio_format, calls), group in groups.items():
        for each in group:
            values = (shown(getattr(each, name), decimals) for _, name, decimals in COLUMNS)
            waited = "-" if each.waited_share is None else f"{each.waited_share:.1%}"
            good = each.verdict == "ok"
            result.add_row(
                *(audio_format, str(calls), each.target, *values),
                *(str(each.lost + each.wrong), str(each.late), waited, each.verdict),
                style="" if good else "yellow",
            )
        by_name = {each.target: each for each in group}
        if OURS in by_name and PLAIN in by_name:
            ours, plain = by_name[OURS], by_name[PLAIN]
            ratios = (ratio(getattr(ours, name), getattr(plain, name)) for _, name, _ in COLUMNS)
            result.add_row("", "", "ratio", *ratios, style="bold", end_section=True)
        else:
            result.add_section()
    return result


def lines(figures: list[Figures]) -> str:
    """The same as Markdown, for a file."""
    headings = [
        "format",
        "calls",
        "target",
        *(heading for heading, _, _ in COLUMNS),
        "lost",
        "late",
        "waited",
        "verdict",
    ]
    rows = [headings, ["---"] * len(headings)]
    for each in figures:
        values = [shown(getattr(each, name), decimals) for _, name, decimals in COLUMNS]
        waited = "-" if each.waited_share is None else f"{each.waited_share:.1%}"
        last = [str(each.lost + each.wrong), str(each.late), waited, each.verdict]
        rows.append([each.audio_format, str(each.calls), each.target, *values, *last])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
