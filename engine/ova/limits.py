"""How much of a package is read before it is refused: an OVA comes from anywhere.

The largest descriptor of the corpus has 1.7 MB, 3,244 elements and depth 9. The limits leave room beyond that and keep
what a hostile package can cost below 100 MiB of memory and a few seconds.
"""

MAX_TAR_HEADERS = 4_000  # a member has one to three
MAX_TAR_EXTENSIONS = 1024 * 1024  # bytes of all PAX records and GNU long names together
MAX_NAME = 1_024  # bytes of a member's name; PATH_MAX (4,096) leaves room for the folder
MAX_DESCRIPTOR = 8 * 1024 * 1024  # bytes
MAX_MANIFEST = 1024 * 1024  # bytes
MAX_XML_DEPTH = 64
MAX_XML_NODES = 200_000  # elements and attributes
MAX_XML_NAME = 256  # characters of an element's or attribute's name
MAX_XML_ATTRIBUTES = 64  # of one element
MAX_BYTES = 1 << 63  # a disk's capacity: what vSphere's signed 64-bit fields hold
