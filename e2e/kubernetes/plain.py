"""A cluster from charts/headpond, without the operator: what the chart makes of values, the stock ones too; then one that is
installed, used, upgraded, rolled back, uninstalled and installed again; and one with three masters."""

from __future__ import annotations

import base64
import json
import time
from typing import Callable

from harness.process import wait_for
from pond import IMAGE, NAMESPACE, ROOT, Pond
from releases import Helm

_CHART = str(ROOT / "charts/headpond")
_STOCK = str(ROOT / "e2e/kubernetes/stock/values.yaml")
_RELEASE = "my-cache"
_NAME = "my-cache-headpond"
_WAIT_S = 90.0
_MIB = 1 << 20

# As little as will do, on a bed whose volumes are mounted by one node.
_SMALL = {
    "image": IMAGE.split(":")[0], "imageTag": IMAGE.split(":")[1], "journal": {"size": "1Gi"},
    "underStore": {"size": "1Gi", "accessModes": ["ReadWriteOnce"]},
    "master": {"resources": {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}},
    "worker": {"resources": {"requests": {"cpu": "20m"}}},
    "tieredstore": {"levels": [{"level": 0, "mediumtype": "MEM", "quota": "64Mi"}]}}

# Everything that stock values can ask for and is served.
_RICH = {
    "fullnameOverride": "alluxio", "image": "r.example/pond", "imageTag": 1.5, "imagePullSecrets": ["regcred"], "user": 1001,
    "serviceAccount": "everybody", "nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "a", "operator": "Exists"}],
    "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["hdfs"]}], "mounts": [{"name": "lake", "path": "/lake"}],
    "properties": {"alluxio.master.mount.table.root.ufs": "/lake/data", "alluxio.user.file.buffer.bytes": 8388608, "a b": "c:\\d"},
    "jvmOptions": ["-Xmx4g -Dalluxio.user.rpc.retry.max.sleep=2s"],
    "master": {"count": 3, "env": {"A": 1}, "properties": {"alluxio.security.authorization.permission.enabled": False},
               "hostNetwork": True, "extraContainers": [{"name": "side", "image": "i", "env": {"B": True}, "envValueFrom": {"C": "status.podIP"}}],
               "extraVolumes": [{"name": "more", "emptyDir": "{}"}], "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
               "extraServicePorts": [{"port": 1234, "name": "extra"}], "podAnnotations": {"note": "x"}, "serviceAccount": "masters",
               "readinessProbe": {"periodSeconds": 7}},
    "journal": {"type": "EMBEDDED", "storageClass": "fast", "size": "2Gi"},
    "worker": {"replicas": 2, "dnsPolicy": "Default", "tolerations": [{"key": "b", "operator": "Exists"}],
               "resources": {"limits": {"memory": "1Gi", "cpu": 2}}},
    "tieredstore": {"levels": [
        {"level": 0, "alias": "MEM", "mediumtype": "MEM", "path": "/dev/shm", "type": "emptyDir", "quota": "1Gi", "high": 0.9, "low": 0.5},
        {"level": 1, "alias": "SSD,HDD", "mediumtype": "SSD,HDD", "type": "persistentVolumeClaim", "name": "ssd,hdd",
         "path": "/ssd,/hdd", "quota": "10Gi,20Gi"}]},
    "shortCircuit": {"enabled": True, "policy": "uuid", "volumeType": "hostPath", "hostPath": "/tmp/domain"},
    "secrets": {"master": {"hdfs": "hdfsConfig"}}, "configmaps": {"worker": {"core": "coreSite"}},
    "metrics": {"enabled": True, "podAnnotations": {"scrape": "true"}, "JmxSink": {"enabled": True}},
    "fuse": {"enabled": True}, "csi": {"enabled": False, "quota": "1Gi"}}
_RICH_NOTES = {"jvmOptions[0]", "fuse", "metrics.JmxSink", "worker.resources.limits.memory"}

