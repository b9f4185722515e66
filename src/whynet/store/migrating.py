"""Bringing a store up to date as it is opened; what is no store of ours is left as it is."""

from threading import Lock

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, column, inspect, select, table, text

from whynet.base.errors import StorageError
from whynet.store.database import Database
from whynet.store.tables import VERSION, VERSION_TABLE

_alembic = Lock()  # Alembic keeps what it is at work on in global variables


def migrate(database: Database) -> None:
    """Make the tables of an empty database, or bring those of an older version up to date.

    Two servers may do so at once: one of them works, the other waits and finds it done. A step that fails is undone.

    Raises:
        StorageError: The database is of a newer whynet or of another program, or cannot be read or written.
    """
    with database.reading() as connection:
        version = _version_of(connection, database)
    if version < VERSION:
        database.use_write_ahead_log()
        with database.writing() as connection:
            if _version_of(connection, database) < VERSION:
                upgrade(connection)


def upgrade(connection: Connection, to: int = VERSION) -> None:
    """Take the steps up to a version, in the transaction that `connection` is in."""
    settings = Config(attributes={"connection": connection})
    settings.set_main_option("script_location", "whynet.store:migrations")
    with _alembic:
        command.upgrade(settings, str(to))


def _version_of(connection: Connection, database: Database) -> int:
    """The version of a store; 0 for an empty database."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in tables:
        if tables:
            raise StorageError(
                f"{database.label} belongs to another program: it has the table {min(tables)} and none of whynet's; "
                "choose an empty one"
            )
        _check_encoding(connection, database)
        return 0
    told = connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()
    version = int(told) if isinstance(told, str) and told.isdecimal() else None
    if version is None:
        raise StorageError(f"{database.label} is damaged: its version is {told!r}; restore it from a copy")
    if version > VERSION:
        raise StorageError(
            f"{database.label} has version {version}, and this whynet knows versions up to {VERSION}; update whynet"
        )
    return version


def _check_encoding(connection: Connection, database: Database) -> None:
    if database.is_file:
        return
    encoding = connection.execute(text("SHOW server_encoding")).scalar()
    if encoding != "UTF8":
        raise StorageError(
            f"{database.label} has the encoding {encoding}, which cannot hold every name; "
            "create one with ENCODING 'UTF8' TEMPLATE template0"
        )
