"""A server's name as people write it."""

import pytest

from engine.endpoints.hostname import joined, split_port
from engine.errors import BadInput


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("vc01.example.com", "vc01.example.com", 443),
        ("vc01:8443", "vc01", 8443),
        (" 10.0.0.5:1 ", "10.0.0.5", 1),
        ("[::1]:8989", "::1", 8989),
        ("[fe80::1]", "fe80::1", 443),
        ("2001:db8::5", "2001:db8::5", 443),
        ("DC0_C0_H0:65535", "DC0_C0_H0", 65535),
        ("vc01.", "vc01.", 443),
    ],
)
def test_name_and_port(text: str, host: str, port: int) -> None:
    assert split_port(text) == (host, port)
    assert split_port(joined(host, port)) == (host, port)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither"),
        ("https://vc01/sdk", "URL"),
        ("vc01/sdk", "URL"),
        ("user@vc01", "neither"),
        ("vc 01", "neither"),
        ("vc01:", "port"),
        ("vc01:0", "port"),
        ("vc01:65536", "port"),
        ("vc01:+5", "port"),
        ("vc01:٣", "port"),
        ("vc01:4:4", "port"),
        ("[::1", "brackets"),
        ("[::1]8989", "brackets"),
        ("[vc01]:443", "brackets"),
        ("-vc01", "neither"),
        ("vc01\x1b[2J", "neither"),
        ("a" * 254, "neither"),
    ],
)
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        split_port(text)
