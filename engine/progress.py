"""What long work tells whoever watches it. Calls come from worker threads and must return at once."""

from typing import Protocol

FOR_TEMPLATE = "for the template "
"""How the detail of a VM's step `waiting` begins while a template is staged for it; the template's uid follows."""


class Watcher(Protocol):
    """Somebody who watches a deployment: a terminal, a log, a test. `item` is a VM's name or a template's uid."""

    def began(self, item: str, step: str, detail: str = "", /) -> None:
        """The item entered a step: of a VM `waiting` `cloning` `checking` (where an OVA has warnings) `importing`
        `verifying` `powering on`, of a template `waiting` `preparing` `checking` `uploading` `completing` `taking the
        snapshot` `setting the attribute` `marking` `renaming` `tidying` `staged`; or what ended it.
        """
        ...

    def expects(self, item: str, size: int, /) -> None:
        """The item is going to send this many bytes."""
        ...

    def sent(self, item: str, count: int, /) -> None:
        """The item has sent that many bytes more. Negative: so many that broke off will be sent again."""
        ...


class Nobody:
    """Watches nothing."""

    def began(self, item: str, step: str, detail: str = "") -> None:
        """Ignored."""

    def expects(self, item: str, size: int) -> None:
        """Ignored."""

    def sent(self, item: str, count: int) -> None:
        """Ignored."""
