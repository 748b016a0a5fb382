"""The simulated vCenter's admin port: what it should do wrong, and what it counted."""


class Admin:
    """Calls of the admin port at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
