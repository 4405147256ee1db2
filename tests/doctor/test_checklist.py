import asyncio

from aiohttp import web

from ivr_bridge.doctor.checklist import CHECKS
from ivr_bridge.doctor.examination import examine
from tests.doctor.conftest import SandboxVendor, Scene
from tests.support.twilio_rest import FakeTwilio
from tests.support.vendor_server import raw_server


def test_every_check_has_a_name_of_its_own_and_a_remedy():
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.if_broken for check in CHECKS)


async def test_where_all_is_well_nothing_fails(scene: Scene, vendor: SandboxVendor, twilio: FakeTwilio):
    around = scene.around(**vendor.settings(), **twilio.settings(), port=1)
    outcomes = {outcome.check: outcome.finding for outcome in await examine(CHECKS, around)}
    assert [name for name, finding in outcomes.items() if finding.ok is False] == []
    unasked = [name for name, finding in outcomes.items() if finding.ok is None]
    assert unasked == ["server", "signature", "twilio_number", "latency_server"]


async def test_a_dead_key_is_one_failure_and_not_ten(scene: Scene, vendor: SandboxVendor):
    vendor.keys.kill("key-1")
    outcomes = await examine(CHECKS, scene.around(**vendor.settings(), port=1))
    assert [outcome.check for outcome in outcomes if outcome.finding.ok is False] == ["elevenlabs_key"]
    [voices] = [outcome.finding for outcome in outcomes if outcome.check == "voices"]
    assert (voices.ok, voices.remedy) == (None, "see the check `elevenlabs_key`")


async def test_a_hanging_outside_hangs_nothing(scene: Scene, twilio: FakeTwilio):
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    twilio.instead = [hang] * 100
    short = [
        type(check)(check.name, check.ask, check.if_broken, limit_s=min(check.limit_s, 1.0), measures=check.measures)
        for check in CHECKS
        if check.name not in ("config", "store")
    ]
    async with raw_server(silent) as url, asyncio.timeout(20):
        base_url = url.replace("ws://", "http://").partition("/v1")[0]
        around = scene.around(**twilio.settings(), elevenlabs_base_url=base_url, elevenlabs_api_key="k", url=base_url)
        outcomes = {outcome.check: outcome.finding.ok for outcome in await examine(short, around)}
        await around.close()
    assert outcomes["elevenlabs_key"] is False
    assert outcomes["twilio_credentials"] is False
    assert outcomes["disk"] is True
