"""What Alembic runs to bring a store up to date: on the connection that is handed over, in the transaction it is in."""

from alembic import context

from whynet.store.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # SQLite's is, since our own BEGIN comes first
)
with context.begin_transaction():
    context.run_migrations()
