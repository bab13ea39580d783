"""The contract: the same calls to any server, whose answers are then compared. Each function is one chapter and uses a
namespace of its own; nothing here knows which server it talks to."""

from __future__ import annotations

import urllib.parse


from client import Answer, Api
from harness.process import wait_for
from transcript import Transcript

GROUP = "/apis/headpond.dev/v1alpha1"
_MERGE = "application/merge-patch+json"
_JSON = "application/json-patch+json"
_APPLY = "application/apply-patch+yaml"
_STRATEGIC = "application/strategic-merge-patch+json"
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
_PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
_GONE_LIMIT_S = 30.0


class Chapter:
    """One namespace of one server, and the transcript that its calls go to."""

    def __init__(self, api: Api, transcript: Transcript, name: str):
        self.api = api
        self.transcript = transcript
        self.name = name
        self.namespace = f"contract-{name}"
        self.clusters = f"{GROUP}/namespaces/{self.namespace}/cacheclusters"
        self.core = f"/api/v1/namespaces/{self.namespace}"
        made = api.call("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        assert made.code == 201, made.text

    def step(self, what: str, method: str, path: str, body=None, content_type: str | None = None, **headers) -> Answer:
        return self.transcript.answer(f"{self.name}: {what}", self.api.call(method, path, body, content_type, **headers))

    def quiet(self, method: str, path: str, body=None, content_type: str | None = None) -> Answer:
        """A call whose answer is not part of the contract here."""
        return self.api.call(method, path, body, content_type)

    def watch(self, what: str, path: str, until, **headers) -> list[dict]:
        code, events = self.api.watch(path, until, **headers)
        self.transcript.events(f"{self.name}: {what}", code, events)
        return events

    def cluster(self, name: str, spec: dict | None = None, **metadata) -> dict:
        return {"apiVersion": "headpond.dev/v1alpha1", "kind": "CacheCluster", "metadata": {"name": name, **metadata},
                "spec": spec or {}}

    def gone(self, path: str) -> bool:
        return bool(wait_for(lambda: self.quiet("GET", path).code == 404, _GONE_LIMIT_S))


def version_of(answer: Answer) -> str:
    return answer.body["metadata"]["resourceVersion"]


def discovery(c: Chapter) -> None:
    c.step("legacy /apis/headpond.dev", "GET", "/apis/headpond.dev")
    # Kubernetes lists kinds in the order in which they happened to be installed.
    legacy = c.quiet("GET", GROUP).body
    legacy["resources"].sort(key=lambda resource: resource["name"])
    c.transcript.add(f"discovery: legacy {GROUP}", legacy)

    def ours(items: list[dict], field: str) -> list[dict]:
        return [item for item in items if item.get(field) == "headpond.dev" or item.get("metadata", {}).get("name") == "headpond.dev"]

    aggregated = c.quiet("GET", "/apis").body
    c.transcript.add("discovery: our group among the groups", ours(aggregated["groups"], "name"))
    answer = c.api.call("GET", "/apis", Accept=_AGGREGATED)
    groups = [_without_kind_order(group) for group in ours(answer.body["items"], "name")]
    c.transcript.add("discovery: aggregated", {"type": answer.headers["content-type"], "groups": groups})
    core = {r["name"]: r for r in c.quiet("GET", "/api/v1").body["resources"]}
    for name in ("configmaps", "secrets", "events", "namespaces"):
        kept = {k: v for k, v in core[name].items() if k != "storageVersionHash"}
        c.transcript.add(f"discovery: core {name}", kept)
    for group in ("coordination.k8s.io", "events.k8s.io"):
        resources = {r["name"]: r for r in c.quiet("GET", f"/apis/{group}/v1").body["resources"]}
        for name in resources.keys() & {"leases", "events"}:
            kept = {k: v for k, v in resources[name].items() if k != "storageVersionHash"}
            c.transcript.add(f"discovery: {group} {name}", kept)
    c.step("health", "GET", "/healthz")
    c.step("an unknown path", "GET", "/nowhere")
    c.step("an unknown group", "GET", "/apis/none.example/v1")
    c.step("an unknown version", "GET", "/apis/headpond.dev/v9/cacheclusters")
    c.step("an unknown resource", "GET", f"{GROUP}/nothings")
    c.step("an unknown subresource", "GET", f"{c.clusters}/a/nothing")


def _without_kind_order(group: dict) -> dict:
    for version in group["versions"]:
        version["resources"].sort(key=lambda r: r["resource"])
        for resource in version["resources"]:
            resource.get("subresources", []).sort(key=lambda s: s["subresource"])
            resource["categories"] = sorted(resource.get("categories", []))
    return group


def openapi(c: Chapter) -> None:
    index = c.quiet("GET", "/openapi/v3").body["paths"]
    url = index["apis/headpond.dev/v1alpha1"]["serverRelativeURL"]
    document = c.quiet("GET", url).body
    by_kind = {}
    for schema in document["components"]["schemas"].values():
        for gvk in schema.get("x-kubernetes-group-version-kind", []):
            if gvk["group"] == "headpond.dev" and len(schema["x-kubernetes-group-version-kind"]) == 1:
                by_kind[gvk["kind"]] = schema
    for kind in ("CacheCluster",):
        properties = by_kind[kind]["properties"]
        for part in ("spec", "status"):
            c.transcript.add(f"openapi: {part} of {kind}", properties[part])
    path = document["paths"][f"{GROUP}/namespaces/{{namespace}}/cacheclusters/{{name}}"]["patch"]
    names = sorted(p["name"] for p in path["parameters"] if p["name"] in ("dryRun", "fieldValidation", "fieldManager", "force"))
    c.transcript.add("openapi: the patch operation", {"names": names, "kind": path["x-kubernetes-group-version-kind"]})
    c.step("an unknown document", "GET", "/openapi/v3/apis/none/v1")


def crud(c: Chapter) -> None:
    c.step("create", "POST", c.clusters, c.cluster("a", {"worker": {"replicas": 2}}, labels={"x": "1"}, annotations={"n": "1"}))
    c.step("create again", "POST", c.clusters, c.cluster("a"))
    c.step("get", "GET", f"{c.clusters}/a")
    c.step("get what is not there", "GET", f"{c.clusters}/none")
    c.step("status given at creation is dropped", "POST", c.clusters, {**c.cluster("s"), "status": {"phase": "Ready"}})
    c.step("client's uid and times are dropped", "POST", c.clusters,
           c.cluster("m", uid="00000000-0000-0000-0000-000000000000", creationTimestamp="2001-01-01T00:00:00Z", generation=9))
    c.step("a version at creation", "POST", c.clusters, c.cluster("v", resourceVersion="1"))
    c.step("no name", "POST", c.clusters, {**c.cluster(""), "metadata": {}})
    c.step("another namespace in the body", "POST", c.clusters, c.cluster("n", namespace="other"))
    c.step("another kind in the body", "POST", c.clusters, {**c.cluster("k"), "kind": "Other"})
    c.step("another version in the body", "POST", c.clusters, {**c.cluster("k"), "apiVersion": "headpond.dev/v9"})
    c.step("no kind in the body", "POST", c.clusters, {"metadata": {"name": "k"}})
    c.step("a namespace that is not there", "POST", f"{GROUP}/namespaces/none/cacheclusters", c.cluster("a"))
    c.step("a list of a namespace that is not there", "GET", f"{GROUP}/namespaces/none/cacheclusters")
    c.step("dry run", "POST", f"{c.clusters}?dryRun=All", c.cluster("dry"))
    c.step("dry run stored nothing", "GET", f"{c.clusters}/dry")
    c.step("dry run of what is there", "POST", f"{c.clusters}?dryRun=All", c.cluster("a"))
    c.step("a bad dry run", "POST", f"{c.clusters}?dryRun=Some", c.cluster("dry"))
    live = c.quiet("GET", f"{c.clusters}/a").body
    changed = {**live, "spec": {**live["spec"], "paused": True}}
    c.step("replace", "PUT", f"{c.clusters}/a", changed)
    c.step("replace an old version", "PUT", f"{c.clusters}/a", changed)
    c.step("replace without a version", "PUT", f"{c.clusters}/a", c.cluster("a"))
    c.step("replace what is not there", "PUT", f"{c.clusters}/none", c.cluster("none", resourceVersion="1"))
    c.step("replace under another name", "PUT", f"{c.clusters}/a", c.cluster("b", resourceVersion="1"))
    live = c.quiet("GET", f"{c.clusters}/a").body
    c.step("replace drops labels and keeps status", "PUT", f"{c.clusters}/a", c.cluster("a", resourceVersion=live["metadata"]["resourceVersion"]))
    live = c.quiet("GET", f"{c.clusters}/a").body
    c.step("replace with the same changes nothing", "PUT", f"{c.clusters}/a", live)
    same = c.quiet("GET", f"{c.clusters}/a").body
    c.transcript.add("crud: the version after no change", same["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"])
    c.step("another uid", "PUT", f"{c.clusters}/a", {**live, "metadata": {**live["metadata"], "uid": "11111111-1111-1111-1111-111111111111"}})
    c.step("immutable", "PATCH", f"{c.clusters}/a", {"spec": {"runtime": {"type": "docker"}}}, _MERGE)
    c.step("delete dry run", "DELETE", f"{c.clusters}/a?dryRun=All")
    c.step("delete with another uid", "DELETE", f"{c.clusters}/a", {"preconditions": {"uid": "11111111-1111-1111-1111-111111111111"}})
    c.step("delete another version", "DELETE", f"{c.clusters}/a", {"preconditions": {"resourceVersion": "1"}})
    c.step("delete", "DELETE", f"{c.clusters}/a")
    c.step("delete again", "DELETE", f"{c.clusters}/a")
    c.step("delete of the collection", "DELETE", f"{c.clusters}")
    c.step("nothing is left", "GET", c.clusters)


def validation(c: Chapter) -> None:
    bad = {"worker": {"replicas": "x"}, "unknown": 1, "image": 5}
    c.step("an unknown field warns", "POST", f"{c.clusters}?dryRun=All", c.cluster("a", {"unknown": 1}))
    answer = c.quiet("POST", f"{c.clusters}?dryRun=All", c.cluster("a", {"unknown": 1}))
    c.transcript.add("validation: the warning", answer.headers.get("warning"))
    c.step("an unknown field, strictly", "POST", f"{c.clusters}?dryRun=All&fieldValidation=Strict", c.cluster("a", {"unknown": 1}))
    answer = c.quiet("POST", f"{c.clusters}?dryRun=All&fieldValidation=Ignore", c.cluster("a", {"unknown": 1}))
    c.transcript.add("validation: ignored", answer.headers.get("warning"))
    c.step("another value of fieldValidation", "POST", f"{c.clusters}?dryRun=All&fieldValidation=Some", c.cluster("a"))
    c.step("a field twice, strictly", "POST", f"{c.clusters}?fieldValidation=Strict&dryRun=All",
           '{"apiVersion":"headpond.dev/v1alpha1","kind":"CacheCluster","metadata":{"name":"a"},"spec":{"paused":true,"paused":false}}')
    c.step("several wrong fields", "POST", f"{c.clusters}?dryRun=All", c.cluster("a", bad))
    c.step("no JSON", "POST", c.clusters, "{")
    c.step("a list", "POST", c.clusters, "[]")
    c.step("nothing", "POST", c.clusters, "")
    c.step("YAML", "POST", f"{c.clusters}?dryRun=All", "apiVersion: headpond.dev/v1alpha1\nkind: CacheCluster\nmetadata: {name: y}\n", "application/yaml")
    c.step("another media type", "POST", c.clusters, "x", "text/plain")
    answer = c.api.call("GET", c.clusters, Accept="application/vnd.kubernetes.protobuf")
    c.transcript.add("validation: protobuf only", answer.code)  # Kubernetes says so in protobuf
    c.step("a bad label", "POST", c.clusters, c.cluster("a", labels={"a b": "c"}))
    c.step("a bad label value", "POST", c.clusters, c.cluster("a", labels={"a": "c d"}))
    c.step("a bad annotation", "POST", c.clusters, c.cluster("a", annotations={"a b": "c"}))
    c.step("a bad finalizer", "POST", c.clusters, c.cluster("a", finalizers=["a b"]))
    c.step("a bad owner", "POST", c.clusters, c.cluster("a", ownerReferences=[{"name": "x"}]))
    c.step("labels of a wrong type", "POST", c.clusters, c.cluster("a", labels={"a": 5}))
    c.step("unknown metadata, strictly", "POST", f"{c.clusters}?fieldValidation=Strict&dryRun=All", c.cluster("a", typo=1))
    c.step("a patch of the collection", "PATCH", c.clusters, {}, _MERGE)
    c.step("a replacement of the collection", "PUT", c.clusters, {})
    c.step("a post to a name", "POST", f"{c.clusters}/a", c.cluster("a"))
    c.step("a manager with a long name", "POST", f"{c.clusters}?fieldManager={'m' * 129}", c.cluster("a"))


def patches(c: Chapter) -> None:
    path = f"{c.clusters}/a"
    c.quiet("POST", c.clusters, c.cluster("a", {"env": [{"name": "A", "value": "1"}], "properties": {"alluxio.x": "1"}}, labels={"x": "1"}))
    c.step("merge", "PATCH", path, {"spec": {"paused": True, "properties": {"alluxio.x": None, "alluxio.y": "2"}}}, _MERGE)
    c.step("merge brings a default back", "PATCH", path, {"spec": {"paused": None}}, _MERGE)
    c.step("merge replaces a list", "PATCH", path, {"spec": {"env": [{"name": "B"}]}}, _MERGE)
    c.step("merge without change", "PATCH", path, {"spec": {"env": [{"name": "B"}]}}, _MERGE)
    c.step("merge of status is ignored", "PATCH", path, {"status": {"phase": "Ready"}}, _MERGE)
    c.step("merge with an old version", "PATCH", path, {"metadata": {"resourceVersion": "1"}}, _MERGE)
    c.step("merge with another name", "PATCH", path, {"metadata": {"name": "b"}}, _MERGE)
    c.step("merge with another uid", "PATCH", path, {"metadata": {"uid": "11111111-1111-1111-1111-111111111111"}}, _MERGE)
    c.step("merge with a bad value", "PATCH", path, {"spec": {"worker": {"replicas": -1}}}, _MERGE)
    c.step("merge, dry run", "PATCH", f"{path}?dryRun=All", {"spec": {"paused": True}}, _MERGE)
    c.step("merge of what is not there", "PATCH", f"{c.clusters}/none", {}, _MERGE)
    c.step("merge with force", "PATCH", f"{path}?force=true", {}, _MERGE)
    c.step("merge of no JSON", "PATCH", path, "{", _MERGE)
    c.step("merge of a list", "PATCH", path, [], _MERGE)
    c.step("JSON patch", "PATCH", path, [{"op": "add", "path": "/spec/env/-", "value": {"name": "C"}},
                                         {"op": "replace", "path": "/spec/worker/replicas", "value": 3},
                                         {"op": "remove", "path": "/metadata/labels/x"}], _JSON)
    c.step("JSON patch, a test that holds", "PATCH", path, [{"op": "test", "path": "/spec/worker/replicas", "value": 3}], _JSON)
    c.step("JSON patch, a test that fails", "PATCH", path, [{"op": "test", "path": "/spec/worker/replicas", "value": 4}], _JSON)
    c.step("JSON patch, a path that is not there", "PATCH", path, [{"op": "remove", "path": "/spec/nothing"}], _JSON)
    c.step("JSON patch, an unknown operation", "PATCH", path, [{"op": "swap", "path": "/spec/paused"}], _JSON)
    c.step("JSON patch, copy and move", "PATCH", path, [{"op": "copy", "from": "/spec/env/0", "path": "/spec/env/0"},
                                                        {"op": "replace", "path": "/spec/env/0/name", "value": "D"},
                                                        {"op": "move", "from": "/spec/env/0", "path": "/spec/env/1"}], _JSON)
    c.step("JSON patch that is no list", "PATCH", path, {}, _JSON)
    c.step("strategic merge", "PATCH", path, {}, _STRATEGIC)
    c.step("no media type of a patch", "PATCH", path, {}, "application/json")


def status_and_scale(c: Chapter) -> None:
    path = f"{c.clusters}/a"
    c.quiet("POST", c.clusters, c.cluster("a", {"worker": {"replicas": 2}}))
    c.step("status is the object", "GET", f"{path}/status")
    ready = {"type": "Ready", "status": "True", "reason": "Serving", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"}
    c.step("status takes only status", "PATCH", f"{path}/status", {"status": {"phase": "Ready", "conditions": [ready], "workers": {"ready": 1}},
                                                                  "spec": {"paused": True}, "metadata": {"labels": {"x": "1"}}}, _MERGE)
    c.step("an unknown field of status", "PATCH", f"{path}/status", {"status": {"unknown": 1}}, _MERGE)
    c.step("a bad status", "PATCH", f"{path}/status", {"status": {"phase": 5}}, _MERGE)
    c.step("a condition twice", "PATCH", f"{path}/status", {"status": {"conditions": [ready, ready]}}, _MERGE)
    live = c.quiet("GET", path).body
    c.step("replace status", "PUT", f"{path}/status", {**live, "status": {"phase": "Degraded", "workers": {"ready": 1}}, "spec": {}})
    c.step("replace status with an old version", "PUT", f"{path}/status", live)
    c.step("delete of status", "DELETE", f"{path}/status")
    c.step("scale", "GET", f"{path}/scale")
    c.step("scale up", "PATCH", f"{path}/scale", {"spec": {"replicas": 4}}, _MERGE)
    c.step("what scale did", "GET", path)
    c.step("scale by JSON patch", "PATCH", f"{path}/scale", [{"op": "replace", "path": "/spec/replicas", "value": 5}], _JSON)
    scale = c.quiet("GET", f"{path}/scale").body
    c.step("replace scale", "PUT", f"{path}/scale", {**scale, "spec": {"replicas": 3}})
    c.step("replace scale with an old version", "PUT", f"{path}/scale", {**scale, "spec": {"replicas": 2}})
    c.step("replace scale without a version", "PUT", f"{path}/scale",
           {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "a", "namespace": c.namespace}, "spec": {"replicas": 1}})
    c.step("a negative scale", "PATCH", f"{path}/scale", {"spec": {"replicas": -1}}, _MERGE)
    c.step("too large a scale", "PATCH", f"{path}/scale", {"spec": {"replicas": 65}}, _MERGE)
    c.step("scale of another type", "PATCH", f"{path}/scale", {"spec": {"replicas": "x"}}, _MERGE)
    c.step("scale, dry run", "PATCH", f"{path}/scale?dryRun=All", {"spec": {"replicas": 7}}, _MERGE)
    c.step("scale by server-side apply", "PATCH", f"{path}/scale?fieldManager=scaler&force=true",
           {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "a"}, "spec": {"replicas": 6}}, _APPLY)
    c.step("who owns what after that", "GET", path)
    c.step("scale of what is not there", "GET", f"{c.clusters}/none/scale")


