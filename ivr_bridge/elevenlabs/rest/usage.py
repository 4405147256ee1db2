"""What was used when.

Every instant here is in unix MILLISECONDS, also where the vendor's name for it ends in `_unix`.

Source: https://elevenlabs.io/docs/api-reference/usage/get
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.asking import ask, given
from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.elevenlabs.rest.transport import Transport

_EARLIEST_MS = 1_577_836_800_000
"""1 January 2020. What is smaller was meant as seconds."""


class CharacterStats(Answer):
    """Numbers along a time axis."""

    time: tuple[int, ...]
    """Unix milliseconds."""
    usage: dict[str, tuple[float, ...]]
    """What was broken down -> a number for each instant of `time`."""


class UsageTable(Answer):
    """A table; its columns depend on what was asked for."""

    columns: tuple[str, ...]
    column_types: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...]

    def records(self) -> Iterator[dict[str, Any]]:
        """Each row by the names of its columns."""
        for row in self.rows:
            yield dict(zip(self.columns, row, strict=False))


class Usage:
    """What the account has used."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def by_product(
        self,
        *,
        start_ms: int,
        end_ms: int,
        interval_seconds: int = 86_400,
        group_by: Sequence[str] | None = None,
        filters: Sequence[Mapping[str, object]] | None = None,
        time_zone: str | None = None,
    ) -> UsageTable:
        """Credits by product over time.

        Args:
            start_ms: unix milliseconds, 2020 or later.
            end_ms: unix milliseconds.
            interval_seconds: how long a row's span is.
            group_by: `product_type`, `model`, `voice_id`, `request_source` ...
            filters: conditions on columns, as the vendor writes them.
            time_zone: where days begin; the vendor's default is UTC.

        Raises:
            ValueError: the span is no span of milliseconds.
            VendorError: no answer or an error.

        Source: https://elevenlabs.io/docs/api-reference/workspace/analytics
        """
        _check_span(start_ms, end_ms)
        body = given(
            start_time=start_ms,
            end_time=end_ms,
            interval_seconds=interval_seconds,
            group_by=group_by,
            filters=filters,
            time_zone=time_zone,
        )
        request = Request("POST", "/v1/workspace/analytics/query/usage-by-product-over-time", json=body)
        return await ask(self._transport, request, UsageTable)

    async def character_stats(
        self,
        *,
        start_ms: int,
        end_ms: int,
        include_workspace_metrics: bool | None = None,
        breakdown_type: str | None = None,
        aggregation_interval: Literal["hour", "day", "week", "month", "cumulative"] | None = None,
        metric: str | None = None,
    ) -> CharacterStats:
        """What was used over time, by an operation that the vendor calls deprecated: `by_product` came after it.

        Raises:
            ValueError: the span is no span of milliseconds.
            VendorError: no answer or an error.
        """
        _check_span(start_ms, end_ms)
        query = {
            "start_unix": start_ms,
            "end_unix": end_ms,
            "include_workspace_metrics": include_workspace_metrics,
            "breakdown_type": breakdown_type,
            "aggregation_interval": aggregation_interval,
            "metric": metric,
        }
        return await ask(self._transport, Request("GET", "/v1/usage/character-stats", query), CharacterStats)


def _check_span(start_ms: int, end_ms: int) -> None:
    if start_ms < _EARLIEST_MS:
        raise ValueError(f"start_ms is {start_ms}: before 2020, or seconds; give unix milliseconds")
    if end_ms < start_ms:
        raise ValueError(f"end_ms is {end_ms}: before start_ms, or seconds; give unix milliseconds")
