"""Durable jobs: the queue, what its steps did, the settings that pace them.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

from storage.models import UtcTime

revision = "0002"
down_revision = "0001"

SETTINGS = (
    ("claim_beat_seconds", "5", "How often the holder of a claim shows that it is alive"),
    ("claim_ttl_seconds", "30", "Without a sign of life for so long, a claim is stale"),
    ("deployments_per_endpoint", "4", "Deployments that run at the same time on one endpoint"),
    ("deployments_at_once", "8", "Deployments that run at the same time on all endpoints"),
    ("stagings_per_endpoint", "2", "Components staged at the same time on one endpoint"),
    ("stagings_at_once", "4", "Components staged at the same time on all endpoints"),
    (
        "vms_per_endpoint",
        "8",
        "VMs made at the same time on one endpoint; vCenter itself clones 8 per host",
    ),
    ("retry_attempts", "8", "Attempts at a step that fails for a reason that passes"),
    ("retry_seconds", "2", "Wait before the second attempt; it doubles from there, up to a minute"),
    ("call_deadline_seconds", "60", "How long vCenter may take to answer one call"),
    ("task_silence_seconds", "60", "How long vCenter may be away while a task of it is waited for"),
    ("upload_stall_seconds", "60", "How long a host may accept no byte of an upload"),
    ("foreign_leftover_seconds", "900", "Unchanged for so long, what another Slipway left half-made is removed"),
)


def upgrade() -> None:
    """Add the tables and columns of durable jobs; settings of the same name that are there already are kept.

    A deployment that has not ended ran in a process that died, and no job takes it up: it may be tried again.
    """
    op.execute("UPDATE deployments SET state = 'failed', ended = created WHERE ended IS NULL")
    op.add_column("endpoints", sa.Column("refused", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("deployments", sa.Column("secret", sa.Text))
    op.add_column("deployments", sa.Column("power_on", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("deployments", sa.Column("vapp", sa.String, nullable=False, server_default=""))
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column(
            "endpoint_id",
            sa.Integer,
            sa.ForeignKey("endpoints.id", name="fk_jobs_endpoint_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column(
            "deployment_id",
            sa.Integer,
            sa.ForeignKey("deployments.id", name="fk_jobs_deployment_id", ondelete="CASCADE"),
        ),
        sa.Column("component_uid", sa.String),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("cancel", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("falls_back", sa.Boolean, nullable=False),
        sa.Column("refused", sa.Boolean, nullable=False),
        sa.Column("created", UtcTime, nullable=False),
        sa.Column("ended", UtcTime),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_endpoint_id", "jobs", ["endpoint_id"])
    op.create_index("ix_jobs_deployment_id", "jobs", ["deployment_id"])
    op.create_index("ix_jobs_state", "jobs", ["state"])
    op.create_table(
        "steps",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column(
            "job_id", sa.Integer, sa.ForeignKey("jobs.id", name="fk_steps_job_id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("item", sa.String, nullable=False),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("began", UtcTime, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_steps"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_steps_job_id", "steps", ["job_id"])
    op.create_table(
        "sightings",
        sa.Column(
            "endpoint_id",
            sa.Integer,
            sa.ForeignKey("endpoints.id", name="fk_sightings_endpoint_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("vm", sa.String, nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
        sa.Column("since", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "vm", name="pk_sightings"),
    )
    settings = sa.table("settings", sa.column("name"), sa.column("value"), sa.column("description"))
    there = set(op.get_bind().execute(sa.select(settings.c.name)).scalars())
    for name, value, description in SETTINGS:
        if name not in there:
            op.execute(sa.insert(settings).values(name=name, value=value, description=description))
