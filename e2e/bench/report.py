"""The table: which figure of which server is compared with what, and the target of each row."""

from __future__ import annotations

import dataclasses

from measure import Samples, Sizes

_OPERATIONS = ("create", "getStatus", "exists", "mkdir", "rename", "delete")
_WRITES = ("create", "mkdir", "rename", "delete")


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison. `limit` bounds ours / base, or ours itself when `absolute`."""

    section: str
    label: str
    unit: str
    ours: str  # key among our samples
    base: str | None  # key among the stock's samples, or "raw:KEY" of the machine itself
    limit: float | None
    higher_is_better: bool
    absolute: bool = False

    def target(self) -> str:
        if self.limit is None:
            return ""
        sign = "≥" if self.higher_is_better else "≤"
        return (
            f"{sign} {self.limit:g} {self.unit}" if self.absolute else f"{sign} {self.limit:.2g}x"
        )

    def met(self, ours: float, base: float | None) -> bool | None:
        if self.limit is None or (not self.absolute and not base):
            return None
        value = ours if self.absolute else ours / base
        return value >= self.limit if self.higher_is_better else value <= self.limit


def _java_metadata(threads: int) -> list[Row]:
    section = f"Metadata, stock Java client, {threads} thread{'s' if threads > 1 else ''}"
    rows = []
    for operation in _OPERATIONS:
        key = f"java.meta{threads}.{operation}.per_s"
        limit = (2.0 if operation == "create" else 1.3) if threads > 1 else None
        rows.append(Row(section, operation, "per s", key, key, limit, True))
    key = f"java.meta{threads}.list.per_s"
    rows.append(Row(section, "list", "entries/s", key, key, 2.0 if threads > 1 else None, True))
    for operation in _OPERATIONS:
        key = f"java.meta{threads}.{operation}.cpu_us"
        limit = (1 / 5 if operation in _WRITES else 1 / 3) if threads > 1 else None
        label = f"{operation}, master CPU"
        rows.append(Row(section, label, "µs per operation", key, key, limit, False))
    return rows


def _native_metadata(threads: int) -> list[Row]:
    section = (
        f"Metadata, our client against the stock pair, {threads} thread{'s' if threads > 1 else ''}"
    )
    limit = 4.0 if threads > 1 else None
    rows = [
        Row(
            section,
            operation,
            "per s",
            f"native.meta{threads}.{operation}.per_s",
            f"java.meta{threads}.{operation}.per_s",
            limit,
            True,
        )
        for operation in _OPERATIONS
    ]
    rows.append(
        Row(
            section,
            "list",
            "entries/s",
            f"native.meta{threads}.list.per_s",
            f"java.meta{threads}.list.per_s",
            5.0 if threads > 1 else None,
            True,
        )
    )
    return rows


def _java_io(way: str, title: str) -> list[Row]:
    section = f"Data, stock Java client, {title}"
    remote = way == "remote"

    def row(label: str, unit: str, name: str, limit: float | None, higher: bool) -> Row:
        key = f"java.{way}.{name}"
        return Row(section, label, unit, key, key, limit if remote else None, higher)

    return [
        row("warm sequential read", "MiB/s", "read.mib_per_s", 1.2, True),
        row("warm sequential read, worker CPU", "s per GiB", "read.cpu_s_per_gib", 1 / 4, False),
        row("4 KiB positioned reads, 1 thread", "per s", "random4k_1.per_s", 1.5, True),
        row("4 KiB positioned reads, 4 threads", "per s", "random4k_4.per_s", 1.5, True),
        row("the same, worker CPU", "µs per read", "random4k_4.cpu_us", None, False),
        row("write MUST_CACHE", "MiB/s", "write_must_cache.mib_per_s", 1.2, True),
        row("write CACHE_THROUGH", "MiB/s", "write_cache_through.mib_per_s", 1.5, True),
    ]


def _native_io() -> list[Row]:
    section = "Data, our client"
    stock = "java.remote"
    return [
        Row(
            section,
            "warm read, remote, against raw loopback TCP",
            "MiB/s",
            "native.remote.read.mib_per_s",
            "raw:loopback.mib_per_s",
            0.6,
            True,
        ),
        Row(
            section,
            "warm read, same host, against plain pread",
            "MiB/s",
            "native.short.read.mib_per_s",
            "raw:pread.mib_per_s",
            0.8,
            True,
        ),
        Row(
            section,
            "4 KiB positioned reads, 4 threads, remote",
            "per s",
            "native.remote.random4k_4.per_s",
            f"{stock}.random4k_4.per_s",
            20000,
            True,
            True,
        ),
        Row(
            section,
            "write MUST_CACHE, remote",
            "MiB/s",
            "native.remote.write_must_cache.mib_per_s",
            f"{stock}.write_must_cache.mib_per_s",
            None,
            True,
        ),
        Row(
            section,
            "write CACHE_THROUGH, remote",
            "MiB/s",
            "native.remote.write_cache_through.mib_per_s",
            f"{stock}.write_cache_through.mib_per_s",
            None,
            True,
        ),
    ]


def _quorum(threads: int) -> list[Row]:
    section = f"Three masters with the embedded journal, stock Java client, {threads} threads"
    create, cpu = f"quorum.meta{threads}.create", f"quorum.meta{threads}.create.cpu_us"
    return [
        Row(section, "create", "per s", f"{create}.per_s", f"{create}.per_s", None, True),
        Row(section, "create, leader's CPU", "µs per operation", cpu, cpu, None, False),
        Row(section, "mkdir", "per s", *2 * (f"quorum.meta{threads}.mkdir.per_s",), None, True),
        Row(section, "leader killed, to the next change", "s", *2 * ("quorum.failover_s",), 0.5, False, True),
    ]


def rows(sizes: Sizes) -> list[Row]:
    servers = "Servers"
    result = [
        Row(servers, "master, start to serving", "s", "start_s", "start_s", 0.3, False, True),
        Row(
            servers,
            "master, idle resident memory",
            "MiB",
            "rss.master_mib",
            "rss.master_mib",
            40,
            False,
            True,
        ),
        Row(
            servers,
            "worker, idle resident memory",
            "MiB",
            "rss.worker_mib",
            "rss.worker_mib",
            40,
            False,
            True,
        ),
        Row(
            servers,
            "master, resident memory per file",
            "bytes",
            "bytes_per_file",
            "bytes_per_file",
            200,
            False,
            True,
        ),
        Row(
            servers,
            "the same, against the stock master's live heap",
            "bytes",
            "bytes_per_file",
            "live_bytes_per_file",
            None,
            False,
        ),
    ]
    for threads in sorted(sizes.meta_threads, reverse=True):
        result += _java_metadata(threads)
    result += _native_metadata(max(sizes.meta_threads))
    result += _quorum(max(sizes.meta_threads))
    result += _java_io("remote", "over TCP") + _java_io("short", "short circuit")
    return result + _native_io()


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(sizes: Sizes, stock: Samples, ours: Samples, machine: Samples) -> str:
    """The sections in Markdown. A row nobody measured is left out."""
    lines: list[str] = []
    section = None
    for row in rows(sizes):
        base = None
        if row.base and row.base.startswith("raw:"):
            base = machine.median(row.base.removeprefix("raw:"))
        elif row.base:
            base = stock.median(row.base)
        mine = ours.median(row.ours)
        own_client = row.ours.startswith("native.")
        if mine is None and (base is None or own_client):
            continue
        if row.section != section:
            section = row.section
            lines += [
                "",
                f"## {section}",
                "",
                "| what | unit | stock | ours | ratio | target | met |",
                "|---|---|---:|---:|---:|---|---|",
            ]
        ratio = f"{mine / base:.2f}x" if mine is not None and base else "–"
        met = row.met(mine, base) if mine is not None else None
        verdict = {None: "", True: "yes", False: "**no**"}[met]
        lines.append(
            f"| {row.label} | {row.unit} | {_number(base)} | {_number(mine)} | {ratio} "
            f"| {row.target()} | {verdict} |"
        )
    return "\n".join(lines).strip() + "\n"


def document(command: str, sizes: Sizes, stock: Samples, ours: Samples, machine: Samples) -> str:
    """The page; `machine` holds "cpus" and "load" beside the raw rates."""
    cpus, load = machine.median("cpus"), machine.median("load")
    files = {name: samples.median("files") for name, samples in (("stock", stock), ("ours", ours))}
    filled = ", ".join(f"{name} {count:,.0f}" for name, count in files.items() if count)
    return f"""# Benchmarks

Ours beside the stock Alluxio 2.9.6 server, both started by one run on one machine ({cpus:.0f} CPUs)
and measured in turns. Load average of the machine before the run: {load:.1f}; above 0.5 only ratios
and CPU per operation mean something. Made by:

```
{command}
```

- Every figure is the median over {sizes.rounds} round(s). Rates with the stock Java client are
  bounded by that client, which shares the machine with the server: CPU per operation is the figure
  to trust.
- Ratio = ours / stock; for our client's reads, ours / what the machine does without any protocol.
- Data: one file of {sizes.io_mib} MiB, block store in memory. Memory per file: growth of the master
  over the files created ({filled or "not measured"}); a JVM's resident memory holds garbage too,
  its live heap does not.
- "–" = not measured in this run.

{table(sizes, stock, ours, machine)}"""
