"""Parquet files of any schema, made up, and what pyarrow reads of them."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from hfsvc.trajectories.files.pages.base import Range, ReadRanges
from hfsvc.trajectories.files.pages.footer import read_footer
from hfsvc.trajectories.files.pages.paged_rows import assemble, plan_rows

WORDS = ["", "a", "read the log", "größer", "x" * 40, *(f"word {number}" for number in range(30))]
LEAVES = [
    pa.bool_(),
    pa.int8(),
    pa.uint32(),
    pa.int64(),
    pa.float16(),
    pa.float32(),
    pa.float64(),
    pa.string(),
    pa.large_string(),
    pa.binary(),
    pa.binary(3),
    pa.decimal128(9, 2),
    pa.decimal256(40, 3),
    pa.date32(),
    pa.time64("us"),
    pa.timestamp("us", "Europe/Berlin"),
    pa.timestamp("ns"),
    pa.duration("ms"),
    pa.dictionary(pa.int32(), pa.string()),
    pa.uuid(),
    pa.json_(),
]


def field_of(name: str, kind: pa.DataType, nullable: bool) -> pa.Field:
    return pa.field(name, kind, nullable or pa.types.is_null(kind))


def nested(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    field = st.builds(field_of, st.just("element"), inner, st.booleans())
    structs = st.lists(st.tuples(inner, st.booleans()), min_size=1, max_size=3).map(
        lambda kinds: pa.struct([field_of(f"f{number}", *kind) for number, kind in enumerate(kinds)])
    )
    return st.one_of(
        structs,
        structs.map(pa.list_),
        field.map(pa.list_),
        inner.map(pa.large_list),
        # Of other elements, or below others that may be null, pyarrow reads something else than it has written.
        st.just(pa.struct([pa.field("pair", pa.list_(pa.field("element", pa.int64(), nullable=False), 2), False)])),
        inner.map(lambda kind: pa.map_(pa.string(), kind)),
    )


# Inside of lists pyarrow does not read back what it has written of a column of nulls.
KINDS = st.just(pa.null()) | st.recursive(st.sampled_from(LEAVES), nested, max_leaves=6)


@st.composite
def schemas(draw: st.DrawFn) -> pa.Schema:
    kinds = draw(st.lists(st.tuples(KINDS, st.booleans()), min_size=1, max_size=4))
    fields = [field_of(f"c{number}", *kind) for number, kind in enumerate(kinds)]
    return pa.schema(fields, {"made": "up"})


def value_of(kind: pa.DataType, rng: Random, *, nullable: bool = True) -> Any:
    """A value of any type, or none."""
    if nullable and rng.random() < 0.15:
        return None
    if isinstance(kind, pa.JsonType):
        return '{"a": 1}'
    if isinstance(kind, pa.UuidType):
        return rng.randbytes(16)
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return {field.name: value_of(field.type, rng, nullable=field.nullable) for field in fields}
    if pa.types.is_map(kind):
        return [(rng.choice(WORDS), value_of(kind.item_type, rng)) for _ in range(rng.choice([0, 1, 3]))]
    if pa.types.is_fixed_size_list(kind):
        return [value_of(kind.value_type, rng, nullable=False) for _ in range(kind.list_size)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        field = kind.value_field
        return [value_of(field.type, rng, nullable=field.nullable) for _ in range(rng.choice([0, 1, 2, 5]))]
    return leaf_value(kind, rng)


def leaf_value(kind: pa.DataType, rng: Random) -> Any:
    if pa.types.is_null(kind):
        return None
    if pa.types.is_boolean(kind):
        return rng.random() < 0.5
    if pa.types.is_integer(kind):
        return rng.choice([0, 1, rng.randrange(100)])
    if pa.types.is_floating(kind):
        return rng.randrange(64) / 4
    if pa.types.is_decimal(kind):
        return Decimal(rng.randrange(10_000)) / 100
    if pa.types.is_date(kind):
        return dt.date(2024, 1, 1) + dt.timedelta(days=rng.randrange(99))
    if pa.types.is_time(kind):
        return dt.time(rng.randrange(24), rng.randrange(60))
    if pa.types.is_timestamp(kind):
        return dt.datetime(2024, 1, 1, tzinfo=dt.UTC if kind.tz else None) + dt.timedelta(hours=rng.randrange(9999))
    if pa.types.is_duration(kind):
        return dt.timedelta(seconds=rng.randrange(9999))
    if pa.types.is_fixed_size_binary(kind):
        return rng.randbytes(kind.byte_width)
    if pa.types.is_binary(kind):
        return rng.randbytes(rng.randrange(20))
    return rng.choice(WORDS) + (str(rng.random()) if rng.random() < 0.3 else "")


def stored(kind: pa.DataType) -> pa.DataType:
    """The same type with what extensions are stored as: Arrow makes none of those inside of others."""
    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type
    if pa.types.is_struct(kind):
        fields = map(kind.field, range(kind.num_fields))
        return pa.struct([field.with_type(stored(field.type)) for field in fields])
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, stored(kind.item_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(stored(kind.value_type), kind.list_size)
    if pa.types.is_large_list(kind):
        return pa.large_list(stored(kind.value_type))
    return pa.list_(kind.value_field.with_type(stored(kind.value_type))) if pa.types.is_list(kind) else kind


def table_in(schema: pa.Schema, rows: int, rng: Random) -> pa.Table:
    columns = []
    for field in schema:
        values = [value_of(field.type, rng, nullable=field.nullable) for _ in range(rows)]
        made = pa.array(values, stored(field.type))
        columns.append(made if made.type == field.type else made.cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema)


OPTIONS = st.fixed_dictionaries({
    "row_group_size": st.integers(20, 300),
    "data_page_size": st.sampled_from([1, 100, 1000, 1 << 20]),
    "max_rows_per_page": st.sampled_from([1, 7, 50, 20_000]),
    "write_batch_size": st.sampled_from([1, 10, 1024]),
    "data_page_version": st.sampled_from(["1.0", "2.0"]),
    "use_dictionary": st.booleans(),
    "dictionary_pagesize_limit": st.sampled_from([10, 200, 1 << 20]),
    "compression": st.sampled_from(["none", "snappy", "zstd", "gzip", "lz4", "brotli"]),
    "write_page_index": st.sampled_from([True, True, True, False]),
    "write_page_checksum": st.booleans(),
    "use_content_defined_chunking": st.booleans(),
    "store_schema": st.booleans(),
    "write_statistics": st.booleans(),
})


def written(table: pa.Table, **options: Any) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(table, out, **options)
    content: bytes = out.getvalue().to_pybytes()
    return content


def reading(content: bytes, moved: list[Range] | None = None) -> ReadRanges:
    """Reads ranges of what is in memory, and notes them."""

    def read_ranges(ranges: Sequence[Range]) -> list[bytes]:
        if moved is not None:
            moved.extend(ranges)
        return [content[start:stop] for start, stop in ranges]

    return read_ranges


def rows_by_page(content: bytes, group: int, columns: Sequence[str] | None, runs: Sequence[Range]) -> pa.Table:
    read_ranges = reading(content)
    footer = read_footer(read_ranges, len(content))
    described = footer.group(group)
    plan = plan_rows(footer, described, columns, runs, read_ranges)
    batch = assemble(footer, described, plan, read_ranges)
    batch.validate(full=True)
    return pa.Table.from_batches([batch])


def rows_by_pyarrow(content: bytes, group: int, columns: Sequence[str] | None, runs: Sequence[Range]) -> pa.Table:
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        table = file.read_row_group(group, columns=columns, use_threads=False)
    return pa.concat_tables([table.slice(first, last - first) for first, last in runs])


def runs_in(rows: int, rng: Random) -> list[Range]:
    """Some runs of rows in rising order, none empty, with gaps between them."""
    bounds = sorted(rng.sample(range(rows + 1), min(rows + 1, rng.choice([2, 2, 4, 6]))))
    return [(bounds[at], bounds[at + 1]) for at in range(0, len(bounds) - 1, 2)]
