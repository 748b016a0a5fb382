"""The first schema.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from storage.models import UtcTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table, and the flag's row of a new store."""
    op.create_table(
        "settings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("description", sa.String, nullable=False, server_default=""),
        sa.Column("value", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_settings"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_settings_name", "settings", ["name"], unique=True)
    op.create_table(
        "endpoints",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("datacenter", sa.String, nullable=False),
        sa.Column("resource_pool", sa.String, nullable=False),
        sa.Column("datastore", sa.String, nullable=False),
        sa.Column("vmfolder", sa.String, nullable=False),
        sa.Column("host_system", sa.String),
        sa.Column("network", sa.String),
        sa.Column("pin", sa.String),
        sa.Column("ca", sa.Text),
        sa.Column("insecure", sa.Boolean, nullable=False),
        sa.Column("instance_uuid", sa.String),
        sa.Column("created", UtcTime, nullable=False),
        sa.UniqueConstraint("name", name="uq_endpoints_name"),
        sa.PrimaryKeyConstraint("id", name="pk_endpoints"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "components",
        sa.Column("uid", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("download_engine", sa.String, nullable=False),
        sa.Column("download_file", sa.String, nullable=False),
        sa.Column("checksum", sa.String, nullable=False),
        sa.Column("size_text", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("nested", sa.Boolean, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("ova_path", sa.Text),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_components"),
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column(
            "endpoint_id",
            sa.Integer,
            sa.ForeignKey("endpoints.id", name="fk_deployments_endpoint_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("created", UtcTime, nullable=False),
        sa.Column("ended", UtcTime),
        sa.Column("bytes_sent", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deployments_endpoint_id", "deployments", ["endpoint_id"])
    op.create_table(
        "items",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column(
            "deployment_id",
            sa.Integer,
            sa.ForeignKey("deployments.id", name="fk_items_deployment_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("component_uid", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("template", sa.String, nullable=False),
        sa.Column("vm", sa.String, nullable=False),
        sa.Column("task", sa.String, nullable=False),
        sa.Column("instance_uuid", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_items_deployment_id", "items", ["deployment_id"])
    op.create_index("ix_items_name", "items", ["name"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("on", sa.String, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO settings (name, description, value) VALUES "
        "('ff_endpoint_ova_staging', 'Stage each L1 OVA once per endpoint and clone it (on only for: true)', 'false')"
    )
