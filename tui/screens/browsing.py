"""What can be done in every table: move, filter, sort, mark, open."""

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from textual.app import App

    from tui.widgets.table import Table, View


class Browsing:
    """The actions of scope `tables`, of a page."""

    view: "ClassVar[View]"
    app: "App[int]"
    table: "Table"
    row: Any | None

    def _judge(self) -> None:
        """Other rows are shown now, or none."""
        raise NotImplementedError

    def _show_frame(self) -> None:
        """Filter, order or marks are others now."""
        raise NotImplementedError

    def act_filter(self) -> None:
        """Ask for words; the table follows while they are typed."""
        from tui.screens.prompt import Prompt

        def typed(text: str) -> None:
            from tui.present.filter import Filter

            self.table.filter = Filter(text)
            self.table.arrange()
            self._judge()

        before = self.table.filter.text

        def ended(text: str | None) -> None:
            typed(before if text is None else text)

        self.app.push_screen(Prompt("/", before, typed), ended)

    def act_sort(self) -> None:
        """The next column, after the last one the order that the rows come in."""
        table = self.table
        after = 0 if table.sorted_by is None else table.sorted_by + 1
        table.sorted_by = after if after < len(self.view.columns) else None
        table.arrange()
        table.redraw()
        self._show_frame()

    def act_reverse(self) -> None:
        """Turn the order round."""
        self.table.reverse = not self.table.reverse
        self.table.arrange()
        self.table.redraw()

    def act_mark(self) -> None:
        """Mark the row."""
        self.table.mark()
        self._show_frame()

    def act_range(self) -> None:
        """Begin or end a range of marks."""
        self.table.mark_range()
        self._show_frame()

    def act_open(self) -> None:
        """The detail of the row, in a screen of its own."""
        from tui.screens.detail import DetailScreen

        self.app.push_screen(DetailScreen(self, self.view.key(self.row)))

    def act_down(self) -> None:
        """Next row."""
        self.table.move(1)

    def act_up(self) -> None:
        """Row before."""
        self.table.move(-1)

    def act_top(self) -> None:
        """First row."""
        self.table.go(0)

    def act_bottom(self) -> None:
        """Last row."""
        self.table.go(self.table.count - 1)

    def act_halfdown(self) -> None:
        """Half a page down."""
        self.table.half_page(1)

    def act_halfup(self) -> None:
        """Half a page up."""
        self.table.half_page(-1)
