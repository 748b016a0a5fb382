"""Looks at something, of which findings come: they go on when their screen is left, and are found again."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import Cancelled, SlipwayError
from tui.present.progress import percent

if TYPE_CHECKING:
    from engine.cancel import Cancel
    from engine.console.desk import Desk
    from engine.console.packages import PackageFinding
    from engine.endpoints.findings import Finding
    from tui.screens.page import Page

    Report = Callable[[Finding | PackageFinding], None]

DEEP = "deep test: staging, cloning and removing an OVA of 1 MiB ..."


class Look:
    """The base of looks; one knows in `check` what it looks at."""

    def __init__(self, page: "Page", name: str) -> None:
        """`name`: of what is looked at."""
        self.name = name
        self.found: list[Finding | PackageFinding] = []
        self.doing = ""
        """What goes on, "" when it has ended."""
        self.reached = False
        """Whether it could be looked at at all: without that a deep test makes no sense."""
        self.told: Callable[[], None] = lambda: None
        """Called when there is news."""
        self._page = page
        self._cancel: Cancel | None = None

    def check(self) -> None:
        """Look at all of it, from the beginning."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Stop it at its next safe point."""
        if self._cancel is not None and self.doing:
            self._cancel.ask()
            self.doing = "stopping ..."
            self.told()

    def ended(self, reached: bool) -> None:
        """Nothing goes on any more."""
        self.reached, self.doing = reached, ""
        self.told()

    def _do(self, verb: "Callable[[Desk, Cancel, Report], bool]", doing: str) -> None:
        from engine.cancel import Cancel

        cancel = self._cancel = Cancel()
        self.doing = doing
        app = self._page.app

        def found(finding: "Finding | PackageFinding") -> None:
            self.found.append(finding)
            self.told()

        def refused(error: SlipwayError) -> None:
            if not isinstance(error, Cancelled):
                self._page.refused(error)
            self.ended(self.reached)

        app.feed.ask(lambda desk: verb(desk, cancel, lambda one: app.later(lambda: found(one))), self.ended, refused)
        self.told()


class EndpointLook(Look):
    """At an endpoint; the deep test tries it out."""

    @property
    def is_deep(self) -> bool:
        """Whether the deep test goes on."""
        return self.doing.startswith(DEEP[:4])

    def check(self) -> None:
        """Look at all that a deployment needs."""
        self.found, self.reached = [], False

        def verb(desk: "Desk", cancel: "Cancel", report: "Report") -> bool:
            from engine.console import endpoints

            return endpoints.check(desk, self.name, cancel, report)

        self._do(verb, "checking ...")

    def deep(self) -> None:
        """Try it out."""

        def verb(desk: "Desk", cancel: "Cancel", report: "Report") -> bool:
            from engine.console import endpoints

            endpoints.try_out(desk, self.name, cancel, report)
            return True

        self._page.app.unfinished.add(f"the deep test of {self.name}")
        self._do(verb, DEEP)

    def cancel(self) -> None:
        """What the deep test has made is removed first."""
        was_deep = self.is_deep
        super().cancel()
        if was_deep:
            self.doing = "deep test: stopping, and removing what it made ..."
            self.told()

    def ended(self, reached: bool) -> None:
        """A deep test leaves nothing behind."""
        self._page.app.unfinished.discard(f"the deep test of {self.name}")
        super().ended(reached)


class PackageLook(Look):
    """At the OVA of a component: all of it is read, and its digests are compared."""

    total = done = 0
    """Bytes of which there are digests; counted in the threads that read."""

    def check(self) -> None:
        """Read it."""
        self.found, self.total, self.done = [], 0, 0

        def verb(desk: "Desk", cancel: "Cancel", report: "Report") -> bool:
            from engine.console import packages

            for one in packages.check(desk, self.name, cancel, self):
                report(one)
            return True

        self._do(verb, "reading ...")

    def expects(self, _item: str, size: int) -> None:
        """So many bytes are going to be read."""
        self.total = size

    def sent(self, _item: str, count: int) -> None:
        """So many bytes more."""
        self.done += count
        if self.doing.startswith("reading"):
            self.doing = f"reading, comparing digests: {percent(self.done, self.total).strip()} ..."

    def began(self, _item: str, _step: str, _detail: str = "") -> None:
        """The percentage tells it."""
