"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

_TABLES: dict[str, list[sa.Column[object]]] = {
    "callbacks": [
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("number", sa.String(64)),
        sa.Column("flow", sa.String(64)),
        sa.Column("language", sa.String(8)),
        sa.Column("asked_at", _INSTANT),
        sa.Column("state", sa.String(16)),
        sa.Column("attempts", sa.Integer()),
        sa.Column("last_at", _INSTANT),
        sa.Column("last_error", sa.String(128)),
    ],
    "calls": [
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("direction", sa.String(16)),
        sa.Column("caller", sa.String(64)),
        sa.Column("called", sa.String(64)),
        sa.Column("flow", sa.String(64)),
        sa.Column("language", sa.String(8)),
        sa.Column("agent_id", sa.String(128)),
        sa.Column("began_at", _INSTANT),
        sa.Column("ended_at", _INSTANT),
        sa.Column("duration_s", sa.Float()),
        sa.Column("termination", sa.String(64)),
        sa.Column("account", sa.JSON()),
        sa.Column("erased_at", _INSTANT),
    ],
    "conversations": [
        sa.Column("conversation_id", sa.String(128), primary_key=True),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("agent_id", sa.String(128)),
        sa.Column("status", sa.String(32)),
        sa.Column("duration_s", sa.Float()),
        sa.Column("cost", sa.Float()),
        sa.Column("summary", sa.Text()),
        sa.Column("file", sa.Text()),
        sa.Column("home", sa.String(64)),
        sa.Column("audio", sa.Text()),
        sa.Column("audio_home", sa.String(64)),
        sa.Column("told_at", _INSTANT),
        sa.Column("caller", sa.String(64)),
        sa.Column("erased_at", _INSTANT),
    ],
    "dials": [
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("to_number", sa.String(64)),
        sa.Column("flow", sa.String(64)),
        sa.Column("asked_at", _INSTANT),
        sa.Column("variables", sa.JSON()),
        sa.Column("machine_detection", sa.Boolean()),
        sa.Column("state", sa.String(16)),
        sa.Column("tried_at", _INSTANT),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("answered_by", sa.String(32)),
        sa.Column("last_error", sa.String(128)),
        sa.Column("callback_id", sa.String(64)),
    ],
    "erasures": [
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("erased_at", _INSTANT, nullable=False),
    ],
    "journals": [
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
    ],
    "owed_files": [
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("home", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
    ],
    "recordings": [
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("file", sa.Text()),
        sa.Column("home", sa.String(64)),
        sa.Column("began_at", _INSTANT),
        sa.Column("duration_s", sa.Float()),
        sa.Column("bytes", sa.BigInteger()),
        sa.Column("delete_after", _INSTANT),
        sa.Column("deleted_at", _INSTANT),
    ],
    "rungs": [
        sa.Column("id", sa.String(96), primary_key=True),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("rung", sa.String(32)),
        sa.Column("cause", sa.String(32)),
        sa.Column("at", _INSTANT),
    ],
    "tool_calls": [
        sa.Column("id", sa.String(96), primary_key=True),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("tool", sa.String(64)),
        sa.Column("ok", sa.Boolean()),
        sa.Column("error", sa.String(64)),
        sa.Column("ms", sa.Float()),
        sa.Column("at", _INSTANT),
    ],
    "transfers": [
        sa.Column("id", sa.String(96), primary_key=True),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("kind", sa.String(16)),
        sa.Column("to_number", sa.String(128)),
        sa.Column("outcome", sa.String(32)),
        sa.Column("talked_s", sa.Float()),
        sa.Column("broken", sa.Boolean()),
        sa.Column("at", _INSTANT),
    ],
    "turns": [
        sa.Column("id", sa.String(96), primary_key=True),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("position", sa.Integer()),
        sa.Column("speaker", sa.String(16)),
        sa.Column("text", sa.Text()),
        sa.Column("at", _INSTANT),
    ],
    "voicemails": [
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("caller", sa.String(64)),
        sa.Column("called", sa.String(64)),
        sa.Column("recorded_at", _INSTANT),
        sa.Column("duration_s", sa.Float()),
        sa.Column("recording_sid", sa.String(64)),
        sa.Column("recording_url", sa.Text()),
        sa.Column("file", sa.Text()),
        sa.Column("home", sa.String(64)),
        sa.Column("heard_at", _INSTANT),
        sa.Column("delivered_at", _INSTANT),
    ],
}
_INDEXES = [
    ("callbacks", ["asked_at"]),
    ("callbacks", ["state"]),
    ("calls", ["began_at"]),
    ("conversations", ["call_sid"]),
    ("dials", ["asked_at"]),
    ("dials", ["call_sid"]),
    ("dials", ["state"]),
    ("erasures", ["erased_at"]),
    ("owed_files", ["home"]),
    ("recordings", ["call_sid"]),
    ("recordings", ["delete_after"]),
    ("rungs", ["call_sid"]),
    ("tool_calls", ["call_sid"]),
    ("transfers", ["call_sid"]),
    ("turns", ["call_sid", "position"]),
    ("voicemails", ["call_sid"]),
    ("voicemails", ["recorded_at"]),
]


def upgrade() -> None:
    """Make them."""
    for name, columns in _TABLES.items():
        key = sa.PrimaryKeyConstraint(*(column.name for column in columns if column.primary_key), name=f"pk_{name}")
        for column in columns:
            column.primary_key = False
        op.create_table(name, *columns, key)
    for name, indexed in _INDEXES:
        op.create_index(f"ix_{name}_{indexed[0]}", name, indexed)


def downgrade() -> None:
    """Drop them, with all that is in them."""
    for name in reversed(_TABLES):
        op.drop_table(name)
