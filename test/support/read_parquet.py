"""Reads a folder of Parquet files by pyarrow and prints each row as the line of JSON that the sink jsonl writes."""

import decimal
import glob
import json
import sys
import time
import urllib.parse

import pyarrow
import pyarrow.parquet

decimal.getcontext().prec = 60
UNSIGNED_64 = pyarrow.uint64()


def iso(nanos):
    seconds, rest = divmod(nanos, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"


def values_of(column):
    kind = column.type
    if pyarrow.types.is_timestamp(kind):
        assert (kind.unit, kind.tz) == ("ns", "UTC"), kind
        return [None if nanos is None else iso(nanos) for nanos in column.cast(pyarrow.int64()).to_pylist()]
    if kind == UNSIGNED_64:
        return [None if number is None else str(number) for number in column.to_pylist()]
    return column.to_pylist()


def rebuild(row):
    """Numbers as they were sent, from decimal, scale and the texts of irregular ones."""
    texts = json.loads(row.pop("irregular") or "{}")
    for name in [name[:-6] for name in row if name.endswith("_scale")]:
        number, scale, double = row[name], row.pop(name + "_scale"), row.pop(name + "_f64")
        if name in texts:
            assert number is None and scale is None
            row[name] = texts[name]
        elif number is not None:
            row[name] = format(number.quantize(decimal.Decimal(1).scaleb(-scale)), "f")
        assert double == (None if row[name] is None else float(row[name])), (name, double, row[name])
    return row


for path in sorted(glob.glob(sys.argv[1] + "/**/*.parquet", recursive=True)):
    parts = dict(urllib.parse.unquote(part).split("=", 1) for part in path.split("/") if "=" in part)
    file = pyarrow.parquet.ParquetFile(path)
    said = {key.decode(): value.decode() for key, value in file.schema_arrow.metadata.items()}
    assert {key: said[key] for key in parts} == parts, said
    table = file.read()
    columns = {name: values_of(table.column(name)) for name in table.column_names}
    first, last = map(int, path.rsplit(".", 2)[1].split("-"))
    assert columns["row"] == list(range(first, last + 1)), path
    parts["day"] = parts.pop("date")
    for values in zip(*columns.values()):
        print(json.dumps(parts | rebuild(dict(zip(columns, values)))))
