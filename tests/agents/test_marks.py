import pytest

from ivr_bridge.agents.marks import (
    FILE_NAME,
    ContentMark,
    content_hash,
    document_name,
    name_of_tag,
    read_document_name,
    read_tool_mark,
    tag_of,
    tool_mark,
)


def test_a_hash_is_twelve_hex_digits_and_knows_its_parts() -> None:
    assert content_hash(b"opening hours") == content_hash(b"opening hours")
    assert len(content_hash(b"")) == 12
    assert set(content_hash(b"x")) <= set("0123456789abcdef")
    assert content_hash(b"ab", b"c") != content_hash(b"a", b"bc")
    assert content_hash(b"a") != content_hash(b"a", b"")


def test_an_agents_tag_leads_back_to_its_file() -> None:
    assert tag_of("desk") == "ivr-bridge:desk"
    assert name_of_tag(tag_of("desk")) == "desk"


@pytest.mark.parametrize("tag", ["", "desk", "ivr-bridge", "ivr-bridge:", "ivr-bridge:a:b", "my-ivr-bridge:desk"])
def test_a_foreign_tag_is_not_ours(tag: str) -> None:
    assert name_of_tag(tag) is None


def test_a_documents_name_leads_back_to_its_file() -> None:
    mark = ContentMark("prices", content_hash(b"1 euro"))
    assert read_document_name(document_name(mark.name, mark.content_hash)) == mark


@pytest.mark.parametrize(
    "name",
    ["prices", "ivr-bridge:prices", "ivr-bridge:prices:12", "ivr-bridge:prices:ABCDEF012345", "x:a:abcdef012345"],
)
def test_a_foreign_document_is_not_ours(name: str) -> None:
    assert read_document_name(name) is None


def test_a_tools_mark_is_read_from_its_configuration() -> None:
    mark = ContentMark("order_status", content_hash(b"{}"))
    placeholders = {"ivr_bridge": tool_mark(mark.name, mark.content_hash)}
    config = {"name": "order_status", "dynamic_variables": {"dynamic_variable_placeholders": placeholders}}
    assert read_tool_mark(config) == mark


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"dynamic_variables": None},
        {"dynamic_variables": {"dynamic_variable_placeholders": {"ivr_bridge": 3}}},
        {"dynamic_variables": {"dynamic_variable_placeholders": {"ivr_bridge": "by hand"}}},
        {"dynamic_variables": {"dynamic_variable_placeholders": {"caller": "order_status:abcdef012345"}}},
    ],
)
def test_a_foreign_tool_is_not_ours(config: dict[str, object]) -> None:
    assert read_tool_mark(config) is None


@pytest.mark.parametrize("name", ["desk", "order_status", "Desk-2", "1"])
def test_what_a_file_may_be_called(name: str) -> None:
    assert FILE_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "a:b", "a b", ".desk", "-desk", "x" * 65, "é"])
def test_what_a_file_may_not_be_called(name: str) -> None:
    assert not FILE_NAME.fullmatch(name)
