"""Specs of CacheClusters, good and bad, made from the schema of the CustomResourceDefinition: every field with its
default, valid values, the edges of its range, wrong types, bad patterns; and every rule between fields."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterator

_TEXTS = ["/data", "a", "A", "1:1", "/dev/fuse"]  # for each pattern one is good
_WRONG_TYPES = {
    "object": ["x", 5, [], True, None],
    "array": ["x", 5, {}, True, None, [None]],
    "string": [5, True, {}, [], None, 1.5],
    "integer": ["x", "1", 1.5, True, {}, [], None, 2.0],
    "number": ["x", "1", True, {}, [], None],
    "boolean": ["x", "true", "yes", 0, 1, {}, [], None],
    "size": [1.5, True, {}, [], None],
}
_SIZES = [
    "", "0", "1", "64", "4095", "4096", "4095b", "4Ki", "4kib", "4K", "4kb", "1Mi", "1MiB", "1m", "1MB", "1023Ki", "1024Ki",
    "1048575", "1048576", "64Mi", "63Mi", "0.5Gi", "1.5Gi", "1.5g", "1.000000001Gi", "1.0000000001Gi", "0.0625Gi", "0.06Gi",
    "0.000000001Gi", "1.Gi", ".5Gi", "1Gi", "1GiB", "1gb", "1G", "1T", "1P", "1Pi", "1024Pi", "1025Pi", "1E", "1Ei", "1e9",
    "9223372036854775807", "9223372036854775808", "99999999999999999999", "-1", "-1Gi", "+1Gi", "1 Gi", " 1Gi", "1Gi ", "1Gx",
    "1Bi", "1iB", "0x10", "1Gi\n", "١Gi", "1" * 40, 0, 4095, 4096, 1048575, 1048576, 67108863, 67108864, 1 << 60, (1 << 60) + 1,
    (1 << 63) - 1, 1 << 63, -1,
]
_TEXT_PROBES = [
    "", " ", "a", "A", "/", "/a", "a/b", "/a,b", "/a b", "/a\tb", "/a\nb", "a\n", "\n", "/é", "é", "/\u0080", "/\u00a0", "a b", "a.b",
    "a-b", "-a", "a-", "a_b", "A_B", "1", "1:1", "1000:1000", "0:0", "1234567:1", "127.0.0.1", "0.0.0.0", "1.2.3", "256.1.1.1",
    "01.2.3.4", "::1", "s3://bucket/a", "s3://", "S3://a", "file:relative", "hdfs://h:1/p", "CAP_NET_RAW", "ALL", "NET_RAW",
    "nofile", "NOFILE", "no file", "/dev/fuse", "x:y", "registry.example/headpond:1.0", "a@sha256:0", "a\x00b", "a\\b", "'", '"', "${x}",
]


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    spec: object


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a field stands: names, and 0 for the items of a list."""

    path: tuple
    schema: dict


def fields(schema: dict, path: tuple = ()) -> Iterator[_Place]:
    yield _Place(path, schema)
    for name, child in schema.get("properties", {}).items():
        yield from fields(child, (*path, name))
    if "items" in schema:
        yield from fields(schema["items"], (*path, 0))


def sample(schema: dict) -> object:
    """A valid value."""
    if "default" in schema and schema["default"] != {}:
        return copy.deepcopy(schema["default"])
    if schema.get("x-kubernetes-int-or-string"):
        return "1Gi"
    kind = schema["type"]
    if kind == "object":
        return {child: sample(schema["properties"][child]) for child in schema.get("required", [])}
    if kind == "array":
        return [sample(schema["items"])]
    if kind == "string":
        return schema["enum"][0] if "enum" in schema else next(t for t in _TEXTS if re.fullmatch(_python(schema.get("pattern", ".*")), t))
    return {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 1), "boolean": True}[kind]


def _python(pattern: str) -> str:
    """The expression as Python writes it."""
    return pattern.replace("[:cntrl:]", "\\x00-\\x1f\\x7f").replace("[:space:]", "\\s")


def text_of(path: tuple) -> str:
    text = ""
    for part in path:
        text += "[]" if part == 0 else f".{part}"
    return text.removeprefix(".")


