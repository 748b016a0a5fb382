"""The descriptor's XML as a tree of canonical names, hardened: no DTD, no entities, nothing external, bounded.

Namespaces are resolved here and not by the parser: some real descriptors use prefixes that they never declare, and
vSphere's tools read them. An element of OVF (0.9, 1.x, 2.x) or CIM is named by its local name, VMware's get the prefix
`vmw.`, all others keep `{namespace}name`. OVF 0.9's `<Section xsi:type="ovf:DiskSection_Type">` becomes `DiskSection`.
"""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, InputSource, Locator

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from engine.errors import BadPackage
from engine.ova.limits import (
    DEFAULT,
    MAX_XML_ATTRIBUTES,
    MAX_XML_NAME,
    MAX_XML_NAMESPACES,
    MAX_XML_NODES,
    Limits,
)

# oVirt, virt-v2v and CloudStack write OVF's with a slash at its end.
_PREFIX_OF_NAMESPACE = re.compile(
    r"(?P<ovf>http://schemas\.dmtf\.org/(ovf/envelope/\d/?|wbem/wscim/1/.*)|http://www\.vmware\.com/schema/ovf/\d/envelope)"
    r"|(?P<vmw>http://www\.vmware\.com/schema/ovf)"
    r"|(?P<xml>http://www\.w3\.org/(XML/1998/namespace|2001/XMLSchema-instance))"
)
# What the usual prefixes mean where a descriptor forgot to declare them.
_UNDECLARED = {
    "": "",
    "ovf": "",
    "rasd": "",
    "vssd": "",
    "sasd": "",
    "epasd": "",
    "cim": "",
    "vmw": "vmw.",
    "xml": "xml.",
    "ovfstr": "",  # of message bundles
}
_ENCODINGS = {"utf-8", "utf-8-sig", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252"}
_ENCODINGS |= {"utf-16", "utf-16-le", "utf-16-be"}
_NO_MARK = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}  # how UTF-16 begins without its byte order mark
_DECLARED_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")


@dataclass(slots=True, eq=False)
class Element:
    """`name` and the names in `attributes` are canonical; `line` is where it begins in the file."""

    name: str
    attributes: dict[str, str]
    line: int
    children: list["Element"] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its own text without surrounding white space."""
        return "".join(self._pieces).strip()

    def get(self, attribute: str, default: str = "") -> str:
        """An attribute's value."""
        return self.attributes.get(attribute, default)

    def child(self, name: str) -> "Element | None":
        """The first child of that name."""
        return next(self.every(name), None)

    def every(self, name: str) -> Iterator["Element"]:
        """The children of that name."""
        return (child for child in self.children if child.name == name)

    def text_of(self, name: str) -> str:
        """The text of the first child of that name, or ""."""
        child = self.child(name)
        return child.text if child else ""

    def within(self, name: str) -> Iterator["Element"]:
        """The elements of that name at any depth below, in document order."""
        # A stack, not recursion: yielding through 64 generators made hostile descriptors four times as slow.
        ahead = self.children[::-1]
        while ahead:
            element = ahead.pop()
            if element.name == name:
                yield element
            ahead.extend(reversed(element.children))


def is_true(text: str) -> bool:
    """An attribute of XML Schema's type boolean."""
    return text.strip().lower() in ("true", "1")


