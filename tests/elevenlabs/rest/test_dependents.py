"""Who uses a thing."""

from ivr_bridge.elevenlabs.rest.dependents import DependentAgentsPage


def test_an_agent_that_the_key_may_not_see_has_no_name():
    page = DependentAgentsPage.model_validate(
        {
            "agents": [
                {"id": "a", "name": "Desk", "type": "available", "created_at_unix_secs": 1, "access_level": "admin"},
                {"id": "b", "type": "unknown", "referenced_resource_ids": ["t"]},
            ],
            "has_more": False,
        }
    )
    assert [(agent.id, agent.name, agent.type) for agent in page.agents] == [
        ("a", "Desk", "available"),
        ("b", "", "unknown"),
    ]