def with_value(root: dict, place: tuple, value: object, base: object) -> object:
    """A spec with the value at the place; what is missing on the way is made from samples."""
    if not place:
        return value
    spec = copy.deepcopy(base)
    at, schema = spec, root
    for i, part in enumerate(place):
        last = i == len(place) - 1
        if part == 0:
            schema = schema["items"]
            if not at:
                at.append(sample(schema))
        else:
            schema = schema["properties"][part]
        if last:
            at[part] = value
        elif part != 0 and part not in at:
            at[part] = sample(schema) if schema.get("type") != "array" else [sample(schema["items"])]
        at = at[part] if not last else at
    return spec


def _values(schema: dict) -> list:
    if schema.get("x-kubernetes-int-or-string"):
        return [*_WRONG_TYPES["size"], *_SIZES]
    kind = schema["type"]
    values = [*_WRONG_TYPES[kind]]
    if kind == "object" and "additionalProperties" in schema:
        most = schema["maxProperties"]
        values += [{}, {"a": "b"}, {"a": 5}, {"a": None}, {"": "x"}, {"k" * 253: "x"}, {"k" * 254: "x"}, {"é" * 253: "x"}]
        values += [{"a": "v" * 65536}, {"a": "v" * 65537}, {f"k{i}": "" for i in range(most)}, {f"k{i}": "" for i in range(most + 1)}]
    elif kind == "object":
        values += [{}, {"unknown": 1}]
    elif kind == "array":
        item = sample(schema["items"])
        key = schema.get("x-kubernetes-list-map-keys", [None])[0]

        def items(count: int) -> list:
            if key is None:
                return [item] * count
            return [{**item, key: f"{item[key]}{chr(97 + i // 26)}{chr(97 + i % 26)}"} for i in range(count)]

        values += [[], [item], [item, item], items(schema["maxItems"]), items(schema["maxItems"] + 1)]
    elif kind == "string" and "enum" in schema:
        values += [*schema["enum"], schema["enum"][0].swapcase(), "", "other"]
    elif kind == "string":
        most = schema["maxLength"]
        values += [*_TEXT_PROBES, *("a" * n for n in (most, most + 1)), *("/" + "é" * (n - 1) for n in (most, most + 1))]
    elif kind in ("integer", "number"):
        least, most = schema.get("minimum", -5), schema.get("maximum", 5)
        values += [least - 1, least, least + 1, most - 1, most, most + 1, 0, -1, 1 << 31, 1 << 62, 1 << 64, 1e300]
    elif kind == "boolean":
        values += [True, False]
    return values


# What a rule between fields asks for that no field requires by itself.
_NEEDED = {"ContainerTask": {"container": {"image": "a"}}, "Restore": {"uri": "/a"}}


def least(schema: dict, kind: str = "") -> dict:
    """The smallest spec: what is required, and of that no more than is."""
    required = {name: sample(schema["properties"][name]) for name in schema.get("required", [])}
    return {**required, **copy.deepcopy(_NEEDED.get(kind, {}))}


# Beside the smallest spec, what fields are tried in: in a cluster of containers more of them may be set.
_MORE_BASES = {"CacheCluster": [
    {"runtime": {"type": "docker"}},
    {"runtime": {"type": "kubernetes", "kubernetes": {"underStoreClaim": "lake"}}}],
    "Restore": [{"clusterRef": {"name": "a"}, "backupRef": {"name": "a"}}]}


def of_each_field(schema: dict, kind: str = "") -> Iterator[Case]:
    """Each field with the defaults around it."""
    bases = [least(schema, kind), *_MORE_BASES.get(kind, [])]
    for place in fields(schema):
        for i, value in enumerate(_values(place.schema)):
            shown = repr(value)
            what = f"{text_of(place.path)} = {shown if len(shown) < 60 else shown[:50] + '…'} ({i})"
            for number, base in enumerate(bases):
                try:
                    spec = with_value(schema, place.path, value, base)
                except (TypeError, KeyError):
                    continue  # the value is the base itself
                yield Case(what + (f" in {base}" if number else ""), spec)


def _level(alias: str, quota="1Gi", **more) -> dict:
    return {"alias": alias, "quota": quota, **more}


