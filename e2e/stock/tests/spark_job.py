"""The job of spark.py, run by a Python that has pyspark: spark_job.py BASE_URI CLIENT_JAR."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from harness.check import Checks
from pyspark.sql import SparkSession

_WORDS = ["dam", "penstock", "rotor", "stator", "weir"]
_LINES = 20_000
_WORDS_PER_LINE = 10
_ROWS = 300_000
_GROUPS = 7


def open_session(client_jar: str) -> SparkSession:
    return (
        SparkSession.builder.master("local[2]")
        .appName("headpond-e2e")
        .config("spark.driver.memory", "768m")
        .config("spark.driver.extraClassPath", client_jar)
        .config("spark.driver.extraJavaOptions", "-Dalluxio.user.short.circuit.enabled=false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.hadoop.fs.alluxio.impl", "alluxio.hadoop.FileSystem")
        .getOrCreate()
    )


def word_count(checks: Checks, spark: SparkSession, base: str) -> None:
    context = spark.sparkContext

    def line(number: int) -> str:
        return " ".join(_WORDS[(number + i) % len(_WORDS)] for i in range(_WORDS_PER_LINE))

    context.parallelize(range(_LINES), 2).map(line).saveAsTextFile(f"{base}/words")
    counts = (
        context.textFile(f"{base}/words")
        .flatMap(str.split)
        .map(lambda word: (word, 1))
        .reduceByKey(lambda a, b: a + b)
    )
    each = _LINES * _WORDS_PER_LINE // len(_WORDS)
    checks.equal("word counts", dict(counts.collect()), {word: each for word in _WORDS})
    counts.map(lambda pair: f"{pair[0]} {pair[1]}").saveAsTextFile(f"{base}/counts")
    stored = sorted(context.textFile(f"{base}/counts").collect())
    checks.equal("stored word counts", stored, [f"{word} {each}" for word in sorted(_WORDS)])


def parquet_round_trip(checks: Checks, spark: SparkSession, base: str) -> None:
    table = spark.range(_ROWS).selectExpr(
        "id", "id * 2 AS twice", f"CAST(id % {_GROUPS} AS STRING) AS remainder"
    )
    for attempt in ("first write", "overwrite"):
        table.write.mode("overwrite").partitionBy("remainder").parquet(f"{base}/table")
        stored = spark.read.parquet(f"{base}/table")
        checks.equal(f"{attempt}: rows", stored.count(), _ROWS)
        sums = {int(row[0]): row[1] for row in stored.groupBy("remainder").sum("twice").collect()}
        expected = {group: 2 * sum(range(group, _ROWS, _GROUPS)) for group in range(_GROUPS)}
        checks.equal(f"{attempt}: sums by group", sums, expected)


def remove(spark: SparkSession, base: str) -> bool:
    jvm = spark.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path(base)
    return path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).delete(path, True)


def main() -> int:
    base, client_jar = sys.argv[1:]
    spark = open_session(client_jar)
    checks = Checks()
    word_count(checks, spark, base)
    parquet_round_trip(checks, spark, base)
    checks.that("the output can be removed", remove(spark, base))
    spark.stop()
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
