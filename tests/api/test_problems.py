import json

from ivr_bridge.api.problems import problem


def test_looks_as_the_rfc_says():
    response = problem(401, "say who you are", code="key_missing", headers={"WWW-Authenticate": "Bearer"})
    assert response.status == 401
    assert response.content_type == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["Cache-Control"] == "no-store"
    assert json.loads(response.body or b"") == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "say who you are",
        "code": "key_missing",
    }


def test_without_a_code_the_status_says_it_all():
    assert "code" not in json.loads(problem(404, "no such call").body or b"")
