"""Deliveries on virtual time against a service that fails, and one over real HTTP."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ivr_bridge.bridge.voicemail_delivery import LONGEST_AGAIN_S, Receiver, VoicemailDelivery
from ivr_bridge.errors import StoreError
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.http_request import HttpBadStatus, HttpFailed, HttpRequests
from tests.support.served import served
from tests.support.sounds import Rows
from tests.support.virtual_time import run_virtual


@dataclass
class Service:
    """Takes messages, after so many failures."""

    failures: list[HttpFailed] = field(default_factory=list)
    taken: list[tuple[float, str, bytes]] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    urls: set[str] = field(default_factory=set)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, content_type: str = "", **_: Any
    ) -> None:
        now = asyncio.get_running_loop().time()
        self.asked_at.append(now)
        self.urls.add(f"{method} {url}")
        if self.failures:
            raise self.failures.pop(0)
        assert content is not None
        self.taken.append((now, headers["Idempotency-Key"], content))


def row(name: str, folder: Path | None = None) -> dict[str, Any]:
    file = None
    if folder is not None:
        (folder / "voicemails").mkdir(exist_ok=True)
        (folder / "voicemails" / f"{name}.wav").write_bytes(b"sound of " + name.encode())
        file = f"voicemails/{name}.wav"
    return {"id": name, "call_sid": "CA1", "caller": "+15550100001", "recorded_at": datetime.now(UTC), "file": file}


@dataclass
class House:
    var: Path
    listed: list[dict[str, Any]] = field(default_factory=list)
    rows: Rows = field(default_factory=Rows)
    service: Service = field(default_factory=Service)
    down: bool = False

    async def undelivered(self, _since: datetime) -> Sequence[Mapping[str, Any]]:
        if self.down:
            raise StoreError("gone")
        done = {row["id"] for row in self.rows.of("voicemails") if row.get("delivered_at")}
        return [row for row in self.listed if row["id"] not in done]

    def delivery(self) -> VoicemailDelivery:
        receiver = Receiver("https://crm.example/messages", "secret")
        return VoicemailDelivery(
            receiver, self.undelivered, self.rows, self.service, var_dir=self.var, log=Log(), wall=lambda: 1.7e9
        )


def run_for(house: House, length_s: float, *then: tuple[float, Any]) -> list[Any]:
    async def story() -> None:
        delivery = house.delivery()
        running = asyncio.ensure_future(delivery.run())
        for after_s, do in then:
            await asyncio.sleep(after_s)
            do(delivery)
        await asyncio.sleep(length_s)
        running.cancel()
        await asyncio.wait([running])

    async def at_once(work: Any, *args: Any) -> Any:
        return work(*args)

    with capture_logs() as logs, pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr_bridge.bridge.voicemail_delivery.asyncio.to_thread", at_once)
        run_virtual(story())
    return logs


def test_what_waits_at_the_start_is_delivered_and_noted(tmp_path: Path) -> None:
    house = House(tmp_path, [row("VM1", tmp_path), row("RE2")])
    logs = run_for(house, 1)
    assert [name for _, name, _ in house.service.taken] == ["VM1", "RE2"]
    assert b"sound of VM1" in house.service.taken[0][2]
    assert b"audio/wav" not in house.service.taken[1][2], "Twilio has that one"
    assert all(each["delivered_at"] for each in house.rows.of("voicemails"))
    assert [line["event"] for line in logs] == ["voicemail.delivered"] * 2
    assert house.service.urls == {"POST https://crm.example/messages"}


def test_a_new_message_goes_out_soon_and_once(tmp_path: Path) -> None:
    house = House(tmp_path)

    def comes(delivery: VoicemailDelivery) -> None:
        house.listed.append(row("VM1", tmp_path))
        delivery.wake()

    run_for(house, 100, (10.0, comes))
    [(at, _, _)] = house.service.taken
    assert at - 1000.0 < 12


def test_a_service_that_fails_is_asked_ever_less_often(tmp_path: Path) -> None:
    house = House(tmp_path, [row("VM1", tmp_path)])
    house.service.failures = [HttpBadStatus("crm.example answered 503", status=503)] * 12
    logs = run_for(house, 3 * 3600)
    gaps = [
        round(later - earlier)
        for earlier, later in zip(house.service.asked_at, house.service.asked_at[1:], strict=False)
    ]
    assert gaps[:6] == [5, 10, 20, 40, 80, 160]
    assert gaps[-1] == LONGEST_AGAIN_S
    assert len(house.service.taken) == 1
    undelivered = [line for line in logs if line["event"] == "voicemail.undelivered"]
    assert len(undelivered) == 12
    assert undelivered[0]["error"] == "crm.example answered 503"
    assert "+1555" not in str(logs)
    [done] = [line for line in logs if line["event"] == "voicemail.delivered"]
    assert done["attempt"] == 13


def test_one_that_fails_does_not_hold_up_the_others(tmp_path: Path) -> None:
    house = House(tmp_path, [row("VM1", tmp_path), row("VM2", tmp_path)])
    house.service.failures = [HttpBadStatus("crm.example answered 500", status=500)]
    run_for(house, 1)
    assert [name for _, name, _ in house.service.taken] == ["VM2"]


def test_a_database_that_notes_late_does_not_make_it_come_twice(tmp_path: Path) -> None:
    house = House(tmp_path, [row("VM1", tmp_path)])
    house.rows.change = lambda *_, **__: None  # type: ignore[method-assign]
    run_for(house, 300)
    assert len(house.service.taken) == 1


def test_a_database_that_is_down_is_asked_again(tmp_path: Path) -> None:
    house = House(tmp_path, [row("VM1", tmp_path)], down=True)

    def comes_back(_delivery: VoicemailDelivery) -> None:
        house.down = False

    run_for(house, 60, (100.0, comes_back))
    assert len(house.service.taken) == 1


def test_a_message_of_another_machine_is_left_to_it(tmp_path: Path) -> None:
    there = row("VM1") | {"file": "voicemails/VM1.wav"}
    house = House(tmp_path, [there])
    assert run_for(house, 100) == []
    assert house.service.asked_at == []


async def test_over_real_http_the_receiver_can_check_who_delivers(tmp_path: Path) -> None:
    came: list[tuple[str, bytes, str]] = []

    async def take(request: web.Request) -> web.Response:
        headers = request.headers
        came.append((headers["Ivr-Bridge-Signature"], await request.read(), headers["Content-Type"]))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/messages", take)
    requests, house = HttpRequests(), House(tmp_path, [row("VM1", tmp_path)])
    async with served(app) as url:
        refused = Receiver(f"{url}/messages", "secret")
        allowed = Receiver(refused.url, "secret", allow_private=True)
        try:
            with capture_logs() as logs:
                for receiver in (refused, allowed):
                    made = VoicemailDelivery(
                        receiver, house.undelivered, house.rows, requests, var_dir=tmp_path, log=Log()
                    )
                    await made._deliver_all()
        finally:
            await requests.close()
    assert [line["event"] for line in logs] == ["voicemail.undelivered", "voicemail.delivered"], (
        "guarded unless allowed"
    )
    [(shown, body, content_type)] = came
    at, made_by = shown.split(",")
    right = hmac.new(b"secret", at.removeprefix("t=").encode() + b"." + body, hashlib.sha256).hexdigest()
    assert made_by == f"v1={right}"
    assert content_type.startswith("multipart/form-data; boundary=")
    assert b"sound of VM1" in body
