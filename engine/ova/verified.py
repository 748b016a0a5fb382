"""Reading a member while its digest is compared with the one that the manifest promises."""

from engine.ova.manifest import Digest
from engine.ova.member import MemberReader
from engine.sources.digests import RunningDigest, digest_mismatch


class Verified:
    """The bytes of a member; at its end the digest of all of them must be the promised one."""

    def __init__(self, reader: MemberReader, promised: Digest | None) -> None:
        """The reader must be at the member's start; without a promise nothing is computed."""
        self._reader = reader
        self._promised = promised
        self._digest = RunningDigest(promised.algorithm) if promised else None

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer; 0 at the end. Raises BadPackage there when the digest is another one."""
        count = self._reader.readinto(buffer)
        if self._digest and count:
            self._digest.update(buffer[:count])
        if self._digest and self._promised and not count and self._digest.hexdigest() != self._promised.hex:
            where = f"{self._reader.member.path}: {self._reader.name}"
            raise digest_mismatch(where, self._promised.hex, self._digest.hexdigest(), self._promised.algorithm)
        return count
