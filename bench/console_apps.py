"""What the console is measured beside: an empty Textual app, and one with Textual's DataTable of the same rows.

    python -m bench.console_apps empty
    python -m bench.console_apps datatable STORE

The second reads the store's components in a thread, as the console does. `j` moves the cursor, `u` changes a cell of
the row under it, `x` counts itself in the last line: a key that is answered whatever the table is doing.
"""

import sys
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import App, ComposeResult


def empty() -> App[None]:
    """Nothing but a screen."""
    return App()


def datatable(store: str) -> App[None]:
    """The store's components in a DataTable."""
    from textual.widgets import DataTable, Static

    class TableApp(App[None]):
        """Table and a line below it."""

        BINDINGS: ClassVar = [("u", "change", "Change"), ("j", "down", "Down"), ("x", "count", "Count")]
        CSS = "DataTable { height: 1fr; } Static { height: 1; }"
        counted = 0

        def compose(self) -> ComposeResult:
            """Both."""
            yield DataTable(cursor_type="row")
            yield Static("waiting")

        def on_ready(self) -> None:
            """The first frame is there."""
            self.run_worker(self.load, thread=True)

        def load(self) -> None:
            """Read the rows as the console does."""
            from engine.console import components
            from engine.console.desk import open_desk
            from tui.present.components import VIEW

            with open_desk(store) as desk:
                rows = components.read(desk)
            now = datetime.now(UTC)
            cells = [(VIEW.key(row), [text for text, _ in VIEW.cells(row, now)]) for row in rows]
            self.call_from_thread(self.fill, [column.title for column in VIEW.columns], cells)

        def fill(self, titles: list[str], rows: list[tuple[str, list[str]]]) -> None:
            """Give them to the table."""
            table = self.query_one(DataTable)
            for title in titles:
                table.add_column(title, key=title)
            for key, cells in rows:
                table.add_row(*cells, key=key)
            table.focus()

        def action_count(self) -> None:
            """Answer a key."""
            self.counted += 1
            self.query_one(Static).update(f"counted {self.counted}.")

        def action_down(self) -> None:
            """Next row."""
            self.query_one(DataTable).action_cursor_down()

        def action_change(self) -> None:
            """Change one cell."""
            table = self.query_one(DataTable)
            key, _ = table.coordinate_to_cell_key(table.cursor_coordinate)
            before = table.get_cell(key, "State")
            table.update_cell(key, "State", "! failed" if before != "! failed" else "o enabled")

    return TableApp()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["empty"]:
            empty().run()
        case ["datatable", where]:
            datatable(where).run()
