"""Runs questions over the files of an index, and prints their answers as JSON.

usage: engines.py TASK.json, which names the engine, the files, the views and the questions.
"""

import datetime
import decimal
import json
import sys


def plain(v):
    """A value as every engine's JSON has it."""
    if isinstance(v, datetime.datetime):
        if v.tzinfo is not None:
            v = v.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return v.isoformat()
    if isinstance(v, datetime.date):
        return v.isoformat()
    if isinstance(v, decimal.Decimal):
        return int(v) if v == v.to_integral_value() else float(v)
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return v


def duckdb_answers(task):
    import duckdb

    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.execute(task["ddl"])
    return [db.execute(q).fetchall() for q in task["questions"]]


def polars_answers(task):
    import polars as pl

    db = pl.SQLContext()
    for name, files in task["files"].items():
        db.register(name, pl.scan_parquet(files, hive_partitioning=False))
    for view in task["views"]:
        db.register(view["Name"], db.execute(view["SQL"]))
    return [db.execute(q, eager=True).rows() for q in task["questions"]]


def main():
    task = json.load(open(sys.argv[1]))
    try:
        engine = {"duckdb": duckdb_answers, "polars": polars_answers}[task["engine"]]
        answers = engine(task)
    except ModuleNotFoundError as e:
        print("missing: %s" % e, file=sys.stderr)
        sys.exit(3)
    json.dump([[plain(row) for row in answer] for answer in answers], sys.stdout)


main()
