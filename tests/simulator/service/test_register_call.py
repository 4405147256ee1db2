import xml.etree.ElementTree as ET
from typing import Any

import pytest
from aiohttp import ClientSession

from ivr_bridge.simulator.service.agents import AGENTS
from ivr_bridge.simulator.service.register_call import BadRegistration, answer_registration, check_registration
from tests.simulator.service.caller import served

PATH = "/v1/convai/twilio/register-call"
BODY = {"agent_id": "agent_sandbox_desk", "from_number": "+15550100001", "to_number": "+15550100002"}
DESK = AGENTS["agent_sandbox_desk"]


async def register(body: Any, **options: Any) -> tuple[int, str, Any]:
    async with (
        served(**options) as server,
        ClientSession(headers={"xi-api-key": "k"}) as session,
        session.post(server.make_url(PATH), json=body) as answer,
    ):
        is_json = answer.content_type == "application/json"
        return answer.status, answer.content_type, await (answer.json() if is_json else answer.text())


async def test_twiml_that_any_network_can_follow():
    status, content_type, text = await register(BODY)
    assert (status, content_type) == (200, "text/html")
    response = ET.fromstring(text)
    assert [verb.tag for verb in response] == ["Say", "Say", "Hangup"]
    assert response[0].text == DESK.first_message


def test_what_it_is_to_begin_with():
    override = {"agent": {"language": "es", "first_message": "Hola <tú> & yo"}}
    data = {"type": "conversation_initiation_client_data", "conversation_config_override": override}
    response = ET.fromstring(answer_registration(DESK, BODY | {"conversation_initiation_client_data": data}))
    assert (response[0].text, response[0].attrib) == ("Hola <tú> & yo", {"language": "es-ES"})
    quiet = {"conversation_config_override": {"agent": {"first_message": ""}}}
    response = ET.fromstring(answer_registration(DESK, BODY | {"conversation_initiation_client_data": quiet}))
    assert [verb.tag for verb in response] == ["Say", "Hangup"]


@pytest.mark.parametrize(
    ("change", "field", "kind"),
    [
        ({"agent_id": None}, "agent_id", "string_type"),
        ({"to_number": 1}, "to_number", "string_type"),
        ({"direction": "up"}, "direction", "enum"),
        ({"conversation_initiation_client_data": "x"}, "conversation_initiation_client_data", "dict_type"),
    ],
)
def test_wrong_fields(change: dict[str, Any], field: str, kind: str):
    with pytest.raises(BadRegistration) as bad:
        check_registration(BODY | change)
    assert (bad.value.field, bad.value.kind) == (field, kind)


@pytest.mark.parametrize("name", list(BODY))
async def test_missing_fields(name: str):
    status, _, answer = await register({key: value for key, value in BODY.items() if key != name})
    assert status == 422
    assert answer["detail"] == [{"loc": ["body", name], "msg": "Field required", "type": "missing"}]


@pytest.mark.parametrize(
    ("body", "options", "status", "code"),
    [
        (BODY | {"agent_id": "nobody"}, {}, 404, "agent_not_found"),
        (BODY, {"output_format": "pcm_16000"}, 400, "input_invalid"),
        (BODY | {"agent_id": "agent_sandbox_caller"}, {}, 400, "missing_dynamic_variable"),
        (BODY, {"fault": "no_agent"}, 404, "agent_not_found"),
    ],
)
async def test_refusals(body: dict[str, Any], options: dict[str, Any], status: int, code: str):
    got, _, answer = await register(body, **options)
    assert (got, answer["detail"]["code"]) == (status, code)


async def test_a_body_that_is_no_object():
    assert (await register([]))[0] == 422
