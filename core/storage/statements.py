"""SQL that SQLite and PostgreSQL spell alike but SQLAlchemy keeps in two dialects, and the size of a statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import ARRAY, JSON, ColumnElement, Connection, CursorResult, Executable, Table, any_, bindparam, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from core.process.loading import load

#: Values in one IN list and rows in one INSERT: far below SQLite's 32,766 parameters, even with 16 columns.
CHUNK = 500

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    Insert = postgresql.Insert | sqlite.Insert

T = TypeVar("T")


def write_returning(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute a statement that has a RETURNING, and read what it returns to the end, though nobody asks for it.

    On SQLite a statement that commits by itself does so at its end. Left halfway, it ends as it is closed, where Python does
    not tell what went wrong: with a full disk the rows would be gone without a word.
    """
    connection.execute(statement, rows).all()


Among = Callable[[ColumnElement[Any], str], ColumnElement[bool]]


def _among_array(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    return column == any_(bindparam(parameter, type_=ARRAY(column.type)))


def _among_list(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    return column.in_(bindparam(parameter, expanding=True))


#: Dialect -> a condition that the column is one of a named list of values. PostgreSQL gets the list as one array: its
#: driver takes ten times as long over a list of parameters, and the statement stays the same for every length.
AMONG: Mapping[str, Among] = {"postgresql": _among_array, "sqlite": _among_list}


def equals(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """For a list of one value: plain equality, of which PostgreSQL keeps the plan.

    For an array it makes a new one each time, since it cannot know the length, and that may take longer than the rest.
    """
    return column == bindparam(parameter)


class PerDialect(Generic[T]):
    """A statement in one form for each database, kept once it is built.

    To build a statement takes longer than to run it, and a program that starts needs few of all there are: each is built
    when it is first asked for.
    """

    def __init__(self, build: Callable[[str], T]) -> None:
        self._build = build
        self._built: dict[str, T] = {}

    def __getitem__(self, dialect: str) -> T:
        built = self._built.get(dialect)
        return self._built.setdefault(dialect, self._build(dialect)) if built is None else built


def _inserting(dialect: str) -> Callable[[Table], Insert]:
    inserting: Callable[[Table], Insert] = load(f"sqlalchemy.dialects.{dialect}:insert")
    return inserting


#: Dialect -> the INSERT that knows ON CONFLICT. No program needs both, and each takes its time to load.
INSERT = PerDialect(_inserting)


def insert_into(connection: Connection, table: Table) -> Insert:
    """An INSERT that knows ON CONFLICT, in the dialect of the connection."""
    return INSERT[connection.dialect.name](table)


class OneOrSeveral:
    """A statement over a list, in two forms for each database: by plain equality for one value, by `AMONG` for several.

    `build`: makes it for a dialect out of the condition.
    """

    def __init__(self, build: Callable[[str, Among], Executable]) -> None:
        self._one = PerDialect(lambda dialect: build(dialect, equals))
        self._several = PerDialect(lambda dialect: build(dialect, AMONG[dialect]))

    def execute(self, connection: Connection, name: str, values: Sequence[Any], **more: Any) -> CursorResult[Any]:
        """Ask it with the list `name`, which is not empty, and other parameters."""
        dialect = connection.dialect.name
        if len(values) == 1:
            return connection.execute(self._one[dialect], {name: values[0], **more})
        return connection.execute(self._several[dialect], {name: list(values), **more})


def any_of(connection: Connection, column: ColumnElement[T], values: Iterable[T]) -> ColumnElement[bool]:
    """Whether the column is one of these values, in the form of `AMONG`."""
    if connection.dialect.name == "postgresql":
        return column == any_(literal(list(values), ARRAY(column.type)))
    return column.in_(list(values))


class JsonRows(FunctionElement[list[list[Any]] | None]):
    """An aggregate: its columns of all rows, in no order, as one list of lists; NULL or empty where there is no row.

    In a subquery it brings the rows that belong to another one along with it, in the same statement.
    """

    name = "json_rows"
    type = JSON()
    inherit_cache = True


@compiles(JsonRows, "postgresql")
def _json_rows_postgresql(rows: JsonRows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_agg(json_build_array({compiler.process(rows.clauses, **options)}))"


@compiles(JsonRows, "sqlite")
def _json_rows_sqlite(rows: JsonRows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array(json_array({compiler.process(rows.clauses, **options)}))"


def chunks(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part
