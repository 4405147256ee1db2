"""The two fixtures as somebody else would use them: README's example, run by a pytest of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server_process import ROOT, clean_env

pytestmark = pytest.mark.timeout(240)

IN_VAIN = """
def test_a_table_is_booked_by_saying_goodbye(phone, sandbox):
    call = phone(say=["no thank you goodbye"])
    assert (call.result, call.reason) == ("completed", "agent_hung_up")
    assert sandbox.url.startswith("http://127.0.0.1:")
    assert call.recording.stat().st_size > 8000 * 4
    assert call.turns[0].who == "agent"
    assert call.first_word_ms is not None
    assert call.tool_calls, "this must fail"
"""


def example() -> str:
    section = (ROOT / "README.md").read_text().partition("## Test a phone call without a phone")[2]
    block = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert block
    return block[1]


def test_readmes_example_passes_and_a_wrong_one_fails(tmp_path: Path):
    assert "def test_a_table_is_booked(phone):" in example()
    (tmp_path / "test_readme.py").write_text(example())
    (tmp_path / "test_in_vain.py").write_text(IN_VAIN)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rfE", "-v", str(tmp_path)],
        cwd=tmp_path,
        env=clean_env(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "test_readme.py::test_a_table_is_booked PASSED" in said, said
    assert "AssertionError: this must fail" in said, said
    assert "1 failed, 1 passed" in said, said
    assert done.returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == [
        "test_in_vain.py",
        "test_readme.py",
    ], "it writes nothing where it was started"
