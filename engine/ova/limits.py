"""How much of a package is read before it is refused: an OVA comes from anywhere.

The largest of the corpus: descriptor 1.7 MB, 3,244 elements, depth 9, 40 members. Each limit leaves room of an order of
magnitude or more and keeps what a hostile package can cost below 100 MiB of memory.
"""

MAX_MEMBERS = 1_000
MAX_NAME = 1_024  # bytes of a member's name; PATH_MAX leaves room for the folder
MAX_TAR_EXTENSION = 64 * 1024  # bytes of one PAX record block or GNU long name
MAX_DESCRIPTOR = 16 * 1024 * 1024  # bytes
MAX_MANIFEST = 1024 * 1024  # bytes
MAX_XML_DEPTH = 64
MAX_XML_ELEMENTS = 100_000
MAX_XML_NAME = 256  # characters of an element's or attribute's name
MAX_XML_ATTRIBUTES = 64  # of one element
MAX_BYTES = 1 << 63  # a disk's capacity: what vSphere's signed 64-bit fields hold