# What must be refused, and what has to be said.
_BAD_VALUES = [
    ({"master": {"count": "two"}}, "count"), ({"master": {"count": 2}}, "master.count: 2 masters"), ({"master": {"ports": {"rpc": 0}}}, "rpc"),
    ({"master": {"hostNetwork": "yes"}}, "hostNetwork"), ({"master": {"env": ["A"]}}, "env"), ({"user": 0}, "user"),
    ({"master": {"ports": None}}, "ports"), ({"journal": {"type": "NFS"}}, "type"), ({"journal": {"size": "big"}}, "size"),
    ({"journal": {"type": "UFS", "ufsType": "HDFS"}}, "journal.ufsType"), ({"properties": {"a": [1]}}, "properties"),
    ({"properties": {"a": "\u00fc"}}, "properties[a]"), ({"jvmOptions": "-Xmx1g"}, "jvmOptions"),
    ({"properties": {"alluxio.master.mount.table.root.ufs": "/nowhere"}}, "underStore.claim"),
    ({"underStore": {"uri": "s3://b/", "claim": "lake"}}, "underStore.claim"),
    ({"tieredstore": {"levels": [{"mediumtype": "TAPE", "quota": "1Gi"}]}}, "tieredstore.levels[0].mediumtype"),
    ({"tieredstore": {"levels": [{"mediumtype": "MEM", "quota": "much"}]}}, "tieredstore.levels[0].quota"),
    ({"tieredstore": {"levels": [{"mediumtype": "SSD,HDD", "quota": "1Gi", "path": "/a"}]}}, "tieredstore.levels[0].path")]


