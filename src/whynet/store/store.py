"""The store: names, votes and study answers in one database, opened, read, added to and closed."""

from pathlib import Path

from whynet.base.errors import StorageError
from whynet.base.files import read_json, write_json_atomically, write_text_atomically
from whynet.store.answers import Answers
from whynet.store.csv_form import from_csv, row_of_csv, to_csv
from whynet.store.database import Database
from whynet.store.exchange import add_all, read_all
from whynet.store.json_form import from_json, row_of_json, to_json
from whynet.store.migrating import migrate
from whynet.store.names import Names
from whynet.store.plain_rows import COLUMNS
from whynet.store.records import Added, Records
from whynet.store.votes import Votes


class Store:
    """What people say of concepts, in an SQLite file or a PostgreSQL database; usable from any number of threads.

    Opening it makes the tables, or brings them up to date. Several servers may have one store open.

    Args:
        location: The path of a file, whose folder exists, or a URL: `sqlite:///FILE`,
            `postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE`.

    Attributes:
        names: What concepts are called.
        votes: Who trusts them.
        answers: What people saw in studies.

    Raises:
        SettingError: A URL that cannot be read, of an unknown scheme, or without a database.
        StorageError: The place cannot be reached or written, or holds something else or a newer version.
        MissingDependencyError: The driver for PostgreSQL is not installed.
    """

    def __init__(self, location: str | Path) -> None:
        self._database = Database(location)
        try:
            migrate(self._database)
        except BaseException:
            self._database.close()
            raise
        self.names = Names(self._database)
        self.votes = Votes(self._database)
        self.answers = Answers(self._database)

    @property
    def label(self) -> str:
        """Where it is, for messages; never with a password."""
        return self._database.label

    def records(self) -> Records:
        """All rows with their history, as they were at one moment; raises `StorageError`."""
        return read_all(self._database)

    def export_json(self, path: Path) -> None:
        """Write all rows to one file; raises `StorageError`, and the file that was there stays whole."""
        write_json_atomically(path, to_json(self.records()))

    def export_csv(self, folder: Path) -> None:
        """Write all rows to `names.csv`, `votes.csv` and `answers.csv` in a folder, which is made if need be.

        Raises:
            StorageError: One of them cannot be written; each is either whole or what it was.
        """
        texts = to_csv(self.records())
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder} cannot be made ({error.strerror or error}); choose another folder") from error
        for kind, text in texts.items():
            write_text_atomically(folder / f"{kind}.csv", text)

    def import_json(self, path: Path) -> Added:
        """Add the rows of an export that are not here yet: all of them or, if one is bad, none.

        Raises:
            StorageError: The file cannot be read or is no export, or a row, whose number is told, is bad.
        """
        records = from_json(read_json(path, "the export of a store"), str(path))
        return add_all(self._database, records, lambda kind, index: row_of_json(str(path), kind, index))

    def import_csv(self, folder: Path) -> Added:
        """Add the rows of `names.csv`, `votes.csv` and `answers.csv`, as many as there are, as `import_json` does.

        Raises:
            StorageError: As `import_json`, or none of the three is there.
        """
        texts = {}
        for kind in COLUMNS:
            path = folder / f"{kind}.csv"
            try:
                texts[kind] = path.read_bytes().decode("utf-8-sig")  # spreadsheets begin a file with a mark
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StorageError(
                    f"{path} cannot be read ({error.strerror or error}); check its permissions"
                ) from error
            except UnicodeDecodeError as error:
                raise StorageError(f"{path} is not in UTF-8 ({error}); save it so") from error
        if not texts:
            expected = ", ".join(f"{kind}.csv" for kind in COLUMNS)
            raise StorageError(f"expected at least one of {expected} in {folder}, but there is none; check the path")
        records = from_csv(texts, str(folder))
        return add_all(self._database, records, lambda kind, index: row_of_csv(str(folder), kind, index))

    def close(self) -> None:
        """End all connections; a second call does nothing."""
        self._database.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.label!r})"
