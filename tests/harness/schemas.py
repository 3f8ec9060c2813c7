"""Databases of every version of the schema that was released: tests/schemas."""

import re
import sqlite3

from harness.gateway import ROOT

MIGRATIONS = sorted((ROOT / "common/store/sqlite/sql").glob("*.sql"))
NEWEST = len(MIGRATIONS)
WITH_A_WAY_BACK = sorted(int(path.name.split("_")[0]) - 1
                         for path in (ROOT / "common/store/sqlite/sql/down").glob("*.sql"))


def fixture_path(version):
    return ROOT / f"tests/schemas/version-{version}.sql"


def load_version(version, path):
    """Makes a database of that version, with messages in every state, as its gateway left it."""
    path.parent.mkdir(exist_ok=True)
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(fixture_path(version).read_text())
    database.close()


def columns_of(path):
    """The columns of each table."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"
                              " AND name NOT LIKE 'sqlite_%'").fetchall()
    columns = {table: [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
               for table, in tables}
    database.close()
    return columns


def read_tables(path, columns):
    """All rows of all tables of `columns`, in the columns that are named there."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = {table: sorted(database.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall(),
                          key=repr) for table, names in columns.items()}
    database.close()
    return rows


def message_seq(message_id):
    """The number under which a message is kept since version 8: 43 bits of time, 12 that count, 8 at random."""
    bits = int.from_bytes(message_id, "big")
    return (bits >> 80) << 20 | (bits >> 64 & 0xfff) << 8 | bits >> 54 & 0xff


def bring_forward(tables, columns, version):
    """Messages and events of that version as the newest has them."""
    if version < 3:  # since then, that a message was queued is its row
        number = columns["message_event"].index("number")
        tables["message_event"] = [event for event in tables["message_event"] if event[number] > 1]
    if version < 8:
        _renumber(tables, columns)


def _renumber(tables, columns):
    seq, message_id = (columns["message"].index(name) for name in ("seq", "id"))
    of_event = columns["message_event"].index("message_seq")
    numbers = {row[seq]: message_seq(row[message_id]) for row in tables["message"]}
    for table, place in (("message", seq), ("message_event", of_event)):
        tables[table] = sorted(((*row[:place], numbers[row[place]], *row[place + 1:])
                                for row in tables[table]), key=repr)


def read_schema(path, marks=("application_id", "user_version", "journal_mode", "integrity_check")):
    """Tables by their columns, however they came about; all else by its text."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    objects = database.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    schema = {name: sorted(row[1:] for row in database.execute(f"PRAGMA table_xinfo({name})"))
              if kind == "table" else sql and " ".join(re.sub("--.*", "", sql).split())
              for kind, name, sql in objects}
    schema["marks"] = [database.execute(f"PRAGMA {pragma}").fetchone() for pragma in marks]
    if "message_transition" in schema:
        schema["rows"] = database.execute("SELECT * FROM message_transition ORDER BY 1, 2").fetchall()
    database.close()
    return schema
