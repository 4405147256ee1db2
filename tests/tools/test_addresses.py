from ipaddress import ip_address

import pytest

from ivr_bridge.tools.addresses import Allowance, kind_of, read_address


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("8.8.8.8", "public"),
        ("172.32.0.1", "public"),
        ("2606:4700::1111", "public"),
        ("::ffff:8.8.8.8", "public"),
        ("64:ff9b::808:808", "public"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("127.0.0.1", "private"),
        ("127.255.255.254", "private"),
        ("100.64.0.1", "private"),
        ("100.127.255.255", "private"),
        ("::1", "private"),
        ("fc00::1", "private"),
        ("fdff::1", "private"),
        ("::ffff:127.0.0.1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("64:ff9b::a00:1", "private"),
        ("0.0.0.0", "special"),
        ("0.1.2.3", "special"),
        ("169.254.169.254", "special"),
        ("169.254.170.2", "special"),
        ("100.100.100.200", "special"),
        ("168.63.129.16", "special"),
        ("192.0.0.192", "special"),
        ("192.0.2.1", "special"),
        ("198.18.0.1", "special"),
        ("203.0.113.9", "special"),
        ("224.0.0.1", "special"),
        ("239.255.255.255", "special"),
        ("240.0.0.1", "special"),
        ("255.255.255.255", "special"),
        ("::", "special"),
        ("::7f00:1", "special"),
        ("::ffff:169.254.169.254", "special"),
        ("64:ff9b:1::1", "special"),
        ("fe80::1", "special"),
        ("fe80::1%1", "special"),
        ("fec0::1", "special"),
        ("ff02::1", "special"),
        ("fd00:ec2::254", "special"),
        ("2001::1", "special"),
        ("2001:db8::1", "special"),
        ("2002:7f00:1::", "special"),
        ("4000::1", "special"),
    ],
)
def test_what_kind_an_address_is(text: str, kind: str) -> None:
    assert kind_of(ip_address(text)) == kind


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "fe80::1%eth0", "8.8.8.8"])
def test_a_host_that_is_an_address(text: str) -> None:
    assert read_address(text) == ip_address(text)


@pytest.mark.parametrize(
    "text", ["example.com", "localhost", "1.example", "a-1.internal.", "0xyz.example", "127.0.0.1.nip.io"]
)
def test_a_host_that_is_a_name(text: str) -> None:
    assert read_address(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "127.0.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "1.2.3.4.5",
        "256.1.1.1",
        "::1::",
        "0x7f.0x1.0x2.0x3.0x4",
    ],
)
def test_a_host_in_an_unusual_notation(text: str) -> None:
    with pytest.raises(ValueError, match=r"unusual notation|no address"):
        read_address(text)


@pytest.mark.parametrize(
    ("allowed", "admitted", "refused"),
    [
        (False, ["8.8.8.8"], ["10.0.0.1", "127.0.0.1", "169.254.169.254"]),
        (True, ["8.8.8.8", "10.0.0.1", "::1", "100.64.0.1"], ["169.254.169.254", "224.0.0.1", "0.0.0.0", "fe80::1"]),
        ([], [], ["10.0.0.1"]),
        (["10.0.0.1"], ["10.0.0.1", "::ffff:10.0.0.1"], ["10.0.0.2", "127.0.0.1"]),
        (["10.1.0.0/16", "fd12::/48"], ["10.1.200.1", "fd12::9"], ["10.2.0.1", "fd13::1"]),
        (["[::1]"], ["::1"], ["127.0.0.1"]),
        (["169.254.169.254"], ["169.254.169.254"], ["169.254.169.253"]),
        (["orders.internal"], [], ["10.0.0.1"]),
    ],
)
def test_what_an_allowance_admits(allowed: bool | list[str], admitted: list[str], refused: list[str]) -> None:
    allowance = Allowance.read(allowed)
    assert [text for text in admitted + refused if allowance.admits(ip_address(text))] == admitted


def test_a_listed_name_admits_private_addresses_and_no_special_ones() -> None:
    allowance = Allowance.read(["Orders.Internal."])
    assert allowance.admits(ip_address("10.0.0.1"), "orders.internal")
    assert allowance.admits(ip_address("127.0.0.1"), "ORDERS.internal.")
    assert not allowance.admits(ip_address("10.0.0.1"), "other.internal")
    assert not allowance.admits(ip_address("169.254.169.254"), "orders.internal")


@pytest.mark.parametrize(
    "entry",
    ["", "http://x", "x:80", "10.0.0.1:80", "10.0.0.1/8", "10.0.0/8", "2130706433", "a b", "*.x", "-x", "127.1"],
)
def test_an_entry_that_is_nothing(entry: str) -> None:
    with pytest.raises(ValueError, match="no host name, address or network"):
        Allowance.read([entry])
