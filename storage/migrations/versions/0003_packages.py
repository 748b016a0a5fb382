"""What is asked of a package: signatures and the kind of clone per endpoint, a component's accepted licence, limits.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

from storage.models import UtcTime

revision = "0003"
down_revision = "0002"

# With their defaults. What they may be set to at most is in storage/limits.py.
SETTINGS = (
    ("ova_entries", "4000", "Entries that an OVA's archive may have"),
    ("ova_name_bytes", "1024", "Bytes that the name of a file in an OVA may have"),
    ("ova_descriptor_bytes", "7340032", "Bytes that an OVF descriptor may have"),
    ("ova_xml_depth", "64", "Elements inside each other that an OVF descriptor may have"),
    ("ova_gzip_ratio", "100", "How many times its size a compressed file of a package may expand to"),
    ("ova_remote_hosts", "", "Hosts that files which a descriptor names by URL are fetched from"),
    ("signature_roots", "", "PEM file of authorities trusted to sign OVAs, beside those of the machine"),
)


def upgrade() -> None:
    """Add the columns; settings of the same name that are there already are kept."""
    op.add_column("endpoints", sa.Column("signatures", sa.String, nullable=False, server_default="warn"))
    op.add_column("endpoints", sa.Column("linked_clones", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("components", sa.Column("eula_digest", sa.String, nullable=False, server_default=""))
    op.add_column("components", sa.Column("eula_by", sa.String, nullable=False, server_default=""))
    op.add_column("components", sa.Column("eula_at", UtcTime))
    op.add_column("items", sa.Column("datastore", sa.String, nullable=False, server_default=""))
    settings = sa.table("settings", sa.column("name"), sa.column("value"), sa.column("description"))
    there = set(op.get_bind().execute(sa.select(settings.c.name)).scalars())
    for name, value, description in SETTINGS:
        if name not in there:
            op.execute(sa.insert(settings).values(name=name, value=value, description=description))
