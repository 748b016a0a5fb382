"""How much of a package is read before it is refused: an OVA comes from anywhere.

Whatever the limits are set to, opening a package costs below 2 s of one core and 256 MiB: storage/limits.py has what
each may be set to at most, and how that was measured.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What operators may change: one field per setting of that name.

    The largest real descriptor known has 6.3 MB, nearly all of it text, and depth 9 (of govmomi's, COT's and vcsim's;
    govc reads them whatever their size). An archive has an entry for each file, chunk and extension header; 4,000 are
    read in 0.1 s. 1,024 bytes of a name leave room for the folder below PATH_MAX (4,096). A disk that travels as gzip
    is compressed already (streamOptimized), so its ratio is about 1; sparse flat disks reach 100, and zeros, or a bomb,
    1,030. Remote hosts are names in lower case.
    """

    ova_entries: int = 4_000
    ova_name_bytes: int = 1_024
    ova_descriptor_bytes: int = 7 * 1024 * 1024
    ova_xml_depth: int = 64
    ova_gzip_ratio: int = 100
    ova_remote_hosts: frozenset[str] = frozenset()

    def fix(self, name: str) -> str:
        """What to do when a package exceeds the limit of that name."""
        return f"the setting {name} allows {getattr(self, name)}; raise it only for a package that you trust"


DEFAULT = Limits()

# Nobody would ever set these. The largest descriptor known has 4,130 elements and attributes, 10 attributes on one
# element, names of 65 characters and 9 namespaces.
MAX_TAR_EXTENSIONS = 1024 * 1024  # bytes of all PAX records and GNU long names together
MAX_MANIFEST = 1024 * 1024  # bytes
MAX_MESSAGES = 1024 * 1024  # bytes of the message bundles beside the descriptor together
MAX_CERTIFICATE_FILE = 64 * 1024  # bytes; a certificate has about 2 KiB
MAX_CERTIFICATES = 10  # the signer's, and those that lead to a root: rarely more than three
MAX_XML_NODES = 50_000  # elements and attributes; each costs 10 µs and 500 bytes
MAX_XML_NAME = 256  # characters of an element's or attribute's name
MAX_XML_ATTRIBUTES = 64  # of one element
MAX_XML_NAMESPACES = 64  # prefixes that are known at one place; each element that declares one copies them
MAX_TEXTS = 8 * 1024 * 1024  # characters that message ids stand for, each use counted: no entities, but as good as them
MAX_FINDINGS = 1_000  # of one descriptor
MAX_PROBLEMS = 100  # of one archive, folder or manifest: each of its thousands of members may have one
MAX_BYTES = 1 << 63  # a disk's capacity: what vSphere's signed 64-bit fields hold