def lists(c: Chapter) -> None:
    for i, name in enumerate("abcde"):
        c.quiet("POST", c.clusters, c.cluster(name, labels={"n": str(i), **({"odd": "yes"} if i % 2 else {})}))
    c.step("all", "GET", c.clusters)
    first = c.step("first page", "GET", f"{c.clusters}?limit=2")
    token = first.body["metadata"]["continue"]
    second = c.step("second page", "GET", f"{c.clusters}?limit=2&continue={token}")
    c.step("last page", "GET", f"{c.clusters}?limit=2&continue={second.body['metadata']['continue']}")
    c.step("a page with a version", "GET", f"{c.clusters}?limit=2&continue={token}&resourceVersion=1")
    c.step("a bad token", "GET", f"{c.clusters}?limit=2&continue=nonsense")
    c.step("a bad limit", "GET", f"{c.clusters}?limit=x")
    c.step("limit with version 0", "GET", f"{c.clusters}?limit=2&resourceVersion=0")
    for selector in ("n=1", "n==1", "n!=1", "n in (1,2)", "n notin (1,2)", "odd", "!odd", "odd,n=3", "n>2", "n<2", "none=x"):
        c.step(f"labels {selector}", "GET", f"{c.clusters}?labelSelector={_quoted(selector)}")
    for selector in ("a b", "n in", "=x", "n=(", "a=b=c"):
        c.step(f"bad labels {selector}", "GET", f"{c.clusters}?labelSelector={_quoted(selector)}")
    c.step("labels and a limit", "GET", f"{c.clusters}?labelSelector=odd&limit=1")
    for selector in ("metadata.name=b", "metadata.name!=b", f"metadata.namespace={c.namespace}", "metadata.name=b,metadata.namespace=x",
                     "metadata.name==c", "spec.image=x", "metadata.name", "metadata.uid=x"):
        c.step(f"fields {selector}", "GET", f"{c.clusters}?fieldSelector={_quoted(selector)}")
    version = version_of(c.quiet("GET", c.clusters))
    c.step("not older than", "GET", f"{c.clusters}?resourceVersion={version}&resourceVersionMatch=NotOlderThan&limit=1")
    c.step("exactly", "GET", f"{c.clusters}?resourceVersion={version}&resourceVersionMatch=Exact&limit=1")
    c.step("match without version", "GET", f"{c.clusters}?resourceVersionMatch=Exact")
    c.step("an unknown match", "GET", f"{c.clusters}?resourceVersion={version}&resourceVersionMatch=Some")
    c.step("a bad version", "GET", f"{c.clusters}?resourceVersion=x")
    c.step("a version to come", "GET", f"{c.clusters}?resourceVersion={int(version) + 1000000}")
    c.step("initial events for a list", "GET", f"{c.clusters}?sendInitialEvents=true")
    c.quiet("DELETE", f"{c.clusters}/b")
    c.step("exactly as it was", "GET", f"{c.clusters}?resourceVersion={version}&resourceVersionMatch=Exact")
    c.quiet("POST", c.clusters, c.cluster("cc"))
    c.quiet("PATCH", f"{c.clusters}/d", {"metadata": {"labels": {"n": "30"}}}, _MERGE)
    c.quiet("DELETE", f"{c.clusters}/e")
    c.step("a page of what was", "GET", f"{c.clusters}?limit=2&continue={token}")
    c.step("the rest of what was", "GET", f"{c.clusters}?continue={token}")
    exact = c.step("a page of how it was", "GET", f"{c.clusters}?resourceVersion={version}&resourceVersionMatch=Exact&limit=3")
    c.step("the rest of how it was", "GET", f"{c.clusters}?continue={exact.body['metadata']['continue']}")
    c.step("delete by label", "DELETE", f"{c.clusters}?labelSelector=odd")
    c.step("what is left", "GET", c.clusters)


