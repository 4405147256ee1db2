import re
import shutil
from pathlib import Path

import pytest

from ivr_bridge.config_file import Problem
from ivr_bridge.errors import ConfigError
from ivr_bridge.tools.http_tool_file import read_http_tools

GOOD = """\
name: order_status
description: Look up an order.
parameters:
  type: object
  properties:
    order: {type: string}
  required: [order]
url: https://shop.example.com/orders/{order}
headers:
  Authorization: Bearer ${SHOP_TOKEN}
result: /state
"""
ENVIRON = {"SHOP_TOKEN": "s3cret", "HOME": "/root"}
SHIPPED = Path(__file__).parents[2] / "config" / "tools"


def write(folder: Path, text: str, name: str = "order_status.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def problems(folder: Path, environ: dict[str, str] = ENVIRON) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read_http_tools(folder, environ)
    assert "s3cret" not in str(raised.value)
    return [line.replace(f"{folder}/", "") for line in raised.value.problems]


def test_a_file_and_what_it_needs_of_the_environment(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    (spec,) = read_http_tools(tmp_path, ENVIRON)
    assert (spec.file.name, spec.file.method, spec.file.timeout_s, spec.file.allow) == ("order_status", "GET", 5, [])
    assert spec.place == str(path)
    assert spec.environ == {"SHOP_TOKEN": "s3cret"}
    assert "s3cret" not in repr(spec)


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write(tmp_path, GOOD.replace("order_status", name), f"{name}.yaml")
    write(tmp_path, "not: read", "d.yaml.example")
    assert [spec.file.name for spec in read_http_tools(tmp_path, ENVIRON)] == ["a", "b", "c"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert read_http_tools(tmp_path / "nowhere", {}) == ()


def test_what_is_shipped_calls_nobody_and_its_example_is_right(tmp_path: Path) -> None:
    assert read_http_tools(SHIPPED, {}) == ()
    shutil.copyfile(SHIPPED / "order_status.yaml.example", tmp_path / "order_status.yaml")
    (spec,) = read_http_tools(tmp_path, ENVIRON)
    assert spec.file.result == "Order {order} is {/state} and arrives on {/delivery/day}."


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ("name: order_status", "name: order status", ":1: name: a name has 1 to 64 letters"),
        ("description: Look up an order.", "description: ''", ":2: description: "),
        ("result: /state", "resalt: /state", ":11: resalt: "),
        ("type: object", "type: list", ":4: parameters.type: is no JSON schema: 'list'"),
        ("order: {type: string}", "Order: {type: string}", ":7: parameters.required: order is not among"),
        ("required: [order]", "required: []\n  properties2: {}\nmethod: FETCH", ":9: method: "),
        ("    order: {type: string}", "    order: {type: string}\n    caller: {}", "'caller' is the call's own"),
        ("    order: {type: string}", "    order: {type: string}\n    call: {}", "'call' is the call's own"),
        ("    order: {type: string}", "    order: {type: string}\n    Call: {}", "'Call': a parameter's name"),
        ("https://shop.example.com", "ftp://shop.example.com", ":8: url: needs http(s)://host/..."),
        ("https://shop.example.com", "https://{order}.example.com", ":8: url: needs http(s)://host/..."),
        ("https://shop.example.com", "https://me:pw@shop.example.com", ":8: url: needs http(s)://host/..."),
        ("https://shop.example.com", "${HOME}{order}", ":8: url: needs http(s)://host/..."),
        ("https://shop.example.com", "${HOME}", ":8: url: the url is not http(s)://host/..."),
        ("https://shop.example.com", "http://10.0.0.5", ":8: url: 10.0.0.5 is not public; if it is meant"),
        ("https://shop.example.com", "http://[::1]:80", ":8: url: ::1 is not public; if it is meant"),
        ("https://shop.example.com", "http://2130706433", ":8: url: 2130706433 is an address in an unusual notation"),
        ("/orders/{order}", "/orders/{number}", ":8: url: {number} is no parameter; there are: order, caller,"),
        ("/orders/{order}", "/orders?api_key=literal", ":8: url: api_key: a secret stands in the environment"),
        ("Bearer ${SHOP_TOKEN}", "Bearer abc", ":10: headers.Authorization: a secret stands in the environment"),
        ("Authorization: Bearer ${SHOP_TOKEN}", "X-Api-Key: abc", "X-Api-Key: a secret stands in the environment"),
        ("Authorization: Bearer ${SHOP_TOKEN}", "Cookie: session=1", "Cookie: a secret stands in the environment"),
        ("Authorization: Bearer ${SHOP_TOKEN}", "X-Other: Basic YTpi", "X-Other: a secret stands in the environment"),
        ("Authorization: Bearer", "Host: ${SHOP_TOKEN} #", "Host: is set by the request itself"),
        ("Authorization: Bearer", "'a b': ${SHOP_TOKEN} #", "'a b' is no header's name"),
        ("${SHOP_TOKEN}", "${SHOP_KEY}", ":10: headers.Authorization: SHOP_KEY is not set; set SHOP_KEY in"),
        ("Bearer ${SHOP_TOKEN}", "Bearer ${SHOP_TOKEN}{nobody}", "{nobody} is no parameter"),
        ("result: /state", "body: {a: 1}", ":11: body: a GET has no body"),
        ("result: /state", "method: POST\nbody: {a: ['{nobody}']}", ":12: body: {nobody} is no parameter"),
        ("result: /state", "method: POST\nbody: {secret_key: abc}", ":12: body.secret_key: a secret stands in"),
        ("result: /state", "method: POST\nbody:\n  a: ${NOT_SET}", ":13: body.a: NOT_SET is not set"),
        ("result: /state", "result: It is here.", ":11: result: needs a JSON pointer"),
        ("result: /state", "result: /a~2", ":11: result: '/a~2' is no JSON pointer"),
        ("result: /state", "result: '{nobody} is {/state}'", ":11: result: {nobody} is no parameter"),
        ("result: /state", "not_found: No {nobody}.", ":11: not_found: {nobody} is no parameter"),
        ("result: /state", "timeout_s: 0", ":11: timeout_s: "),
        ("result: /state", "allow: ['http://x']", ":11: allow: 'http://x' is no host name, address or network"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(tmp_path: Path, was: str, becomes: str, problem: str) -> None:
    assert was in GOOD
    write(tmp_path, GOOD.replace(was, becomes))
    found = problems(tmp_path)
    assert any(problem in line for line in found), found
    assert all(re.match(r"order_status\.yaml:\d+: ", line) for line in found)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("https://shop.example.com/orders/{order}", "${BASE}/orders/{order}"),
        ("https://shop.example.com/orders/{order}", "https://${HOST}:8443/orders"),
        ("https://shop.example.com/orders/{order}", "https://shop.example.com?api_key=${SHOP_TOKEN}&q={{}}"),
        ("https://shop.example.com/orders/{order}", "http://10.0.0.5/{order}\nallow: [10.0.0.0/8]"),
        ("Authorization: Bearer ${SHOP_TOKEN}", "Idempotency-Key: '{call_sid}'"),
        ("result: /state", "method: POST\nbody: {query: 'query {{ state }}', token: '${SHOP_TOKEN}', who: '{caller}'}"),
    ],
)
def test_what_else_is_right(tmp_path: Path, was: str, becomes: str) -> None:
    write(tmp_path, GOOD.replace(was, becomes))
    read_http_tools(tmp_path, {**ENVIRON, "BASE": "https://shop.example.com", "HOST": "shop.example.com"})


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "a.yaml")
    write(tmp_path, GOOD, "b.yaml")
    write(tmp_path, GOOD.replace("name: order_status", "name: other").replace("SHOP_TOKEN", "UNSET"), "c.yaml")
    write(tmp_path, "name: [", "d.yaml")
    found = problems(tmp_path)
    assert [line.partition(": ")[0] for line in found] == ["b.yaml:1", "c.yaml:10", "d.yaml:1"]
    assert "name: 'order_status' is the tool of" in found[0]
    with pytest.raises(ConfigError) as raised:
        read_http_tools(tmp_path, ENVIRON)
    assert all(isinstance(line, Problem) for line in raised.value.problems)
