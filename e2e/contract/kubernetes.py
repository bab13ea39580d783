"""A real Kubernetes API server: etcd, kube-apiserver and kube-controller-manager (for garbage collection and
namespaces), built from the modules that go.mod pins, on ports of 127.0.0.1, without privileges."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

from client import Api, tls_connection
from harness.process import Process, free_ports, wait_for

_HERE = Path(__file__).resolve().parent
_PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
}
_API = ("etcd", "kube-apiserver", "kube-controller-manager")
_BUILD_LIMIT_S = 3600  # kube-apiserver alone takes ten minutes of one processor from cold
_START_LIMIT_S = 120.0
_CONTROLLERS = ",".join(f"{name}-controller" for name in (
    "garbage-collector", "namespace", "statefulset", "persistentvolumeclaim-protection"))


class Unavailable(Exception):
    """The server can't be had here; the text says why."""


def version() -> str:
    """Of k8s.io/kubernetes in go.mod: "v1.34.4"."""
    for line in (_HERE / "go.mod").read_text().splitlines():
        words = line.replace("require ", "").split()
        if len(words) > 1 and words[0] == "k8s.io/kubernetes":
            return words[1]
    raise AssertionError("go.mod pins no k8s.io/kubernetes")


def binaries(*names: str) -> Path:
    """The folder of the built programs, made once for each go.mod and go.sum. Raises Unavailable."""
    names = names or _API
    text = (_HERE / "go.mod").read_bytes() + (_HERE / "go.sum").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "headpond-e2e" / f"kubernetes-{hashlib.sha256(text).hexdigest()[:16]}"
    missing = [name for name in names if not (folder / name).exists()]
    if not missing:
        return folder
    go = os.environ.get("GO") or shutil.which("go")
    if not go:
        raise Unavailable("go is not installed; it builds kube-apiserver")
    print(f"building {', '.join(missing)} of Kubernetes {version()}, once, into {folder}", file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name in missing:
        _build(go, _PACKAGES[name], folder / name)
    return folder


def _build(go: str, package: str, target: Path) -> None:
    part = "k8s.io/component-base/version"
    major, minor, _ = version()[1:].split(".")
    flags = f"-s -w -X {part}.gitVersion={version()} -X {part}.gitMajor={major} -X {part}.gitMinor={minor}"
    unfinished = target.with_suffix(".part")
    done = subprocess.run(
        [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(unfinished), package],
        cwd=_HERE,
        env={**os.environ, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=_BUILD_LIMIT_S,
    )
    if done.returncode != 0:
        raise Unavailable(f"{package} can't be built here (are the modules reachable?)\n{done.stderr[-2000:]}")
    unfinished.rename(target)


class KubernetesServer:
    """Use it as a context manager; `api` talks to it as a cluster administrator."""

    name = "kubernetes"

    def __init__(self, folder: Path):
        self._folder = folder
        self._processes: list[Process] = []
        self._token = secrets.token_hex(16)
        self.kubeconfig = folder / "kubeconfig"
        self.api: Api

    def __enter__(self) -> "KubernetesServer":
        programs = binaries()
        self._folder.mkdir(parents=True)
        etcd, peer, port, kcm = free_ports(4)
        self._write_credentials(port)
        self._start("etcd", programs / "etcd", {
            "data-dir": self._folder / "etcd",
            "listen-client-urls": f"http://127.0.0.1:{etcd}",
            "advertise-client-urls": f"http://127.0.0.1:{etcd}",
            "listen-peer-urls": f"http://127.0.0.1:{peer}",
            "initial-advertise-peer-urls": f"http://127.0.0.1:{peer}",
            "initial-cluster": f"default=http://127.0.0.1:{peer}",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        })
        self._start("kube-apiserver", programs / "kube-apiserver", {
            "etcd-servers": f"http://127.0.0.1:{etcd}",
            "bind-address": "127.0.0.1",
            "secure-port": port,
            "cert-dir": self._folder / "certificates",
            "endpoint-reconciler-type": "none",
            "token-auth-file": self._folder / "tokens.csv",
            "authorization-mode": "RBAC",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self._folder / "service-accounts.key",
            "service-account-signing-key-file": self._folder / "service-accounts.key",
            "service-cluster-ip-range": "10.96.0.0/16",
            "disable-admission-plugins": "ServiceAccount",
            "watch-cache": "true",
        })
        self.connection = self._connect(port)
        self.api = self.connect()
        if not wait_for(self._ready, _START_LIMIT_S):
            raise RuntimeError("kube-apiserver does not get ready\n" + self._processes[-1].tail())
        self._start("kube-controller-manager", programs / "kube-controller-manager", {
            "kubeconfig": self.kubeconfig,
            "controllers": _CONTROLLERS,
            "leader-elect": "false",
            "bind-address": "127.0.0.1",
            "secure-port": kcm,
            "cert-dir": self._folder / "kcm-certificates",
            # What the garbage collector knows of new kinds; the default is 30 s old.
            "min-resync-period": "1m",
        })
        return self

    def __exit__(self, *exc_info) -> None:
        for process in reversed(self._processes):
            process.stop(grace_s=5.0)

    def connect(self) -> Api:
        """For a thread of its own."""
        return Api(self.connection, token=self._token)

    def _start(self, name: str, program: Path, options: dict) -> None:
        command = [str(program)] + [f"--{key}={value}" for key, value in options.items()]
        self._processes.append(Process(name, command, self._folder / f"{name}.log"))

    def _write_credentials(self, port: int) -> None:
        (self._folder / "tokens.csv").write_text(f'{self._token},admin,admin,"system:masters"\n')
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {
                "server": f"https://127.0.0.1:{port}",
                "certificate-authority": str(self._folder / "certificates" / "apiserver.crt")}}],
            "users": [{"name": "u", "user": {"token": self._token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "c",
        }))
        subprocess.run(
            ["openssl", "genrsa", "-out", str(self._folder / "service-accounts.key"), "2048"],
            check=True, capture_output=True, timeout=60)

    def _connect(self, port: int):
        # The certificate is made at the start, so there is nothing to check it with; it is a server of ours on loopback.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return lambda timeout_s: tls_connection(port, context, timeout_s)

    def _ready(self) -> bool:
        for process in self._processes:
            if not process.alive():
                raise RuntimeError(f"{process.name} ended\n{process.tail()}")
        try:
            return self.api.call("GET", "/readyz").text == "ok"
        except OSError:
            return False
