"""`slipway ova check`: everything that is wrong with an OVA, before anybody stages or deploys it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.output import print_finding, print_json, say
from cli.session import open_store
from storage.errors import BadInput

if TYPE_CHECKING:
    from engine.ova.findings import Finding


def check(file: Path, profile: Path | None, endpoint: str, as_json: bool) -> None:
    """Look at the file and print what was found. Raises typer.Exit with the code of bad input for an error."""
    from cli.deploy import profile_from
    from cli.progress import Progress, interruptible
    from engine.cancel import Cancel
    from engine.deploy.beforehand import check_file

    wanted = profile_from(profile, None) if profile else None
    cancel, progress = Cancel(), Progress()
    with open_store() as store, interruptible(cancel, ("stopping",)):
        try:
            found = check_file(store, file, wanted, endpoint, cancel, progress)
        finally:
            progress.finish()
    if as_json:
        print_json(document(file, found))
    else:
        for one in found:
            print_finding(one.severity, one.where, one.what, one.fix)
        say(summary(found))
    if has_error(found):
        raise typer.Exit(BadInput.exit_code)


def document(file: Path, found: "Iterable[Finding]") -> dict[str, Any]:
    """The stable JSON form (docs/cli.md)."""
    found = tuple(found)
    return {"file": str(file), "ok": not has_error(found), "findings": found}


def has_error(found: "Iterable[Finding]") -> bool:
    """Whether staging and deploying would be refused."""
    return any(one.severity == "error" for one in found)


def summary(found: "Iterable[Finding]") -> str:
    """`2 errors, 1 warning`, or that there is nothing."""
    severities = [str(one.severity) for one in found]
    counts = [(word, severities.count(word)) for word in ("error", "warning", "note")]
    said = [f"{count} {word}{'s' if count > 1 else ''}" for word, count in counts if count]
    return ", ".join(said) or "nothing found"
