"""Runs questions over the files of an index, and prints their answers as JSON.

usage: engines.py TASK.json, which names the engine, the files, the views and the questions.
"""

import datetime
import decimal
import json
import os
import shutil
import sys
import time


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


def datafusion_answers(task):
    import pyarrow.dataset
    from datafusion import SessionContext

    db = SessionContext()
    for name, files in task["files"].items():
        db.register_dataset(name, pyarrow.dataset.dataset(files, format="parquet"))
    for view in task["views"]:
        db.sql("CREATE VIEW %s AS %s" % (view["Name"], view["SQL"])).collect()
    return [[list(row.values()) for batch in db.sql(q).collect() for row in batch.to_pylist()] for q in task["questions"]]


def chdb_answers(task):
    from chdb import session

    db = session.Session()
    for statement in task["ddl"].split(";\n"):
        if statement.strip():
            db.query(statement)
    answers = []
    for q in task["questions"]:
        out = str(db.query(q, "JSONCompactEachRow"))
        rows = [json.loads(line) for line in out.splitlines() if line]
        answers.append([[clickhouse_value(v) for v in row] for row in rows])
    return answers


def clickhouse_value(v):
    """ClickHouse prints times without a T, and with all six digits."""
    if isinstance(v, str) and len(v) == 26 and v[4] == "-" and v[10] == " " and v[19] == ".":
        return datetime.datetime.fromisoformat(v)
    return v


def pyspark_answers(task):
    if not shutil.which("java"):
        raise ModuleNotFoundError("java, which Spark needs")
    os.environ.update(TZ="UTC", PYSPARK_PYTHON=sys.executable)  # times are handed over without a zone
    time.tzset()
    from pyspark.sql import SparkSession

    db = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
    db = db.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    db.sparkContext.setLogLevel("ERROR")
    for statement in task["ddl"].replace("CREATE OR REPLACE VIEW", "CREATE OR REPLACE TEMPORARY VIEW").split(";\n"):
        if statement.strip() and not all(line.startswith("--") or not line for line in statement.splitlines()):
            db.sql(statement)
    # Spark quotes names with backticks.
    return [[list(row) for row in db.sql(q.replace('"date"', "`date`").replace('"first"', "`first`").replace('"last"', "`last`").replace('"timestamp"', "`timestamp`")).collect()] for q in task["questions"]]


ENGINES = {"duckdb": duckdb_answers, "polars": polars_answers, "datafusion": datafusion_answers, "chdb": chdb_answers, "pyspark": pyspark_answers}


def main():
    task = json.load(open(sys.argv[1]))
    try:
        answers = ENGINES[task["engine"]](task)
    except ModuleNotFoundError as e:
        print("missing: %s" % e, file=sys.stderr)
        sys.exit(3)
    json.dump([[plain(row) for row in answer] for answer in answers], sys.stdout)


main()
