"""What pyVmomi's SOAP lacks."""

from typing import Any


def keep_carriage_returns(stub: Any) -> None:
    """Let every character of a value arrive. pyVmomi writes carriage returns as they are, and XML makes a line feed of
    CR LF and of CR (XML 1.0 2.11): licences and notes of an OVF would come back from vCenter changed.
    """
    serialize = stub.SerializeRequest
    # Values are all text of elements, where a reference stands for the character.
    stub.SerializeRequest = lambda *call: serialize(*call).replace(b"\r", b"&#13;")
