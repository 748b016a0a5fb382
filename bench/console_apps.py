"""What the console is measured beside: an empty Textual app, and one with Textual's DataTable of the same rows.

python -m bench.console_apps empty
python -m bench.console_apps datatable STORE
"""

import sys

from textual.app import App, ComposeResult


def empty() -> App[None]:
    """Nothing but a screen."""
    return App()


def datatable(store: str) -> App[None]:
    """The store's components in a DataTable, read in a thread. `u` changes one cell of the row under the cursor."""
    from textual.widgets import DataTable

    class TableApp(App[None]):
        BINDINGS = [("u", "change", "Change"), ("j", "down", "Down")]  # noqa: RUF012

        def compose(self) -> ComposeResult:
            yield DataTable(cursor_type="row")

        def on_ready(self) -> None:
            self.run_worker(self.load, thread=True)

        def load(self) -> None:
            from engine.console import components
            from engine.console.desk import open_desk
            from tui.present.components import VIEW

            with open_desk(store) as desk:
                rows = components.read(desk)
            from datetime import UTC, datetime

            now = datetime.now(UTC)
            cells = [(VIEW.key(row), [text for text, _ in VIEW.cells(row, now)]) for row in rows]
            self.call_from_thread(self.fill, [column.title for column in VIEW.columns], cells)

        def fill(self, titles: list[str], rows: list[tuple[str, list[str]]]) -> None:
            table = self.query_one(DataTable)
            for title in titles:
                table.add_column(title, key=title)
            for key, cells in rows:
                table.add_row(*cells, key=key)

        def action_down(self) -> None:
            self.query_one(DataTable).action_cursor_down()

        def action_change(self) -> None:
            table = self.query_one(DataTable)
            key, _ = table.coordinate_to_cell_key(table.cursor_coordinate)
            title = list(table.columns)[1]
            before = table.get_cell(key, title)
            table.update_cell(key, title, "- disabled" if before != "- disabled" else "o enabled")

    return TableApp()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["empty"]:
            empty().run()
        case ["datatable", where]:
            datatable(where).run()