def shape(pod: dict) -> dict:
    """What pods of a role have in common, whoever made them: all but names, values and volumes."""
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    probes = {}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = dict(container[kind])
        probes[kind] = {**probe, **{how: {**probe[how], "port": ""} for how in ("httpGet", "tcpSocket") if how in probe}}
    affinity = spec["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0]
    return {
        "words": [word for word in container["args"] if not word.startswith("-D")],
        "options": sorted(word.partition("=")[0] for word in container["args"] if word.startswith("-D")),
        "ports": container["ports"], "probes": probes, "confined": container["securityContext"],
        "rights": [spec.get("automountServiceAccountToken"), spec.get("enableServiceLinks"), spec["securityContext"]],
        "waits": [(c["command"][:3], c["securityContext"]) for c in spec["initContainers"]],
        "ends": [spec["terminationGracePeriodSeconds"], container["terminationMessagePolicy"]],
        "apart": [affinity["weight"], affinity["podAffinityTerm"]["topologyKey"],
                  [(t["topologyKey"], t["maxSkew"], t["whenUnsatisfiable"]) for t in spec["topologySpreadConstraints"]]]}


def steps(pond: Pond) -> list[Callable[[], bool]]:
    life = PlainLife(pond)
    return [life.is_well_formed, life.takes_stock_values, life.serves_what_stock_values_ask_for, life.refuses_what_cant_be,
            life.is_installed, life.is_used, life.is_upgraded_and_rolled_back, life.keeps_its_data, life.runs_stock_values,
            life.has_three_masters]


class PlainLife:
    def __init__(self, pond: Pond):
        self._pond, self._bed, self._checks = pond, pond.bed, pond.checks
        self._helm = Helm(pond.bed)

    def _render(self, values: dict, *words: str) -> tuple[dict[str, dict], str]:
        """What the API server makes of the chart's objects, as "Kind/name", and what it or helm warns of."""
        text = self._helm("template", _RELEASE, _CHART, "-n", NAMESPACE, *words, values=values)
        done = self._helm.dry_run(text.stdout)
        if text.returncode or done.returncode:
            return {}, text.stderr + done.stderr
        objects = json.loads(done.stdout)["items"]
        return {f"{o['kind']}/{o['metadata']['name']}": o for o in objects}, done.stderr

    def _notes(self, values: dict, *words: str) -> dict[str, str]:
        """Paths and reasons of what has no effect."""
        done = self._helm("install", "notes", _CHART, "-n", NAMESPACE, "--dry-run=server", *words, values=values)
        _, _, text = done.stdout.partition("These values have no effect, or another one:\n")
        return dict(line.strip().split(": ", 1) for line in text.splitlines() if line.startswith("  "))

    def _change(self, verb: str, *words: str, values: dict | None = None, release: str = _RELEASE) -> bool:
        chart = [_CHART] if verb in ("install", "upgrade") else []
        done = self._helm(verb, release, *chart, "-n", NAMESPACE, "--wait", "--timeout=120s", *words, values=values)
        return self._checks.that(f"helm {verb} {release} {' '.join(words)}".strip(), done.returncode == 0, done.stdout + done.stderr)

    def _uninstall(self, release: str = _RELEASE) -> None:
        self._change("uninstall", release=release)
        wait_for(lambda: not self._uids(release), _WAIT_S, 0.5)

    def _uids(self, release: str = _RELEASE) -> dict[str, str]:
        items = self._bed.get("pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/instance={release}").get("items", [])
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in items if not pod["metadata"].get("deletionTimestamp")}

    def _claims(self) -> list[str]:
        names = self._bed.kubectl("get", "pvc", "-n", NAMESPACE, "-o", "name").split()
        return sorted(name.split("/")[1] for name in names if not name.endswith("/lake"))

    def _delete_claims(self) -> bool:
        self._bed.kubectl("delete", "pvc", *self._claims(), "-n", NAMESPACE, "--timeout=60s")
        return self._checks.equal("claims that are left", self._claims(), [])

    def _in_a_pod(self, what: str, script: str, masters: str = f"ALLUXIO_MASTER_HOSTNAME={_NAME}-master-0") -> bool:
        """As scripts for the stock chart do, which know a master by its Service."""
        worked, said = self._pond.in_a_pod(f"export {masters}; fs='headpond fs'; {script}")
        return self._checks.that(what, worked, said)

    # Steps.

    def has_the_shape_of(self, whose: str, stateful_sets: dict[str, dict]) -> bool:
        """The chart's pods are those of the operator's StatefulSets, by role."""
        objects, said = self._render({})
        for role, other in stateful_sets.items():
            made = objects.get(f"StatefulSet/{_NAME}-{role}")
            if not self._checks.that(f"the chart has a {role}", bool(made), said):
                return False
            ours, theirs = shape(made["spec"]["template"]), shape(other["spec"]["template"])
            differs = {key: [ours[key], theirs[key]] for key in ours if ours[key] != theirs[key]}
            self._checks.equal(f"what differs between a {role} of the chart and one of {whose}", differs, {})
        return True

    def is_well_formed(self) -> bool:
        lint = self._helm("lint", "--strict", _CHART)
        self._checks.that("helm lint", lint.returncode == 0 and "WARNING" not in lint.stdout, lint.stdout + lint.stderr)
        objects, said = self._render({})
        expected = ["PersistentVolumeClaim/{}-under-store", "PodDisruptionBudget/{}-masters", "Secret/{}-config", "Service/{}-master",
                    "Service/{}-master-0", "Service/{}-worker", "StatefulSet/{}-master", "StatefulSet/{}-worker"]
        self._checks.equal("objects of the defaults", sorted(objects), [name.format(_NAME) for name in expected])
        self._checks.equal("what the API server says of a restricted namespace", said, "")
        return self._checks.equal("notes about the defaults", self._notes({}), {})

    def takes_stock_values(self) -> bool:
        objects, said = self._render({}, "-f", _STOCK)
        names = ["PersistentVolumeClaim/alluxio-worker-domain-socket", "Service/alluxio-master-0", "StatefulSet/alluxio-master", "StatefulSet/alluxio-worker"]
        self._checks.equal("names as the stock chart has them", [name for name in names if name not in objects], [])
        self._checks.equal("the stock values in a restricted namespace", said, "")
        if not objects:
            return False
        master = objects["StatefulSet/alluxio-master"]["spec"]
        self._checks.equal("the journal's claim", master["volumeClaimTemplates"][0]["metadata"]["name"], "alluxio-journal")
        self._checks.equal("the Service has names before pods are ready",
                           objects["Service/alluxio-master-0"]["spec"]["publishNotReadyAddresses"], True)
        return self._checks.equal("what stock values have no effect", sorted(self._notes({}, "-f", _STOCK)), ["image", "jobMaster", "jobWorker"])

    def serves_what_stock_values_ask_for(self) -> bool:
        objects, said = self._render(_RICH)
        if not self._checks.that("the API server takes values with everything", bool(objects), said):
            return False
        master = objects["StatefulSet/alluxio-master"]["spec"]["template"]
        worker = objects["StatefulSet/alluxio-worker"]["spec"]["template"]
        for pod in (master, worker):
            self._is_confined(pod)
        self._has_what_it_asked_for(master, worker, objects)
        notes = self._notes({**_RICH, "nonsense": {"a": 1}, "master": {**_RICH["master"], "hostPID": True}})
        self._checks.equal("what has no effect", set(notes), _RICH_NOTES | {"nonsense", "master.hostPID"})
        return True

    def _is_confined(self, pod: dict) -> None:
        spec = pod["spec"]
        self._checks.equal("the pod's user, its file system and its token",
                           [spec["securityContext"]["runAsUser"], spec["securityContext"]["runAsNonRoot"], spec["automountServiceAccountToken"]], [1001, True, False])
        confined = [c["securityContext"] for c in spec["containers"] + spec.get("initContainers", [])]
        self._checks.that("every container is confined", all(
            c["readOnlyRootFilesystem"] and not c["allowPrivilegeEscalation"] and c["capabilities"]["drop"] == ["ALL"] for c in confined), str(confined))

    def _has_what_it_asked_for(self, master: dict, worker: dict, objects: dict[str, dict]) -> None:
        container = next(c for c in master["spec"]["containers"] if c["name"] == "alluxio-master")
        side = next(c for c in master["spec"]["containers"] if c["name"] == "side")
        arguments = next(c for c in worker["spec"]["containers"] if c["name"] == "alluxio-worker")
        equal, options = self._checks.equal, dict(word[2:].split("=", 1) for word in arguments["args"] if word.startswith("-D"))
        site = base64.b64decode(objects["Secret/alluxio-config"]["data"]["master.properties"]).decode().split("\n")
        equal("properties", [line for line in site if line], [
            "a\\ b=c:\\\\d", "alluxio.security.authorization.permission.enabled=false", "alluxio.user.file.buffer.bytes=8388608",
            "alluxio.user.rpc.retry.max.sleep=2s"])
        equal("the image", container["image"], "r.example/pond:1.5")
        equal("the network", [master["spec"]["hostNetwork"], master["spec"]["dnsPolicy"], worker["spec"]["dnsPolicy"]],
              [True, "ClusterFirstWithHostNet", "Default"])
        equal("accounts", [master["spec"]["serviceAccountName"], worker["spec"]["serviceAccountName"]], ["masters", "everybody"])
        equal("tolerations", [t["key"] for t in worker["spec"]["tolerations"]], ["b", "a"])
        equal("annotations", [master["metadata"]["annotations"].get(name) for name in ("note", "scrape")], ["x", "true"])
        equal("a probe's time", [container["readinessProbe"][key] for key in ("periodSeconds", "failureThreshold")], [7, 2])
        equal("a container beside it", [(e["name"], e.get("value")) for e in side["env"]], [("B", "true"), ("C", None)])
        mounts = {m["mountPath"]: m["name"] for m in container["volumeMounts"]}
        equal("mounts", {path: mounts.get(path) for path in ("/journal", "/lake", "/more", "/secrets/hdfsConfig")},
              {"/journal": "alluxio-journal", "/lake": "lake", "/more": "more", "/secrets/hdfsConfig": "secret-hdfs-volume"})
        equal("no claim is made beside the one that is mounted", [name for name in objects if name.startswith("PersistentVolumeClaim/")], [])
        equal("ports of a master's Service", sorted(p["name"] for p in objects["Service/alluxio-master-2"]["spec"]["ports"]),
              ["embedded", "extra", "rpc", "web"])
        level = "alluxio.worker.tieredstore.level"
        equal("levels", [options[key] for key in ("alluxio.worker.tieredstore.levels", f"{level}0.dirs.quota", f"{level}0.watermark.high.ratio",
                                                  f"{level}1.dirs.mediumtype", f"{level}1.dirs.path", f"{level}1.dirs.quota")],
              ["2", str(1024 * _MIB), "0.9", "SSD,HDD", "/ssd,/hdd", f"{10240 * _MIB},{20480 * _MIB}"])
        volumes = {v["name"]: v for v in worker["spec"]["volumes"]}
        equal("a memory level has room for a twentieth more", volumes["tier0-dir0"]["emptyDir"], {"medium": "Memory", "sizeLimit": str(1024 * _MIB * 21 // 20)})
        equal("memory that holds the level", arguments["resources"]["limits"], {"cpu": "2", "memory": str((1024 + 320) * _MIB)})
        equal("the under-store", [word for word in container["args"] if "root.ufs" in word], ["-Dalluxio.master.mount.table.root.ufs=/lake/data"])

    def refuses_what_cant_be(self) -> bool:
        for values, said in _BAD_VALUES:
            done = self._helm("template", _RELEASE, _CHART, values=values)
            self._checks.that(f"{json.dumps(values)} is refused by name", done.returncode != 0 and said in done.stderr, done.stdout[-300:] + done.stderr)
        return True

    def is_installed(self) -> bool:
        self._pond.add_volumes("plain-journal", "plain-store")
        begin = time.monotonic()
        if not self._change("install", values=_SMALL):
            return False
        print(f"      ready after {time.monotonic() - begin:.1f} s", flush=True)
        self._checks.equal("pods", sorted(self._uids()), [f"{_NAME}-master-0", f"{_NAME}-worker-0"])
        return self._checks.equal("claims", self._claims(), [f"alluxio-journal-{_NAME}-master-0", f"{_NAME}-under-store"])

    def is_used(self) -> bool:
        return self._in_a_pod(
            "a pod writes a file and reads it back",
            "head -c 3000000 /dev/urandom > /tmp/a && $fs mkdir /d && $fs copyFromLocal /tmp/a /d/a && "
            "$fs copyToLocal /d/a /tmp/b && cmp /tmp/a /tmp/b && $fs persist /d/a")

    def is_upgraded_and_rolled_back(self) -> bool:
        key = "alluxio.user.file.readtype.default"
        before = self._uids()
        if not self._change("upgrade", "--reuse-values", values={"properties": {key: "NO_CACHE"}}):
            return False
        after = self._uids()
        self._checks.that("a property reaches every pod", after.keys() == before.keys() and all(after[name] != before[name] for name in after), str(after))
        self._in_a_pod("the masters have it, and the namespace is what it was",
                       f"test $(headpond getConf --master {key}) = NO_CACHE && test $($fs cat /d/a | wc -c) = 3000000")
        for count in (2, 3):
            bad = self._helm("upgrade", _RELEASE, _CHART, "-n", NAMESPACE, "--reuse-values", "--set", f"master.count={count}")
            self._checks.that(f"{count} masters are refused", bad.returncode != 0 and "master.count: " in bad.stderr, bad.stderr)
        self._checks.equal("pods after that", self._uids(), after)
        if not self._change("rollback"):
            return False
        def rolled() -> bool:
            now = self._uids()
            return now.keys() == after.keys() and all(now[name] != after[name] for name in now)
        self._checks.that("it is rolled back", bool(wait_for(rolled, _WAIT_S, 0.5)), str(self._uids()))
        return self._in_a_pod("as it was before", f"test $(headpond getConf --master {key}) = CACHE && test $($fs cat /d/a | wc -c) = 3000000")

    def keeps_its_data(self) -> bool:
        self._uninstall()
        self._checks.equal("claims that outlive the release", self._claims(), [f"alluxio-journal-{_NAME}-master-0", f"{_NAME}-under-store"])
        bad = self._helm("install", _RELEASE, _CHART, "-n", NAMESPACE, "--set", "master.count=3")
        self._checks.that("several masters don't begin beside one's journal", "master.count: " in bad.stderr, bad.stdout + bad.stderr)
        if not self._change("install", values=_SMALL):
            return False
        self._in_a_pod("installed again, it has its files", "test $($fs cat /d/a | wc -c) = 3000000")
        self._uninstall()
        return self._delete_claims()

    def runs_stock_values(self) -> bool:
        """Stock's file, and beside it what is this bed's own: its volumes, its image, its size."""
        small = {"requests": {"cpu": "20m", "memory": "128Mi"}}
        beside = {"image": _SMALL["image"], "imageTag": _SMALL["imageTag"], "journal": {"storageClass": "local"}, "underStore": {"claim": "lake"},
                  "shortCircuit": {"storageClass": "local"}, "master": {"resources": small}, "worker": {"resources": small}}
        volumes = ("plain-stock-0", "plain-stock-1")
        self._pond.add_volumes(*volumes)
        if not self._change("install", "-f", _STOCK, values=beside, release="alluxio"):
            return False
        self._checks.equal("claims as the stock chart has them", self._claims(), ["alluxio-journal-alluxio-master-0", "alluxio-worker-domain-socket"])
        self._in_a_pod("the stock values make a cache", "$fs mkdir /stock && echo pond > /tmp/a && $fs copyFromLocal /tmp/a /stock/a && "
                       "test $($fs cat /stock/a) = pond && $fs rm -R /stock", "ALLUXIO_MASTER_HOSTNAME=alluxio-master-0")
        sockets = [path for name in volumes for path in (self._bed.folder / name).iterdir() if path.is_socket()]
        self._checks.equal("domain sockets", len(sockets), 1)
        self._uninstall("alluxio")
        return self._delete_claims()

    def has_three_masters(self) -> bool:
        release, name = "headpond-ha", "headpond-ha"
        self._pond.add_volumes(*(f"plain-ha-{number}" for number in range(3)))
        store = {"claim": "lake", "uri": "/lake"}
        if not self._change("install", values={**_SMALL, "underStore": store, "master": {**_SMALL["master"], "count": 3}}, release=release):
            return False
        masters = f"ALLUXIO_JAVA_OPTS=-Dalluxio.master.rpc.addresses={','.join(f'{name}-master-{number}:19998' for number in range(3))}"
        self._in_a_pod("three masters serve", "head -c 100000 /dev/urandom > /tmp/a && $fs mkdir /plain && $fs copyFromLocal /tmp/a /plain/a", masters)
        budget = self._bed.get("poddisruptionbudget", f"{name}-masters", "-n", NAMESPACE).get("status", {})
        self._checks.equal("masters that may be evicted", budget.get("disruptionsAllowed"), 1)
        before = self._uids(release)
        self._bed.kubectl("delete", "pod", f"{name}-master-0", "-n", NAMESPACE, "--wait=false")
        self._in_a_pod("they serve without one of them", "test $($fs cat /plain/a | wc -c) = 100000 && $fs rm -R /plain", masters)
        done = self._bed.kubectl("rollout", "status", f"statefulset/{name}-master", "-n", NAMESPACE, "--timeout=90s", check=False)
        self._checks.that("and it comes back", self._uids(release).keys() == before.keys() and "complete" in done, done)
        self._uninstall(release)
        return self._delete_claims()
