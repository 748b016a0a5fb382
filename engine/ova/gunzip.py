"""Files that a package holds compressed with gzip (RFC 1952): expanded block by block, their size counted before."""

import zlib

from engine.cancel import Cancel
from engine.errors import BadPackage
from engine.ova.limits import Limits
from engine.ova.member import Source

_GZIP = 16 + zlib.MAX_WBITS  # zlib's word for a gzip header and trailer
# Of compressed bytes: what zlib leaves of a block it gives back as a copy, once for each block that it expands to.
_INPUT = 64 * 1024
_OUTPUT = 1024 * 1024


class Expanded:
    """What a gzip source expands to. Several members are one file and zeros after one are padding, as gzip(1) has it;
    anything else after a member is refused, and so is what is damaged or ends early.
    """

    def __init__(self, source: Source, name: str) -> None:
        """`name` says in errors which file it is."""
        self._source = source
        self._name = name
        self._buffer = memoryview(bytearray(_INPUT))
        self._input = b""
        self._member = zlib.decompressobj(_GZIP)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer as far as the next block goes; 0 at the end, where the source is at its end too.

        Raises BadPackage, also what the source raises.
        """
        while not self._member.eof or self._begins_another():
            try:
                block = self._member.decompress(self._input, len(buffer))
            except zlib.error as error:
                raise self._bad(f"it is damaged or no gzip: {str(error).rpartition(': ')[2]}") from None
            self._input = self._member.unused_data or self._member.unconsumed_tail
            if block:
                buffer[: len(block)] = block
                return len(block)
            if not self._member.eof and not self._input and not self._fill():
                raise self._bad("it ends early")
        return 0

    def _begins_another(self) -> bool:
        """Whether another member follows the one that has ended."""
        self._input = self._input.lstrip(b"\0")
        while not self._input and self._fill():
            self._input = self._input.lstrip(b"\0")
        if self._input:
            self._member = zlib.decompressobj(_GZIP)
        return bool(self._input)

    def _fill(self) -> bool:
        count = self._source.readinto(self._buffer) or 0
        self._input = bytes(self._buffer[:count])
        return count > 0

    def _bad(self, why: str) -> BadPackage:
        return BadPackage("cannot expand", on=self._name, why=why, fix="get the package again")


def expanded_size(source: Source, stored: int, name: str, limits: Limits, cancel: Cancel) -> int:
    """How many bytes a gzip source of `stored` bytes expands to: it is expanded once for that, since a host wants to
    know before the first byte. Raises BadPackage for what Expanded refuses, and for a bomb as soon as it is one;
    Cancelled.
    """
    expanded = Expanded(source, name)
    buffer = memoryview(bytearray(_OUTPUT))
    most = stored * limits.ova_gzip_ratio
    size = 0
    while count := expanded.readinto(buffer):
        cancel.check()
        size += count
        if size > most:
            why = f"its {stored} bytes expand to more than {most}"
            raise BadPackage("cannot expand", on=name, why=why, fix=limits.fix("ova_gzip_ratio"))
    return size