def _quoted(text: str) -> str:
    return urllib.parse.quote(text)


def representations(c: Chapter) -> None:
    path = f"{c.clusters}/a"
    c.quiet("POST", c.clusters, c.cluster("a"))
    c.quiet("PATCH", f"{path}/status", {"status": {"phase": "Ready", "masters": {"summary": "1/1"},
                                                  "conditions": [{"type": "Ready", "status": "True"}]}}, _MERGE)
    c.step("table", "GET", c.clusters, Accept=_TABLE)
    c.step("table of one", "GET", path, Accept=_TABLE)
    for include in ("None", "Object", "Some"):
        c.step(f"table with {include}", "GET", f"{c.clusters}?includeObject={include}", Accept=_TABLE)
    c.step("metadata of one", "GET", path, Accept=_PARTIAL)
    c.step("metadata of all", "GET", c.clusters, Accept=_PARTIAL_LIST)
    c.step("metadata in the wrong form", "GET", c.clusters, Accept=_PARTIAL)
    c.step("unknown media", "GET", path, Accept="text/html")
    c.step("any media", "GET", path, Accept="*/*")
    for kind, body in (("configmaps", {"data": {"a": "b"}}), ("secrets", {"stringData": {"a": "b"}})):
        c.quiet("POST", f"{c.core}/{kind}", {"metadata": {"name": "t"}, **body})
        c.step(f"table of {kind}", "GET", f"{c.core}/{kind}?fieldSelector=metadata.name%3Dt", Accept=_TABLE)
    c.step("table of a namespace", "GET", f"/api/v1/namespaces/{c.namespace}", Accept=_TABLE)