def _levels(*levels: dict, **spec) -> dict:
    return {"worker": {"tieredStore": {"levels": list(levels)}}, **spec}


def _docker(**spec) -> dict:
    return {"runtime": {"type": "docker"}, **spec}


def _ports(master: tuple, worker: tuple, workers: int) -> dict:
    return {"ports": {"master": dict(zip(("rpc", "web"), master)), "worker": dict(zip(("rpc", "web"), worker))},
            "worker": {"replicas": workers}}


def _memory(shm, memory, *levels: dict) -> dict:
    worker = {"tieredStore": {"levels": list(levels)}}
    if shm:
        worker["shmSize"] = shm
    if memory:
        worker["resources"] = {"memory": memory}
    return _docker(worker=worker)


def _on_nodes(masters: str, hostname: str | None = None) -> dict:
    """Three masters on nodes a to d."""
    nodes = [{"name": name} for name in "abcd"]
    if hostname:
        nodes[1]["hostname"] = hostname
    return {"runtime": {"type": "docker", "docker": {"nodes": nodes, "masterNodes": list(masters)}}, "master": {"replicas": 3}}


def of_each_rule() -> Iterator[Case]:
    watermarks = [(0.7, 0.95), (0.95, 0.7), (0.5, 0.5), (0, 1), (1, 1), (0, 0)]
    for low, high in watermarks:
        yield Case(f"watermarks {low} {high}", _levels(_level("MEM", lowWatermark=low, highWatermark=high)))
        yield Case(f"watermarks of the second level {low} {high}",
                   _levels(_level("MEM"), _level("SSD", lowWatermark=low, highWatermark=high)))
    for order in (["MEM"], ["SSD"], ["MEM", "SSD"], ["SSD", "MEM"], ["MEM", "HDD"], ["HDD", "SSD"], ["MEM", "SSD", "HDD"],
                  ["MEM", "HDD", "SSD"], ["SSD", "SSD"], ["HDD", "SSD", "MEM"]):
        yield Case(f"levels {' '.join(order)}", _levels(*map(_level, order)))
    for first, second in ((["/a"], ["/b"]), (["/a"], ["/a"]), (["/a", "/b"], ["/c", "/b"]), (["/a", "/a"], ["/b"]), ([], [])):
        dirs = [[{"path": path} for path in paths] for paths in (first, second)]
        yield Case(f"directories {first} {second}", _levels(_level("SSD", dirs=dirs[0]), _level("HDD", dirs=dirs[1])))
    for master, worker, workers in (
        ((100, 101), (200, 201), 1), ((100, 100), (200, 201), 1), ((100, 101), (100, 201), 1), ((100, 101), (200, 101), 1),
        ((100, 101), (200, 200), 1), ((100, 101), (100, 100), 0), ((100, 101), (90, 201), 2), ((100, 101), (80, 201), 2),
        ((100, 101), (80, 201), 3), ((100, 101), (200, 210), 1), ((100, 101), (200, 210), 2), ((100, 101), (210, 200), 2),
        ((100, 101), (200, 215), 5), ((65535, 1), (200, 201), 1), ((100, 101), (65535, 201), 1), ((100, 101), (65535, 201), 2),
        ((100, 101), (65530, 201), 1), ((100, 101), (201, 65000), 64), ((100, 101), (201, 64905), 64), ((100, 101), (201, 64906), 64),
    ):
        yield Case(f"ports {master} {worker} of {workers} workers", _ports(master, worker, workers))
    for key in ("alluxio.master.hostname", "alluxio.worker.tieredstore.level0.alias", "alluxio.worker.tieredstore.levels",
                "alluxio.master.mount.table.root.option.a", "alluxio.home", "alluxio.home2", "alluxio.user.file.buffer.bytes"):
        for holder in (None, "master", "worker"):
            properties = {"properties": {key: "1"}}
            yield Case(f"{holder or ''} property {key}", {holder: properties} if holder else properties)
    for name, spec in {
        "property of a wrong type": {"properties": {"alluxio.user.file.buffer.bytes": "x"}},
        "bridge on processes": {"network": {"mode": "bridge"}},
        "bridge": _docker(network={"mode": "bridge"}),
        "a named network without bridge": _docker(network={"name": "n"}),
        "a named bridge": _docker(network={"name": "n", "mode": "bridge"}),
        "unpublished without bridge": _docker(network={"publish": False}),
        "unpublished": _docker(network={"publish": False, "mode": "bridge"}),
        **{f"bridge on {host}": _docker(network={"mode": "bridge", "bindHost": host})
           for host in ("localhost", "0.0.0.0", "10.1.2.3", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04", "1.2.3.4.", "255.255.255.255")},
        "memory level with directories": _docker(**_levels(_level("MEM", dirs=[{"path": "/a"}]))),
        "memory level with no directories": _docker(**_levels(_level("MEM", dirs=[]))),
        "memory level of processes with directories": _levels(_level("MEM", dirs=[{"path": "/a"}])),
        "shm holds the level": _memory("1Gi", None, _level("MEM", "1Gi")),
        "shm is too small": _memory("1023Mi", None, _level("MEM", "1Gi")),
        "shm in bytes": _memory(1 << 30, None, _level("MEM", "1GB")),
        "shm in bytes, too small": _memory((1 << 30) - 1, None, _level("MEM", 1 << 30)),
        "shm without memory level": _memory("1Mi", None, _level("SSD", "1Gi")),
        "memory holds shm": _memory("1Gi", "1280Mi", _level("MEM", "1Gi")),
        "memory below shm": _memory("1Gi", "1279Mi", _level("MEM", "1Gi")),
        "memory holds level": _memory(None, "1344Mi", _level("MEM", "1Gi")),
        "memory below level": _memory(None, "1343Mi", _level("MEM", "1Gi")),
        "memory in bytes below level": _memory(None, (1344 << 20) - 1, _level("MEM", 1 << 30)),
        "memory without level": _memory(None, "320Mi", _level("SSD", "1Gi")),
        "too little memory without level": _memory(None, "319Mi", _level("SSD", "1Gi")),
        "memory and shm too small": _memory("1Mi", "64Mi", _level("MEM", "1Gi")),
        "labels": _docker(container={"labels": {"team": "x"}}),
        "labels of the operator": _docker(container={"labels": {"headpond.dev/role": "x"}}),
        "labels of Kubernetes": _docker(container={"labels": {"app.kubernetes.io/name": "x"}}),
        "containers' settings on processes": {"container": {"user": "1:1"}, "image": "a", "master": {"resources": {"cpus": 1}}},
        "containers' defaults on processes": {"container": {"user": "1000:1000", "capDrop": ["ALL"], "logs": {"maxSize": "16Mi"}}},
        "containers' default in other words": {"container": {"logs": {"maxSize": "16MiB"}}},
        **{f"{count} masters": {"master": {"replicas": count}} for count in range(9)},
        "three masters on a UFS journal": {"master": {"replicas": 3, "journal": {"type": "UFS"}}},
        "one master on a UFS journal": {"master": {"replicas": 1, "journal": {"type": "UFS"}}},
        "two masters on a UFS journal": {"master": {"replicas": 2, "journal": {"type": "UFS"}}},
        "a journal port that one master doesn't use": {"ports": {"master": {"embedded": 19998}}},
        "a journal port that is another one": {"ports": {"master": {"embedded": 19998}}, "master": {"replicas": 3}},
        "a third master's journal port that is another one": {"ports": {"master": {"embedded": 29979}}, "master": {"replicas": 3}},
        "a journal port beyond the last": {"ports": {"master": {"embedded": 65520}}, "master": {"replicas": 3}},
        **{f"three masters on nodes {' '.join(names)}": _on_nodes(names) for names in ("a", "ab", "abc", "aab", "abca", "abcd")},
        "a backup by its name": {"bootstrap": {"fromBackup": {"name": "a"}}},
        "a backup by its file": {"bootstrap": {"fromBackup": {"uri": "/a"}}},
        "a backup twice": {"bootstrap": {"fromBackup": {"name": "a", "uri": "/a"}}},
        "several rules at once": {"network": {"mode": "bridge", "publish": False}, "image": "a",
                                  "ports": {"master": {"rpc": 5, "web": 5}}},
    }.items():
        yield Case(name, spec)



def _pods(journal=None) -> dict:
    kubernetes = {"underStoreClaim": "lake", **({"journalSize": journal} if journal else {})}
    return {"runtime": {"type": "kubernetes", "kubernetes": kubernetes}}


_THREE = {"master": {"replicas": 3}}

# (name, spec before, spec after): what may not change once it is set.
CHANGES = [
    ("the runtime", {"runtime": {"type": "process"}}, {"runtime": {"type": "docker"}}),
    ("the runtime, by dropping it", {"runtime": {"type": "docker"}}, {}),
    ("the runtime to its default", {}, {"runtime": {"type": "process"}}),
    ("the under-store", {"rootUfs": {"uri": "/a"}}, {"rootUfs": {"uri": "/b"}}),
    ("the under-store, set later", {}, {"rootUfs": {"uri": "/b"}}),
    ("the under-store, dropped", {"rootUfs": {"uri": "/a"}}, {}),
    ("the under-store, kept", {"rootUfs": {"uri": "/a"}}, {"rootUfs": {"uri": "/a"}, "paused": True}),
    ("the journal's folder", {"master": {"journal": {"folder": "/a"}}}, {"master": {"journal": {"folder": "/b"}}}),
    ("the journal's folder, set later", {}, {"master": {"journal": {"folder": "/b"}}}),
    ("the journal's type to its default", {}, {"master": {"journal": {"type": "EMBEDDED"}}}),
    ("the journal's type", {}, {"master": {"journal": {"type": "UFS"}}}),
    ("more masters", {}, {"master": {"replicas": 3}}),
    ("fewer masters", {"master": {"replicas": 5}}, {"master": {"replicas": 3}}),
    ("one master's journal port", {}, {"ports": {"master": {"embedded": 5000}}}),
    ("three masters' journal port", _THREE, {**_THREE, "ports": {"master": {"embedded": 5000}}}),
    ("three masters' RPC port", _THREE, {**_THREE, "ports": {"master": {"rpc": 5000}}}),
    ("three masters' hostname", _THREE, {**_THREE, "network": {"hostname": "h"}}),
    ("one master's hostname", {}, {"network": {"hostname": "h"}}),
    ("three masters' network", {**_THREE, **_docker()}, {**_THREE, **_docker(network={"mode": "bridge"})}),
    ("three masters' hostname on a bridge", {**_THREE, **_docker(network={"mode": "bridge"})},
     {**_THREE, **_docker(network={"mode": "bridge", "hostname": "h"})}),
    ("three masters' hostname and network", {**_THREE, **_docker()},
     {**_THREE, **_docker(network={"mode": "bridge", "hostname": "h"})}),
    ("a master's node's hostname", _on_nodes("abc"), _on_nodes("abc", "h")),
    ("a hostname of a node without masters", _on_nodes("acd"), _on_nodes("acd", "h")),
    ("a backup to begin with", {"bootstrap": {"fromBackup": {"name": "a"}}}, {"bootstrap": {"fromBackup": {"name": "b"}}}),
    ("a backup to begin with, set later", {}, {"bootstrap": {"fromBackup": {"uri": "/a"}}}),
    ("a backup to begin with, dropped", {"bootstrap": {"fromBackup": {"uri": "/a"}}}, {}),
    ("a larger journal", _pods("4Gi"), _pods("4097Mi")),
    ("a journal of another unit", _pods("1Gi"), _pods(1 << 30)),
    ("a smaller journal", _pods("4Gi"), _pods("4095Mi")),
    ("a smaller journal in bytes", _pods(1 << 31), _pods((1 << 31) - 1)),
    ("a journal of the default size", _pods("8Gi"), _pods()),
    ("something mutable", {"worker": {"replicas": 1}}, {"worker": {"replicas": 3}}),
    ("two at once", {"rootUfs": {"uri": "/a"}}, {"rootUfs": {"uri": "/b"}, "runtime": {"type": "docker"}}),
    ("one to a bad value", {"rootUfs": {"uri": "/a"}}, {"rootUfs": {"uri": "relative"}}),
]
