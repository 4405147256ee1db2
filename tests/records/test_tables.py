"""What the tables promise to those who write lines for them."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.dialects import sqlite

from ivr_bridge.records import erasures
from ivr_bridge.records.tables import Instant, key_of, metadata


def test_every_table_has_one_key() -> None:
    assert {name: key_of(table) for name, table in metadata.tables.items()} == {
        **dict.fromkeys(metadata.tables, "id"),
        "calls": "call_sid",
        "conversations": "conversation_id",
    }


def test_an_instant_has_a_zone() -> None:
    instant, dialect = Instant(), sqlite.dialect()
    assert instant.process_bind_param("2026-03-01T09:00:00+01:00", dialect) == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert instant.process_bind_param(None, dialect) is None
    assert instant.process_result_value(datetime(2026, 3, 1), dialect) == datetime(2026, 3, 1, tzinfo=UTC)  # noqa: DTZ001
    with pytest.raises(ValueError, match="zone"):
        instant.process_bind_param("2026-03-01T09:00:00", dialect)


def test_whatever_can_name_a_person_is_known_to_erasures() -> None:
    """A new column of such a name stands there too, or this fails."""
    for name, table in metadata.tables.items():
        for column in {"caller", "number", "to_number"} & set(table.c.keys()):
            assert column in erasures.NUMBERS[name]
        if {"text", "summary"} & set(table.c.keys()):
            assert name in erasures.WHOLE or set(table.c.keys()) & {"text", "summary"} <= set(erasures.OF_CONVERSATION)
        for column in {"file", "audio"} & set(table.c.keys()):
            assert column in erasures.FILES[name]
