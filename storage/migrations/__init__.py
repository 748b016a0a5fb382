"""Alembic migrations of the store; loaded only when the schema differs."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from storage.models import SCHEMA

_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps the migration that runs in a global


def upgrade(tx: Connection) -> None:
    """Bring the schema to the one of this code, inside the transaction `tx`."""
    config = Config()
    # '%' would be read as an interpolation of the configuration parser.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = tx
    with _ONE_AT_A_TIME:
        command.upgrade(config, SCHEMA)


def version(tx: Connection) -> str:
    """The schema's revision, empty for a store without tables."""
    return MigrationContext.configure(tx).get_current_revision() or ""