def decode(data: bytes, where: str) -> str:
    """The descriptor's bytes as text. Raises BadPackage when its encoding is unknown or wrong."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    elif data[:2] in _NO_MARK:
        encoding = _NO_MARK[data[:2]]
    else:
        declared = _DECLARED_ENCODING.match(data.lstrip())
        encoding = declared[1].decode().lower() if declared else "utf-8"
        if encoding == "utf-16":  # who can read that word in single bytes knows that it is not true: .NET writes it
            encoding = "utf-8"
    if encoding not in _ENCODINGS:
        raise BadPackage("cannot read descriptor", on=where, why=f"unsupported encoding '{encoding}'", fix="use UTF-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadPackage(
            "cannot read descriptor", on=where, why=f"it is not {encoding} at byte {error.start}"
        ) from None


def parse(text: str, where: str, limits: Limits = DEFAULT) -> Element:
    """The root element. Raises BadPackage naming line and cause for anything but bounded, plain, well-formed XML."""
    builder = _Builder(where, limits)
    parser = make_parser()
    parser.forbid_dtd = True
    parser.setContentHandler(builder)
    source = InputSource()
    source.setEncoding("utf-8")
    source.setByteStream(io.BytesIO(text.encode()))
    try:
        parser.parse(source)
    except DefusedXmlException:
        why = "it has a DTD or entities, which an OVF descriptor does not need"
        raise BadPackage("cannot read descriptor", on=where, why=why) from None
    except SAXParseException as error:
        why = f"it is not well-formed XML: {error.getMessage()}"
        raise BadPackage("cannot read descriptor", on=f"{where} line {error.getLineNumber()}", why=why) from None
    return builder.root


class _Builder(ContentHandler):
    """Builds the tree and stops at the first limit."""

    def __init__(self, where: str, limits: Limits) -> None:
        super().__init__()
        self._where = where
        self._limits = limits
        self._line: Callable[[], int | None] = lambda: 0
        self._open: list[Element] = []
        self._scopes: list[dict[str, str]] = [_UNDECLARED]
        self._nodes = 0
        self.root = Element("", {}, 0)

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 (SAX names it)
        """The parser tells where it is."""
        self._line = locator.getLineNumber

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 (SAX names it)
        """Add an element below the innermost open one."""
        line = self._line() or 0
        self._nodes += 1 + len(attrs)
        self._bound(self._nodes, MAX_XML_NODES, "elements and attributes", line)
        self._bound(len(self._open) + 1, self._limits.ova_xml_depth, "nested elements", line, "ova_xml_depth")
        self._bound(len(attrs), MAX_XML_ATTRIBUTES, "attributes of one element", line)
        self._bound(max(map(len, (name, *attrs.keys()))), MAX_XML_NAME, "characters in a name", line)
        declared = self._declared(attrs, line)
        scope = self._scopes[-1] | declared if declared else self._scopes[-1]
        self._bound(len(scope), MAX_XML_NAMESPACES, "namespaces", line)
        # An attribute without a prefix has no namespace; OVF's own, which has one, wins over such a twin.
        attributes = {key: value for key, value in attrs.items() if ":" not in key}
        attributes |= {_canonical(key, scope): value for key, value in attrs.items() if ":" in key}
        element = Element(_typed(_canonical(name, scope), attributes), attributes, line)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._scopes.append(scope)

    def endElement(self, name: str) -> None:  # noqa: N802, ARG002 (SAX names them)
        """The innermost open element is complete."""
        self._open.pop()
        self._scopes.pop()

    def characters(self, content: str) -> None:
        """Text of the innermost open element."""
        self._open[-1]._pieces.append(content)  # noqa: SLF001 (the tree is built here)

    def _declared(self, attrs: AttributesImpl, line: int) -> dict[str, str]:
        scope = {}
        for key, uri in attrs.items():
            if key == "xmlns" or key.startswith("xmlns:"):
                self._bound(len(uri), MAX_XML_NAME, "characters in a namespace", line)
                scope[key[6:]] = _prefix(uri)
        return scope

    def _bound(self, amount: int, limit: int, what: str, line: int, setting: str = "") -> None:
        if amount > limit:
            on = f"{self._where} line {line}"
            fix = self._limits.fix(setting) if setting else ""
            raise BadPackage("cannot read descriptor", on=on, why=f"more than {limit} {what}", fix=fix)


def _prefix(uri: str) -> str:
    match = _PREFIX_OF_NAMESPACE.fullmatch(uri)
    if match is None:
        return f"{{{uri}}}" if uri else ""
    return {"ovf": "", "vmw": "vmw.", "xml": "xml."}[match.lastgroup or "ovf"]


def _canonical(qualified: str, scope: dict[str, str]) -> str:
    prefix, _, local = qualified.rpartition(":")
    return scope.get(prefix, f"{{{prefix}}}") + local


def _typed(name: str, attributes: dict[str, str]) -> str:
    """OVF 0.9 says in `xsi:type` what a Section or Content is, whatever namespace the file gives to `xsi`."""
    if name not in ("Section", "Content"):
        return name
    kinds = (value for key, value in attributes.items() if key.endswith(("}type", ".type")))
    return next(kinds, name).rpartition(":")[2].removesuffix("_Type")
