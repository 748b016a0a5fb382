"""The engine's own kinds of exception, below the tree's root in `storage/errors.py`."""

from storage.errors import BadInput, Cancelled, Conflict, Failed, NotFound, Refused, SlipwayError, Unreachable

__all__ = [
    "BadField",
    "BadInput",
    "BadPackage",
    "Cancelled",
    "CertificateRefused",
    "ClaimLost",
    "Conflict",
    "EndpointUnreachable",
    "Failed",
    "Gone",
    "LoginRefused",
    "NameTaken",
    "NoSpace",
    "NotFound",
    "NotPermitted",
    "PlanRefused",
    "Refused",
    "SlipwayError",
    "StagingFault",
    "Unreachable",
    "UploadFailed",
    "VSphereFault",
]


class BadPackage(BadInput):
    """An OVA or OVF cannot be used: damaged archive, descriptor, manifest or digest."""


class BadField(BadInput):
    """A field that somebody filled in cannot be used; `field` is its name."""

    def __init__(self, field: str, what: str, *, on: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(what, on=on, why=why, fix=fix)
        self.field = field


class EndpointUnreachable(Unreachable):
    """vCenter or an ESXi host does not answer within the deadline."""


class CertificateRefused(Refused):
    """The server's certificate is neither the pinned one nor signed by a trusted authority."""

    def __init__(self, what: str, *, on: str = "", why: str = "", fix: str = "", fingerprint: str = "") -> None:
        super().__init__(what, on=on, why=why, fix=fix)
        self.fingerprint = fingerprint


class LoginRefused(Refused):
    """vim.fault.InvalidLogin: never retried by itself, accounts lock."""


class NotPermitted(Refused):
    """vim.fault.NoPermission: the account lacks a privilege on the object."""


class NameTaken(Conflict):
    """Another object of that name is in the folder or vApp (DuplicateName, FileAlreadyExists)."""


class ClaimLost(Conflict):
    """Somebody cleared the claim or took it over: its holder stops before its next write (DESIGN.md rule 4)."""


class Gone(NotFound):
    """vmodl.fault.ManagedObjectNotFound: the object was removed."""


class NoSpace(Failed):
    """The datastore cannot hold what was asked."""


class VSphereFault(Failed):
    """Any other fault that vSphere answered with; `fault` is its type name."""

    def __init__(self, what: str, *, on: str = "", why: str = "", fix: str = "", fault: str = "") -> None:
        super().__init__(what, on=on, why=why, fix=fix)
        self.fault = fault


class UploadFailed(Failed):
    """The bytes of a disk did not arrive: connection lost, host answered with an error, lease ended.

    `passes`: sending them again may go well.
    """

    def __init__(self, what: str, *, on: str = "", why: str = "", fix: str = "", passes: bool = True) -> None:
        super().__init__(what, on=on, why=why, fix=fix)
        self.passes = passes


class StagingFault(Failed):
    """Staging or cloning itself failed in a way that a direct import does not share (DESIGN.md rule 7)."""


class PlanRefused(BadInput):
    """A deployment cannot start. Its code is that of its problems when they agree, else that of bad input."""

    def __init__(self, profile: str, problems: tuple[SlipwayError, ...]) -> None:
        listed = "; ".join(f"({number}) {problem}" for number, problem in enumerate(problems, 1))
        why = f"{len(problems)} problems: {listed}"
        super().__init__("cannot deploy", on=profile, why=why, fix="see them with: slipway deploy PROFILE --plan")
        if len({problem.code for problem in problems}) == 1:
            self.code, self.exit_code = problems[0].code, problems[0].exit_code
