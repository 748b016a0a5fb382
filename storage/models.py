"""The tables: one schema for SQLite and PostgreSQL. `storage/migrations` makes them; a test keeps both equal.

`settings` is zPodFactory's table (id, name unique and indexed, description and value not null with default "").
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

SCHEMA = "0003"
"""The Alembic revision this code works with; revisions are numbered, so a greater one is a newer Slipway's."""


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time: `timestamptz` on PostgreSQL, ISO text ending in Z on SQLite, which has no time type."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite."""
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To the database, in UTC; a naive time is a mistake of the caller's."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without time zone")
        value = value.astimezone(UTC)
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        """From the database, in UTC."""
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

settings = Table(
    "settings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True, index=True),
    Column("description", String, nullable=False, server_default=""),
    Column("value", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)

# sqlite_autoincrement: an id is never given out twice, and claims name endpoints by id.
endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("host", String, nullable=False),
    Column("port", Integer, nullable=False),
    Column("username", String, nullable=False),
    Column("password", Text, nullable=False),
    Column("datacenter", String, nullable=False),
    Column("resource_pool", String, nullable=False),
    Column("datastore", String, nullable=False),
    Column("vmfolder", String, nullable=False),
    Column("host_system", String),
    Column("network", String),
    Column("pin", String),
    Column("ca", Text),
    Column("insecure", Boolean, nullable=False),
    Column("instance_uuid", String),
    Column("refused", Boolean, nullable=False, server_default=false()),
    Column("signatures", String, nullable=False, server_default="warn"),
    Column("linked_clones", Boolean, nullable=False, server_default=false()),
    Column("created", UtcTime, nullable=False),
    UniqueConstraint("name"),
    sqlite_autoincrement=True,
)

components = Table(
    "components",
    metadata,
    Column("uid", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("type", String, nullable=False),
    Column("description", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("download_engine", String, nullable=False),
    Column("download_file", String, nullable=False),
    Column("checksum", String, nullable=False),
    Column("size_text", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("nested", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("ova_path", Text),
    Column("spec", JSON, nullable=False),
    Column("eula_digest", String, nullable=False, server_default=""),
    Column("eula_by", String, nullable=False, server_default=""),
    Column("eula_at", UtcTime),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("endpoint_id", ForeignKey("endpoints.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("profile", Text, nullable=False),
    Column("secret", Text),
    Column("power_on", Boolean, nullable=False, server_default=true()),
    Column("vapp", String, nullable=False, server_default=""),
    Column("created", UtcTime, nullable=False),
    Column("ended", UtcTime),
    Column("bytes_sent", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

items = Table(
    "items",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("deployment_id", ForeignKey("deployments.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String, nullable=False, index=True),
    Column("component_uid", String, nullable=False),
    Column("state", String, nullable=False),
    Column("path", String, nullable=False),
    Column("template", String, nullable=False),
    Column("vm", String, nullable=False),
    Column("task", String, nullable=False),
    Column("instance_uuid", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("datastore", String, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("endpoint_id", ForeignKey("endpoints.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("deployment_id", ForeignKey("deployments.id", ondelete="CASCADE"), index=True),
    Column("component_uid", String),
    Column("priority", Integer, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("cancel", Boolean, nullable=False),
    Column("error", Text, nullable=False),
    Column("falls_back", Boolean, nullable=False),
    Column("refused", Boolean, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("ended", UtcTime),
    sqlite_autoincrement=True,
)

steps = Table(
    "steps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("item", String, nullable=False),
    Column("step", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("began", UtcTime, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

sightings = Table(
    "sightings",
    metadata,
    Column("endpoint_id", ForeignKey("endpoints.id", ondelete="CASCADE"), primary_key=True),
    Column("vm", String, primary_key=True),
    Column("seen", Text, nullable=False),
    Column("since", UtcTime, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("who", String, nullable=False),
    Column("action", String, nullable=False),
    Column("on", String, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,
)
