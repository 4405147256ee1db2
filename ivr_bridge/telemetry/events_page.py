"""`python -m ivr_bridge.telemetry.events_page`: docs/events.md, made from the catalogue."""

import sys

from ivr_bridge.telemetry.events import CATALOGUE

HEAD = """# Log events

Every line of the log is one of these. `pii.*` is masked unless `LOG_PII=true`; every event of a call has its
`call_sid`. Made by `make docs` from `ivr_bridge/telemetry/events.py`.

| event | level | meaning | fields |
| --- | --- | --- | --- |
"""


def events_page() -> str:
    """The page as Markdown."""
    rows = []
    for event in CATALOGUE.values():
        fields = [f"`{name}`" for name in event.fields] + [f"`pii.{name}`" for name in event.pii]
        rows.append(f"| `{event.name}` | {event.level} | {event.meaning} | {' '.join(fields)} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(events_page())