def watches(c: Chapter) -> None:
    made = c.quiet("POST", c.clusters, c.cluster("a", labels={"x": "1"}))
    version = version_of(made)
    c.quiet("POST", c.clusters, c.cluster("b"))
    c.quiet("PATCH", f"{c.clusters}/a", {"spec": {"paused": True}}, _MERGE)
    c.quiet("DELETE", f"{c.clusters}/b")
    watch = f"{c.clusters}?watch=true&resourceVersion={version}"
    c.watch("from a version", watch, lambda e: len(e) >= 3)
    c.watch("from the start", f"{c.clusters}?watch=true&resourceVersion=0", lambda e: len(e) >= 1)
    c.watch("watch=1", f"{c.clusters}?watch=1", lambda e: len(e) >= 1)
    c.watch("of one", f"{watch}&fieldSelector=metadata.name%3Db", lambda e: len(e) >= 2)
    c.watch("ends in time", f"{c.clusters}?watch=true&timeoutSeconds=1&resourceVersion={version_of(c.quiet('GET', c.clusters))}", lambda e: False)
    c.quiet("PATCH", f"{c.clusters}/a", {"metadata": {"labels": {"x": None}}}, _MERGE)
    c.quiet("PATCH", f"{c.clusters}/a", {"metadata": {"labels": {"x": "1"}}}, _MERGE)
    c.watch("with labels that come and go", f"{watch}&labelSelector=x", lambda e: len(e) >= 3)
    c.watch("a table", watch, lambda e: len(e) >= 2, Accept=_TABLE)
    c.watch("metadata", watch, lambda e: len(e) >= 1, Accept=_PARTIAL)
    initial = f"{c.clusters}?watch=true&sendInitialEvents=true"
    c.watch("initial events", f"{initial}&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", lambda e: len(e) >= 2)
    c.watch("initial events without match", initial, lambda e: len(e) >= 1)
    c.watch("initial events, exactly", f"{initial}&resourceVersionMatch=Exact", lambda e: len(e) >= 1)
    c.watch("a match without initial events", f"{c.clusters}?watch=true&resourceVersionMatch=NotOlderThan", lambda e: len(e) >= 1)
    c.watch("too old", f"{c.clusters}?watch=true&resourceVersion=1&timeoutSeconds=2", lambda e: len(e) >= 1)
    c.watch("a bad version", f"{c.clusters}?watch=true&resourceVersion=x", lambda e: len(e) >= 1)
    c.watch("a bad selector", f"{c.clusters}?watch=true&fieldSelector=spec.image%3Dx", lambda e: len(e) >= 1)
    c.watch("a name by query", f"{c.clusters}/a?watch=true&timeoutSeconds=1", lambda e: len(e) >= 1)


