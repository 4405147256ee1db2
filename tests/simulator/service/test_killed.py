"""A sandbox that is killed while it works finds everything again that it has answered."""

import http.client
import json
import signal
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.cli.sandbox_child import READY
from tests.support.server_process import RunningProcess, clean_env, wait_until

pytestmark = pytest.mark.timeout(120)


def ask(url: str, method: str = "GET", body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"xi-api-key": "k", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def url_of(process: RunningProcess) -> str:
    wait_until(lambda: process.lines or process.has_ended(), "its first line")
    return process.lines[0].removeprefix(READY).strip()


def test_what_was_answered_is_there(tmp_path: Path):
    command = ("sandbox", "--port", "0", "--state", str(tmp_path / "kept"))
    made: list[str] = []
    enough = threading.Event()

    def make(url: str) -> None:
        try:
            while True:
                made.append(ask(f"{url}/v1/convai/knowledge-base/text", "POST", {"text": "x" * 50_000})["id"])
                if len(made) == 20:
                    enough.set()
        except (OSError, http.client.HTTPException, ValueError):
            return

    with RunningProcess(*command, env=clean_env()) as process:
        worker = threading.Thread(target=make, args=(url_of(process),))
        worker.start()
        assert enough.wait(30)
        process.signal(signal.SIGKILL)
        worker.join(30)
    with RunningProcess(*command, env=clean_env()) as process:
        url = url_of(process)
        for document_id in made:
            assert ask(f"{url}/v1/convai/knowledge-base/{document_id}")["metadata"]["size_bytes"] == 50_000
        kept = list((tmp_path / "kept" / "knowledge").glob("*.json"))
        assert len(made) <= len(kept) <= len(made) + 1, "at most the one that was being answered"
