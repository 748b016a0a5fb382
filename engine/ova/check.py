"""Everything that can be known of a package before a byte of it is sent, in one list. Nothing of vSphere, no store.

`examine` reads what opening a package reads; only `compare_digests` reads the members' bytes.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from engine.cancel import Cancel
from engine.errors import BadPackage
from engine.ova.findings import Finding, Severity, numbered, worst_first
from engine.ova.integrity import manifest_findings
from engine.ova.limits import DEFAULT, MAX_PROBLEMS, Limits
from engine.ova.manifest import Digest
from engine.ova.member import Member, open_member
from engine.ova.package import Package, open_package
from engine.ova.whole import archive_findings, content_findings
from engine.sources.digests import AT_ONCE, BLOCK, RunningDigest

_ANOTHER = "get the package again, or another one from who made it"


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found in the package at `path`, the worst first. `package` is None when it cannot be read."""

    path: Path
    package: Package | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[BadPackage, ...]:
        """What it is refused for."""
        return tuple(_error(self.path, one) for one in self.findings if one.severity is Severity.ERROR)

    def importable(self) -> Package:
        """The package. Raises BadPackage when there is an error, one that names the first few of several."""
        errors = self.errors
        if self.package is not None and not errors:
            return self.package
        if len(errors) == 1:
            raise errors[0]
        whys = [f"{one.where}: {one.what}" for one in self.findings if one.severity is Severity.ERROR]
        fix = f"see all, and what to do, with: slipway ova check {self.path}"
        raise BadPackage("cannot use", on=str(self.path), why=f"{len(whys)} problems: {numbered(whys)}", fix=fix)


def examine(path: Path, limits: Limits = DEFAULT, option: str = "", cancel: Cancel | None = None) -> Examined:
    """The package under deployment option `option` ("" = its default one). What is wrong with it is never raised.

    Raises Cancelled while compressed files are expanded for their size.
    """
    told = _Told(path)
    try:
        package = open_package(path, limits, told)
        if option:
            package = replace(package, descriptor=package.in_option(option))
    except BadPackage as error:
        told.stopped_by(error)
        return Examined(path, None, worst_first(dict.fromkeys(told.findings)))
    return Examined(path, package, worst_first(dict.fromkeys([*told.findings, *findings_of(package, cancel)])))


def findings_of(package: Package, cancel: Cancel | None = None) -> tuple[Finding, ...]:
    """What is to be said of a package that could be opened, the worst first. Raises Cancelled, as `examine`."""
    return worst_first(
        [
            *package.descriptor.problems,
            *archive_findings(package, cancel or Cancel()),
            *manifest_findings(package),
            *content_findings(package),
        ]
    )


def digest_bytes(package: Package) -> int:
    """How many bytes `compare_digests` reads."""
    return sum(member.size for member, _ in _promised(package))


def compare_digests(package: Package, cancel: Cancel, progress: Callable[[int], None]) -> tuple[Finding, ...]:
    """Read each member of which the manifest has a digest, once, and compare. `progress` gets the bytes of each block,
    from several threads. Raises Cancelled.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="digest") as pool:
        work = [pool.submit(_compare, member, promised, cancel, progress) for member, promised in _promised(package)]
    return tuple(finding for one in work if (finding := one.result()) is not None)


def _promised(package: Package) -> list[tuple[Member, Digest]]:
    """Without the descriptor, which is compared when the package is opened."""
    digests = package.manifest.digests if package.manifest else {}
    members = [member for name, member in package.members.items() if name != package.descriptor_name]
    return [(member, digests[member.name]) for member in members if member.name in digests]


def _compare(member: Member, promised: Digest, cancel: Cancel, progress: Callable[[int], None]) -> Finding | None:
    digest = RunningDigest(promised.algorithm)
    view = memoryview(bytearray(BLOCK))
    try:
        with open_member(member) as reader:
            while count := reader.readinto(view):
                cancel.check()
                digest.update(view[:count])
                progress(count)
    except BadPackage as error:
        return Finding.error(member.name, error.why, error.fix or _ANOTHER)
    if digest.hexdigest() == promised.hex:
        return None
    what = f"is damaged: its {promised.algorithm.upper()} is {digest.hexdigest()}, the manifest says {promised.hex}"
    return Finding.error(member.name, what, _ANOTHER)


class _Told:
    """Keeps the problems that reading a package passes over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.findings: list[Finding] = []

    def __call__(self, problem: BadPackage) -> None:
        if len(self.findings) >= MAX_PROBLEMS:
            why = f"has more than {MAX_PROBLEMS} problems"
            raise BadPackage("cannot read", on=str(self._path), why=why)
        self.findings.append(self._finding(problem, problem.why or problem.what))

    def stopped_by(self, problem: BadPackage) -> None:
        """Nothing was read after this one, which is said unless it says itself what to do."""
        what = problem.why or problem.what
        self.findings.append(self._finding(problem, what if problem.fix else f"{what}; reading stopped there"))

    def _finding(self, problem: BadPackage, what: str) -> Finding:
        path = str(self._path)
        where = self._path.name if problem.on == path else problem.on.removeprefix(f"{path}: ")
        return Finding.error(where, what, problem.fix or _ANOTHER)


def _error(path: Path, finding: Finding) -> BadPackage:
    on = str(path) if finding.where == path.name else f"{path}: {finding.where}"
    return BadPackage("cannot use", on=on, why=finding.what, fix=finding.fix)
