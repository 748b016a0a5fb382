"""The root of Slipway's exceptions: one shallow tree, one class per kind of answer a script can act on.

A message says what failed, on which object, why, and what to do about it. `engine.errors` adds the engine's own kinds
below these; nothing in the product raises an exception of its own outside this tree.
"""


class SlipwayError(Exception):
    """Something failed. `what` and `why` are clauses without a full stop; `fix` is what the operator can do.

    `code` is the stable word of the JSON form, `exit_code` the process's (docs/cli.md lists both).
    """

    code = "failed"
    exit_code = 1

    def __init__(self, what: str, *, on: str = "", why: str = "", fix: str = "") -> None:
        self.what = what
        self.on = on
        self.why = why
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        line = f"{self.what} {self.on}".strip()
        if self.why:
            line += f": {self.why}"
        if self.fix:
            line += f"; {self.fix}"
        return line

    def as_dict(self) -> dict[str, str]:
        """The stable JSON form: `{code, what, object, why, fix}`."""
        return {"code": self.code, "what": self.what, "object": self.on, "why": self.why, "fix": self.fix}


class Failed(SlipwayError):
    """The work was tried and did not succeed, wholly or in part."""


class Cancelled(SlipwayError):
    """The operator stopped the work."""

    code = "cancelled"


class BadInput(SlipwayError):
    """A file, field, name or option that cannot be used; nothing was changed."""

    code = "bad_input"
    exit_code = 2


class NotFound(SlipwayError):
    """A named object does not exist."""

    code = "not_found"
    exit_code = 3


class Conflict(SlipwayError):
    """A name is taken, or an object is claimed or in use."""

    code = "conflict"
    exit_code = 4


class Unreachable(SlipwayError):
    """A server, host or store does not answer."""

    code = "unreachable"
    exit_code = 5


class Refused(SlipwayError):
    """A server answered and said no: wrong password, missing privilege, unknown certificate."""

    code = "refused"
    exit_code = 5
