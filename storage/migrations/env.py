"""Run by Alembic: migrations on the connection that `storage.migrations.upgrade` hands over, in its transaction."""

from alembic import context

from storage.models import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