def apply(c: Chapter) -> None:
    path = f"{c.clusters}/a"

    def config(spec: dict, **metadata) -> dict:
        return c.cluster("a", spec, **metadata)

    def applied(what: str, manager: str, body, query: str = "") -> Answer:
        return c.step(what, "PATCH", f"{path}?fieldManager={manager}{query}", body, _APPLY)

    c.step("no manager", "PATCH", path, config({}), _APPLY)
    applied("creates", "one", config({"worker": {"replicas": 2}, "env": [{"name": "A", "value": "1"}]}, labels={"x": "1"}))
    applied("again", "one", config({"worker": {"replicas": 2}, "env": [{"name": "A", "value": "1"}]}, labels={"x": "1"}))
    applied("the same by another", "two", config({"worker": {"replicas": 2}}))
    applied("a conflict", "two", config({"worker": {"replicas": 3}}))
    applied("a conflict in a list item", "two", config({"env": [{"name": "A", "value": "2"}]}))
    applied("several conflicts", "three", config({"worker": {"replicas": 9}, "env": [{"name": "A", "value": "2"}]}, labels={"x": "2"}))
    applied("taken over", "two", config({"worker": {"replicas": 3}}), "&force=true")
    applied("what is left out goes", "one", config({}))
    applied("an item of one's own", "two", config({"worker": {"replicas": 3}, "env": [{"name": "B", "value": "2"}]}))
    applied("dry run", "two", config({"worker": {"replicas": 5}}), "&dryRun=All")
    applied("YAML", "yaml", "apiVersion: headpond.dev/v1alpha1\nkind: CacheCluster\nmetadata: {name: a}\nspec: {paused: true}\n")
    applied("a version as precondition", "one", config({}, resourceVersion="1"))
    applied("managedFields", "one", config({}, managedFields=[{"manager": "x"}]))
    applied("another name", "one", c.cluster("b"))
    applied("another kind", "one", {**config({}), "kind": "Other"})
    applied("a bad value", "one", config({"worker": {"replicas": -1}}))
    applied("an unknown field, strictly", "one", config({"unknown": 1}), "&fieldValidation=Strict")
    applied("a bad force", "one", config({}), "&force=x")
    c.step("an update takes a field", "PATCH", f"{path}?fieldManager=editor", {"spec": {"worker": {"replicas": 8}}}, _MERGE)
    applied("so its owner meets a conflict", "two", config({"worker": {"replicas": 3}}))
    c.step("status", "PATCH", f"{path}/status?fieldManager=teller", {**config({}), "status": {"phase": "Ready"}}, _APPLY)
    c.step("status of what is not there", "PATCH", f"{c.clusters}/none/status?fieldManager=teller", {**c.cluster("none"), "status": {}}, _APPLY)
    c.step("fields may be disowned", "PATCH", path, {"metadata": {"managedFields": [{}]}}, _MERGE)
    c.step("a strange manager", "PATCH", f"{path}?fieldManager=a%01b", config({}), _APPLY)


