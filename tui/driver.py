"""The terminal as Textual drives it, and what the console does with it beyond that."""

from textual.drivers.linux_driver import LinuxDriver


class TerminalDriver(LinuxDriver):
    """Its mouse can be switched while the console runs: leaving and coming back then do what fits."""

    def use_mouse(self, on: bool) -> None:
        """Take the mouse from the terminal, or give it back."""
        if on:
            self._mouse = True
            self._enable_mouse_support()
        else:
            self._disable_mouse_support()
            self._mouse = False
        self.flush()
