"""The bytes of a descriptor as text."""

import codecs

import pytest

from engine.errors import BadPackage
from engine.ova.xml import decode


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<a>größe</a>".encode(), "<a>größe</a>"),
        (codecs.BOM_UTF8 + b"<a/>", "<a/>"),
        ("<a>größe</a>".encode("utf-16"), "<a>größe</a>"),
        ("<a>größe</a>".encode("utf-16-le"), "<a>größe</a>"),
        ("<a>größe</a>".encode("utf-16-be"), "<a>größe</a>"),
        ('<?xml version="1.0" encoding="utf-16"?><a>ö</a>'.encode(), '<?xml version="1.0" encoding="utf-16"?><a>ö</a>'),
        (
            b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xf6</a>",
            "<?xml version='1.0' encoding='ISO-8859-1'?><a>ö</a>",
        ),
        (b'<?xml version="1.0" encoding="US-ASCII"?><a/>', '<?xml version="1.0" encoding="US-ASCII"?><a/>'),
    ],
)
def test_encodings(data: bytes, text: str) -> None:
    assert decode(data, "box.ovf") == text


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<a>\xff</a>", "box.ovf: it is not utf-8 at byte 3"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "unsupported encoding 'utf-7'; use UTF-8"),
        (b'<?xml version="1.0" encoding="hex"?><a/>', "unsupported encoding 'hex'"),
        (codecs.BOM_UTF16_LE + b"x", "it is not utf-16 at byte"),
    ],
)
def test_other_bytes_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(BadPackage) as caught:
        decode(data, "box.ovf")
    assert says in str(caught.value)
