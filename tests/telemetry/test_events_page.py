import subprocess
import sys

from ivr_bridge.telemetry.events import CATALOGUE
from ivr_bridge.telemetry.events_page import events_page


def test_one_row_an_event_with_all_its_fields():
    rows = [line for line in events_page().splitlines() if line.startswith("| `")]
    assert len(rows) == len(CATALOGUE)
    for row, event in zip(rows, CATALOGUE.values(), strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[:3] == [f"`{event.name}`", event.level, event.meaning]
        assert cells[3].split() == [*(f"`{n}`" for n in event.fields), *(f"`pii.{n}`" for n in event.pii)]


def test_the_module_prints_the_page():
    command = [sys.executable, "-m", "ivr_bridge.telemetry.events_page"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (printed.stdout, printed.stderr) == (events_page(), "")
