"""Alembic's way in: runs on the connection that `Database.upgrade` hands over."""

from alembic import context
from sqlalchemy import text

from ivr_bridge.records.tables import metadata

_ONE_AT_A_TIME = 0x697672  # any number that other programs on the same database do not use

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
    context.run_migrations()
