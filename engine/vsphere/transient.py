"""Which failures pass by themselves: what is asked once more after a while may then go well.

The tables are data, so that docs/faults.md can print them. A fault that is in neither does not pass.
"""

from collections.abc import Iterator, Mapping

from engine.errors import EndpointUnreachable, SlipwayError, StagingFault, UploadFailed, VSphereFault
from storage.pace import Pace

# Seconds between two attempts at most, as the setting `retry_seconds` says.
LONGEST_PAUSE = 60.0

PASSING: Mapping[str, str] = {
    "TaskInProgress": "another task works on the object; it ends",
    "VAppTaskInProgress": "another task works on the vApp; it ends",
    "ConcurrentAccess": "somebody else changed the object in the same moment",
    "ResourceInUse": "something else uses the object for a moment",
    "FileLocked": "another host or task has the file open",
    "HostNotConnected": "the ESXi host comes back, or vCenter takes another one",
    "HostNotReachable": "the network to the ESXi host comes back",
    "HostCommunication": "vCenter and the ESXi host lost a message",
    "Timedout": "vCenter waited in vain for a host, or for a lease's progress",
    "NotAuthenticated": "the session ended again right after its renewal; the next call logs in",
}
"""vSphere's faults that pass, by type name (vim.fault and vmodl.fault), and why. Only these very types: a subtype may
have a reason of its own.
"""

PASSING_ERRORS: Mapping[type[SlipwayError], str] = {
    EndpointUnreachable: "no answer, a lost connection, an answer that cannot be read, or a 503: vCenter comes back",
    UploadFailed: "the connection to the ESXi host broke or stalled, or it answered 5xx; not when it answered 4xx",
}
"""Slipway's own errors that pass, and why."""

LASTING: Mapping[str, str] = {
    "InvalidLogin": "a wrong password stays wrong, and attempts lock the account",
    "NoPermission": "somebody has to grant it",
    "NoDiskSpace": "somebody has to make room",
    "InsufficientResourcesFault": "somebody has to make room",
    "DuplicateName": "the name stays taken; an own earlier attempt is found by looking",
    "FileAlreadyExists": "the name stays taken; an own earlier attempt is found by looking",
    "InvalidState": "the object is not what the call needs; what changes by itself has a name of its own",
    "GenericVmConfigFault": "the same configuration fails again",
    "RequestCanceled": "somebody cancelled the task",
    "ManagedObjectNotFound": "it does not come back; a step that looks again finds what is there now",
}
"""Faults that one may think of, but that do not pass, and why."""


def passes(error: SlipwayError) -> bool:
    """Whether the same thing, asked again after a while, may go well without anybody doing anything."""
    match error:
        case VSphereFault():
            return error.fault in PASSING
        case UploadFailed():
            return error.passes
        case StagingFault():
            return isinstance(error.__cause__, SlipwayError) and passes(error.__cause__)
        case _:
            return isinstance(error, EndpointUnreachable)


def pauses(pace: Pace) -> Iterator[float]:
    """Seconds to wait before the second attempt, the third, .. up to the pace's `retry_attempts`."""
    for attempt in range(pace.retry_attempts - 1):
        yield min(pace.retry_seconds * 2**attempt, LONGEST_PAUSE)
