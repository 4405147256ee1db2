import xml.etree.ElementTree as ET
from itertools import combinations
from typing import Any

from hypothesis import given, settings

from ivr_bridge.flows.model import Flow
from ivr_bridge.flows.picture import picture
from ivr_bridge.flows.reach import edges
from tests.flows.random_flow import flows

SVG = "{http://www.w3.org/2000/svg}"
TEXTS = {
    "disclosure": "You are speaking with an automated assistant.",
    "welcome": "Tom & Jerry's <shop>: for our opening hours, press 1; for anything else, wait.",
    "leave_message": "请在提示音后留言。",
}
SHOP = {
    "numbers": ["+15550100*"],
    "start": "main_menu",
    "person": "person",
    "ladder": [{"kind": "retry"}, {"kind": "menu", "node": "main_menu"}, {"kind": "person", "node": "person"}],
    "nodes": {
        "main_menu": {
            "kind": "menu",
            "prompt": "welcome",
            "agent": False,
            "options": {
                "opening_hours": {"key": "1", "says": "our hours", "next": "info"},
                "again": {"key": "9", "says": "that again", "next": "main_menu"},
                "message": {"key": "2", "says": "a message", "next": "message"},
            },
            "otherwise": "message",
        },
        "info": {"kind": "prompt", "prompt": "no_such_text", "next": "main_menu"},
        "message": {"kind": "voicemail"},
        "person": {"kind": "transfer", "number": "+4930123456", "prompt": None, "failed": "message"},
        "away": {"kind": "flow", "flow": "main_menu"},
    },
}


def shop(**changed: Any) -> Flow:
    return Flow.model_validate(SHOP | changed)


def drawn(flow: Flow) -> ET.Element:
    return ET.fromstring(picture("shop", flow, TEXTS))


def texts(element: ET.Element, look: str = "") -> list[str]:
    return ["".join(text.itertext()) for text in element.iter(f"{SVG}text") if not look or text.get("class") == look]


def box(svg: ET.Element, name: str) -> ET.Element:
    (found,) = [group for group in svg.iter(f"{SVG}g") if group.get("data-box") == name]
    return found


def test_a_node_says_its_kind_its_name_and_what_is_heard():
    svg = drawn(shop())
    assert texts(box(svg, "main_menu")) == [
        "menu",
        "main_menu",
        "“Tom & Jerry's <shop>: for",
        "our opening hours, press 1…",
        "digits only",
    ]
    assert texts(box(svg, "message")) == ["voicemail", "message", "“请在提示音后留言。”", "up to 120 s"]
    assert texts(box(svg, "info")) == ["prompt", "info", "“no_such_text”"]
    assert texts(box(svg, "person")) == ["transfer", "person", "+4930123456, rings 25 s"]
    tip = box(svg, "main_menu").find(f"{SVG}title")
    assert tip is not None
    assert tip.text == f"main_menu (menu): {TEXTS['welcome']} digits only"


def test_every_edge_has_its_label_and_goes_where_it_says():
    svg = drawn(shop())
    assert sorted(texts(svg, "label")) == ["1 opening hours", "2 message, otherwise", "2.", "3.", "9 again", "failed"]
    lines = [path for path in svg.iter(f"{SVG}path") if str(path.get("class")).startswith("line")]
    # calls, key 0, two rungs, opening_hours, again, message + otherwise, info, failed
    assert len(lines) == 9
    assert all(line.get("marker-end") == "url(#flow-tip)" for line in lines)
    assert [line.get("class") for line in lines].count("line quiet") == 1


def test_calls_key_0_and_the_ladder_have_boxes():
    svg = drawn(shop())
    assert texts(box(svg, "(calls)")) == ["calls", "+15550100*", "“You are speaking with an", "automated assistant.”"]
    assert texts(box(svg, "(key 0)")) == ["key 0", "to a person"]
    ladder = ["ladder", "when the agent fails", "1. retry", "2. menu: main_menu", "3. person: person"]
    assert texts(box(svg, "(ladder)")) == ladder
    bare = drawn(shop(numbers=[], person=None, disclosure=False, ladder=[{"kind": "apology"}]))
    assert texts(box(bare, "(calls)")) == ["calls", "from other flows"]
    assert "to a person" not in texts(bare)


def test_another_flow_of_a_nodes_name_is_no_line():
    assert texts(box(drawn(shop()), "away")) == ["flow", "away", "goes on in main_menu"]
    assert "" not in texts(drawn(shop()), "label")


def test_for_who_cannot_see_it():
    svg = drawn(shop())
    assert svg.get("role") == "img"
    ids = {element.get("id"): element.text for element in svg.iter() if element.get("id")}
    said = [ids[each] for each in str(svg.get("aria-labelledby")).split()]
    assert said == ["Flow shop", "5 nodes; a call begins at main_menu."]
    assert svg.get("viewBox") == f"0 0 {svg.get('width')} {svg.get('height')}"


def test_it_fits_light_and_dark_pages_and_asks_nobody_for_anything():
    svg = picture("shop", shop(), TEXTS)
    assert "@media (prefers-color-scheme: dark)" in svg
    assert svg.count("http") == svg.count("http://www.w3.org/2000/svg") == 1


def test_text_that_xml_cannot_hold():
    svg = ET.fromstring(picture("shop", shop(), {"welcome": "a\x0bb\x1b[31m\u200bc"}))
    assert texts(box(svg, "main_menu"))[2] == "“a b [31m c”"


@settings(deadline=None)
@given(flows())
def test_any_flow(flow: Flow):
    text = picture("some", flow, TEXTS)
    assert text == picture("some", flow, TEXTS)
    svg = ET.fromstring(text)
    for name, node in flow.nodes.items():
        assert name in texts(box(svg, name))
        for edge in edges(flow, node):
            if not edge.to_flow:
                tips = [title.text or "" for title in svg.iter(f"{SVG}title")]
                assert any(edge.label.replace("_", " ") in tip for tip in tips)
    rectangles = [
        [float(str(rect.get(side))) for side in ("x", "y", "width", "height")]
        for rect in svg.iter(f"{SVG}rect")
        if rect.get("class") == "box"
    ]
    assert len(rectangles) == len(flow.nodes) + 2 + (flow.person is not None)
    for (x, y, width, height), (other_x, other_y, other_width, other_height) in combinations(rectangles, 2):
        beside = x + width < other_x or other_x + other_width < x
        assert beside or y + height < other_y or other_y + other_height < y