def deletion(c: Chapter) -> None:
    path = f"{c.clusters}/held"
    c.quiet("POST", c.clusters, c.cluster("held", finalizers=["example.com/hold"]))
    c.step("held by a finalizer", "DELETE", path)
    c.step("held, again", "DELETE", path)
    c.step("its spec may change", "PATCH", path, {"spec": {"paused": True}}, _MERGE)
    c.step("no new finalizer", "PATCH", path, {"metadata": {"finalizers": ["example.com/hold", "example.com/other"]}}, _MERGE)
    c.step("its name is taken", "POST", c.clusters, c.cluster("held"))
    c.step("let go", "PATCH", path, {"metadata": {"finalizers": None}}, _MERGE)
    c.step("then it is gone", "GET", path)
    c.step("a bad policy", "DELETE", path, {"propagationPolicy": "Some"})

    def owned(policy: str) -> str:
        owner = c.quiet("POST", c.clusters, c.cluster(f"owner-{policy.lower()}")).body
        name = f"owned-{policy.lower()}"
        reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                     "uid": owner["metadata"]["uid"], "blockOwnerDeletion": True, "controller": True}
        c.quiet("POST", f"{c.core}/configmaps", {"metadata": {"name": name, "ownerReferences": [reference]}})
        answer = c.api.call("DELETE", f"{c.clusters}/{owner['metadata']['name']}", {"propagationPolicy": policy})
        c.transcript.add(f"deletion: {policy} is accepted", answer.code)
        c.transcript.add(f"deletion: {policy}, the owner goes", c.gone(f"{c.clusters}/{owner['metadata']['name']}"))
        return f"{c.core}/configmaps/{name}"

    for policy in ("Background", "Foreground"):
        c.transcript.add(f"deletion: {policy}, what it owned goes", c.gone(owned(policy)))
    kept = c.quiet("GET", owned("Orphan"))
    c.transcript.add("deletion: Orphan, what it owned stays", (kept.code, kept.body["metadata"].get("ownerReferences")))
    ghost = {"apiVersion": "headpond.dev/v1alpha1", "kind": "CacheCluster", "name": "ghost", "uid": "22222222-2222-2222-2222-222222222222"}
    c.quiet("POST", f"{c.core}/configmaps", {"metadata": {"name": "of-a-ghost", "ownerReferences": [ghost]}})
    c.transcript.add("deletion: what a ghost owns goes", c.gone(f"{c.core}/configmaps/of-a-ghost"))


