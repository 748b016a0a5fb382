"""A server's name as people write it: `vc.lab`, `vc.lab:8443`, `10.0.0.1`, `[::1]:8989`, `::1`."""

import re
from ipaddress import IPv6Address

from engine.errors import BadInput

HTTPS = 443
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def split_port(text: str, default: int = HTTPS) -> tuple[str, int]:
    """(host without brackets, port). Raises BadInput for anything that is no name, address or port."""
    text = text.strip()
    if "/" in text:
        raise _unusable(text, "it is a URL or a path")
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not _is_ipv6(host) or (rest and not rest.startswith(":")):
            raise _unusable(text, "it is not an IPv6 address in brackets")
        port = rest[1:] if rest else str(default)
    elif _is_ipv6(text):
        host, port = text, str(default)
    else:
        host, colon, port = text.partition(":")
        port = port if colon else str(default)
        if not _NAME.fullmatch(host) or len(host) > 253:
            raise _unusable(text, "it is neither a host name nor an address")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 1 << 16:
        raise _unusable(text, f'"{port}" is not a port')
    return host, int(port)


def joined(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _unusable(text: str, why: str) -> BadInput:
    return BadInput(
        "cannot use the host", on=f'"{text}"', why=why, fix="write a name or address, with :PORT if not 443"
    )