def built_in(c: Chapter) -> None:
    maps = f"{c.core}/configmaps"
    c.step("a config map", "POST", maps, {"metadata": {"name": "m"}, "data": {"a": "b"}, "binaryData": {"c": "AAE="}})
    c.step("strategic merge", "PATCH", f"{maps}/m", {"data": {"a": None, "d": "e"}}, _STRATEGIC)
    c.step("replaced without a version", "PUT", f"{maps}/m", {"metadata": {"name": "m"}, "data": {"z": "y"}})
    c.step("a config map of a wrong type", "POST", maps, {"metadata": {"name": "w"}, "data": {"a": 5}})
    c.step("a config map with an unknown field", "POST", f"{maps}?fieldValidation=Strict", {"metadata": {"name": "w"}, "dat": {}})
    c.step("applied", "PATCH", f"{maps}/s?fieldManager=one", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": {"a": "1"}}, _APPLY)
    c.step("applied, a conflict", "PATCH", f"{maps}/s?fieldManager=two",
           {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": {"a": "2"}}, _APPLY)
    c.step("no such subresource", "GET", f"{maps}/m/status")
    secrets = f"{c.core}/secrets"
    c.step("a secret", "POST", secrets, {"metadata": {"name": "s"}, "data": {"a": "Yg=="}, "stringData": {"c": "d"}})
    c.step("a secret that is no base64", "POST", secrets, {"metadata": {"name": "w"}, "data": {"a": "?"}})
    c.step("its type stays", "PATCH", f"{secrets}/s", {"type": "Other"}, _MERGE)
    for what, kind, data in (("without its key", "dockerconfigjson", {"a": "Yg=="}), ("that is no JSON", "dockerconfigjson", {".dockerconfigjson": "Yg=="}),
                             ("that is a list", "dockercfg", {".dockercfg": "W10="}), ("of nobody", "basic-auth", {"a": "Yg=="}),
                             ("without a key", "tls", {"tls.crt": "Yg=="}), ("of no key", "ssh-auth", {})):
        c.step(f"a secret {what}", "POST", secrets, {"metadata": {"name": "w"}, "type": f"kubernetes.io/{kind}", "data": data})
    c.step("a secret for pulls", "POST", secrets,
           {"metadata": {"name": "p"}, "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": '{"auths": {}}'}})
    c.step("secrets by type", "GET", f"{secrets}?fieldSelector=type%3DOpaque")
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{c.namespace}/leases"
    spec = {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2026-01-02T03:04:05.123456Z", "leaseTransitions": 0}
    c.step("a lease", "POST", leases, {"metadata": {"name": "l"}, "spec": spec})
    c.step("a lease of no time", "POST", leases, {"metadata": {"name": "w"}, "spec": {"leaseDurationSeconds": 0}})
    c.step("a lease of a bad time", "POST", leases, {"metadata": {"name": "w"}, "spec": {"renewTime": "soon"}})
    c.step("a lease made by PUT", "PUT", f"{leases}/p", {"metadata": {"name": "p"}, "spec": spec})
    live = c.quiet("GET", f"{leases}/l").body
    c.step("a lease renewed", "PUT", f"{leases}/l", {**live, "spec": {**spec, "leaseTransitions": 1}})
    c.step("a lease renewed from an old version", "PUT", f"{leases}/l", live)
    events = f"{c.core}/events"
    about = {"kind": "CacheCluster", "namespace": c.namespace, "name": "a", "apiVersion": "headpond.dev/v1alpha1"}
    c.step("an event", "POST", events, {"metadata": {"name": "e"}, "involvedObject": about, "reason": "Tested", "message": "said", "type": "Normal",
                                        "source": {"component": "contract"}, "count": 1, "firstTimestamp": "2026-01-02T03:04:05Z"})
    c.step("an event again", "PATCH", f"{events}/e", {"count": 2, "message": "said again"}, _STRATEGIC)
    c.step("an event of another namespace", "POST", events, {"metadata": {"name": "w"}, "involvedObject": {**about, "namespace": "other"}, "reason": "x"})
    c.step("events of an object", "GET", f"{events}?fieldSelector=involvedObject.name%3Da,involvedObject.kind%3DCacheCluster")
    c.step("the event in its newer form", "GET", f"/apis/events.k8s.io/v1/namespaces/{c.namespace}/events/e")
    c.step("events by reason", "GET", f"{events}?fieldSelector=reason%3DOther")


def namespaces(c: Chapter) -> None:
    path = "/api/v1/namespaces"
    name = "contract-life"
    c.step("create", "POST", path, {"metadata": {"name": name}})
    c.step("labels", "PATCH", f"{path}/{name}", {"metadata": {"labels": {"team": "x"}}}, _MERGE)
    c.step("a bad name", "POST", path, {"metadata": {"name": "a.b"}})
    c.step("in a namespace", "GET", f"{path}/{name}/namespaces")
    c.step("the phase is not a client's", "PATCH", f"{path}/{name}", {"status": {"phase": "Terminating"}}, _MERGE)
    c.quiet("POST", f"{path}/{name}/configmaps", {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}})
    deleted = c.quiet("DELETE", f"{path}/{name}")
    c.transcript.add("namespaces: deletion is accepted", (deleted.code, deleted.body["status"]["phase"]))
    c.step("no new content", "POST", f"{path}/{name}/configmaps", {"metadata": {"name": "late"}})
    wait_for(lambda: "deletionTimestamp" in c.quiet("GET", f"{path}/{name}/configmaps/held").body["metadata"], _GONE_LIMIT_S)
    c.quiet("PATCH", f"{path}/{name}/configmaps/held", {"metadata": {"finalizers": None}}, _MERGE)
    c.transcript.add("namespaces: gone with its contents", c.gone(f"{path}/{name}"))
    c.step("default stays", "DELETE", f"{path}/default")
    c.step("no deletion of all", "DELETE", path)


def reviews(c: Chapter) -> None:
    access = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    body = {"spec": {"resourceAttributes": {"verb": "delete", "group": "headpond.dev", "resource": "cacheclusters"}}}
    answer = c.api.call("POST", access, body)
    c.transcript.add("reviews: may I", (answer.code, answer.body["kind"], answer.body["status"]["allowed"]))
    c.step("no attributes", "POST", access, {"spec": {}})


CHAPTERS = (discovery, openapi, crud, validation, patches, status_and_scale, lists, representations, watches, apply, deletion, built_in,
            namespaces, reviews)


def run(api: Api) -> Transcript:
    transcript = Transcript()
    for chapter in CHAPTERS:
        name = chapter.__name__.replace("_", "-")
        chapter(Chapter(api, transcript, name))
    return transcript
