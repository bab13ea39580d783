"""A Kubernetes in a network namespace of its own, with a node beside the control plane and more on demand: control plane,
kubelets and DNS from pinned Go modules, containerd and runc from the distribution. Nothing of it is shared with the machine's
other containers."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import IO

import programs
from harness.process import Process, wait_for
from node import ADDRESS, CGROUP, MAX_NODES, NAMESPACE, Node, is_pod_network, run

PORT = 6443
_SERVICES = "10.97.0.0/16"
_START_LIMIT_S = 120.0
_LOCK = "/run/lock/headpond-e2e-k8s"
_LOCK_LIMIT_S = 1800.0
_NODES = [f"node{number}" for number in range(MAX_NODES)]
# A kubelet writes these for the whole machine; they are put back.
_SYSCTLS = ("vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops",
            "kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes")


class Bed:
    """Use it as a context manager; `kubectl` talks to it as a cluster administrator."""

    def __init__(self, images: list[Path], names: dict[str, str] | None = None):
        """`names`: what images in the archives are called in the cluster, where that is another name."""
        self._images = images
        self._names = names or {}
        self._folder = Path(tempfile.mkdtemp(prefix="headpond-k8s-", dir="/var/tmp"))
        self._processes: list[Process] = []
        self._tokens = {name: secrets.token_hex(16) for name in ("admin", "kcm", "scheduler", "proxy", "dns", *_NODES)}
        self._sysctls: dict[str, str] = {}
        self._built = Path()
        self.nodes: list[Node] = []
        self._lock: IO[str] | None = None

    @property
    def folder(self) -> Path:
        return self._folder

    def empty_dir(self, pod_uid: str, volume: str) -> Path:
        """A pod's emptyDir, where its node's kubelet keeps it."""
        places = [node.folder / "kubelet" / "pods" / pod_uid / "volumes" / "kubernetes.io~empty-dir" / volume for node in self.nodes]
        return next((place for place in places if place.exists()), places[0])

    def inside(self, *command: str, network: str = NAMESPACE) -> list[str]:
        """The command, in the cluster's network. (`ip netns exec` would hide the cgroups.)"""
        return ["nsenter", f"--net=/run/netns/{network}", *command]

    def kubectl(self, *arguments: str, text_in: str | None = None, check: bool = True, timeout: float = 120) -> str:
        config = f"--kubeconfig={self.kubeconfig('admin')}"
        return run(*self.inside("kubectl", config, *arguments), text_in=text_in, check=check, timeout=timeout)

    def get(self, *arguments: str) -> dict:
        text = self.kubectl("get", *arguments, "-o", "json", check=False)
        return json.loads(text) if text else {}

    def kubeconfig(self, user: str, token: str = "", namespace: str = "default") -> Path:
        """A file with the user's token; a token given makes a new user."""
        path = self._folder / f"{user}.kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config",
            "clusters": [{"name": "c", "cluster": {
                "server": f"https://{ADDRESS}:{PORT}",
                "certificate-authority": str(self._folder / "certificates" / "apiserver.crt")}}],
            "users": [{"name": user, "user": {"token": token or self._tokens[user]}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": user, "namespace": namespace}}],
            "current-context": "c"}))
        return path

    def __enter__(self) -> "Bed":
        self._wait_for_others()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        self._built = programs.binaries()
        self._sysctls = {name: run("sysctl", "-n", name, check=False).strip() for name in _SYSCTLS}
        self._make_network()
        self._start_api(self._built)
        self._start_controllers(self._built)
        self._start_dns(programs.dns())
        self.add_nodes(1)

    def add_nodes(self, count: int) -> list[Node]:
        """Returns them when they are ready."""
        added = [Node(self, number) for number in range(len(self.nodes), len(self.nodes) + count)]
        for node in added:
            self.nodes.append(node)
            node.prepare(self._images, self._names)
        for node in added:
            node.start()
        for node in added:
            if not wait_for(lambda: self._all_run() and node.is_ready(), _START_LIMIT_S, 0.5):
                raise RuntimeError(f"{node.name} does not get ready\n{node.kubelet.tail(30)}")
        return added

    # Steps of the start.

    def _wait_for_others(self) -> None:
        """Names and addresses are the same for all beds of a machine, so there is one at a time."""
        self._lock = open(_LOCK, "w")
        def locked() -> bool:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True
        if not wait_for(locked, _LOCK_LIMIT_S, 1):
            raise RuntimeError(f"another bed has been here for {_LOCK_LIMIT_S:.0f} s: {_LOCK} is locked")

    def _make_network(self) -> None:
        run("ip", "netns", "add", NAMESPACE)
        def ip(*words: str) -> None:
            run("ip", "-n", NAMESPACE, *words)
        ip("link", "set", "lo", "up")
        # A bridge with one cable, so that it has a carrier: the kubelet refuses a loopback address.
        ip("link", "add", "node", "type", "bridge")
        ip("link", "add", "cable0", "type", "veth", "peer", "name", "cable1")
        ip("link", "set", "cable0", "master", "node", "up")
        ip("link", "set", "cable1", "up")
        ip("addr", "add", f"{ADDRESS}/24", "dev", "node")
        ip("link", "set", "node", "up")
        ip("route", "add", "default", "dev", "node")  # leads nowhere
        run(*self.inside("sysctl", "-qw", "net.ipv4.ip_forward=1"))

    def spawn(self, name: str, program: Path | str, options: dict | None = None, *words: str, network: str = NAMESPACE) -> Process:
        options = options or {}
        command = [*self.inside(str(program), network=network), *words, *(f"--{key}={value}" for key, value in options.items())]
        process = Process(name, command, self._folder / "logs" / f"{name}.log")
        self._processes.append(process)
        return process

    def end(self, process: Process) -> None:
        """One that is not missed."""
        self._processes.remove(process)
        process.kill()

    def program(self, name: str) -> Path:
        return self._built / name

    def _start_api(self, built: Path) -> None:
        etcd = "http://127.0.0.1:2379"
        self.spawn("etcd", built / "etcd", {
            "data-dir": self._folder / "etcd", "listen-client-urls": etcd, "advertise-client-urls": etcd,
            "listen-peer-urls": "http://127.0.0.1:2380", "initial-advertise-peer-urls": "http://127.0.0.1:2380",
            "initial-cluster": "default=http://127.0.0.1:2380", "unsafe-no-fsync": "true", "log-level": "warn"})
        key = self._folder / "service-accounts.key"
        run("openssl", "genrsa", "-out", str(key), "2048")
        groups = {"admin": ("admin", "system:masters"), "kcm": ("system:kube-controller-manager", ""),
                  "scheduler": ("system:kube-scheduler", ""),
                  **{node: (f"system:node:{node}", "system:nodes") for node in _NODES}, "proxy": ("system:kube-proxy", ""), "dns": ("dns", "system:masters")}
        (self._folder / "tokens.csv").write_text("".join(
            f'{self._tokens[name]},{user},{name},"{group}"\n' for name, (user, group) in groups.items()))
        api = self.spawn("kube-apiserver", built / "kube-apiserver", {
            "etcd-servers": etcd, "bind-address": ADDRESS, "advertise-address": ADDRESS, "secure-port": PORT,
            "cert-dir": self._folder / "certificates", "token-auth-file": self._folder / "tokens.csv",
            "authorization-mode": "Node,RBAC", "enable-admission-plugins": "NodeRestriction",
            "service-account-issuer": "https://kubernetes.default.svc", "service-account-key-file": key,
            "service-account-signing-key-file": key, "service-cluster-ip-range": _SERVICES, "allow-privileged": "false"})
        def ready() -> bool:
            if not api.alive():
                raise RuntimeError("kube-apiserver ended\n" + api.tail())
            return (self._folder / "certificates" / "apiserver.crt").exists() and \
                self.kubectl("get", "--raw", "/readyz", check=False) == "ok"
        if not wait_for(ready, _START_LIMIT_S, 0.3):
            raise RuntimeError("kube-apiserver does not get ready\n" + api.tail())

    def _start_controllers(self, built: Path) -> None:
        self.spawn("kube-controller-manager", built / "kube-controller-manager", {
            "kubeconfig": self.kubeconfig("kcm"), "leader-elect": "false", "bind-address": "127.0.0.1",
            "service-account-private-key-file": self._folder / "service-accounts.key",
            "use-service-account-credentials": "true", "cert-dir": self._folder / "kcm",
            "root-ca-file": self._folder / "certificates" / "apiserver.crt",  # what pods know the server by
            # Without a provisioner claims are bound when somebody looks; a provisioner tells.
            "pvclaimbinder-sync-period": "1s",
            # Nodes that are lost are so soon.
            "node-monitor-period": "1s", "node-monitor-grace-period": "12s"})
        self.spawn("kube-scheduler", built / "kube-scheduler", {
            "kubeconfig": self.kubeconfig("scheduler"), "leader-elect": "false", "bind-address": "127.0.0.1",
            "cert-dir": self._folder / "scheduler"})

    def _start_dns(self, program: Path) -> None:
        config = self._folder / "Corefile"
        config.write_text(f""".:53 {{
  bind {ADDRESS}
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {self.kubeconfig("dns")}
    pods insecure
    ttl 5
  }}
}}
""")
        self.spawn("dns", program, None, "-conf", str(config))

    def _all_run(self) -> bool:
        for process in self._processes:
            if not process.alive():
                raise RuntimeError(f"{process.name} ended\n{process.tail()}")
        return True

    # The end: nothing is left, whatever happened.

    def __exit__(self, *exc_info) -> None:
        for process in reversed(self._processes):
            if not process.name.startswith("containerd"):
                process.kill()
        for node in self.nodes:
            node.end_containers()
        for process in self._processes:
            process.kill()
        for line in sorted(Path("/proc/mounts").read_text().splitlines(), reverse=True):
            target = line.split()[1]
            if target.startswith(str(self._folder)):
                run("umount", "-l", target, check=False)
        for name in self._own_namespaces():
            run("ip", "netns", "del", name, check=False)
        for root, folders, _ in os.walk("/sys/fs/cgroup", topdown=False):
            if f"/{CGROUP}" in root:
                try:
                    os.rmdir(root)
                except OSError:
                    pass  # a process is still dying in it
        for name, value in self._sysctls.items():
            run("sysctl", "-qw", f"{name}={value}", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()

    def _own_namespaces(self) -> list[str]:
        """Ours, and those that the network plug-in made for pods whose cable ends in one of ours."""
        names = [line.split()[0] for line in run("ip", "netns", "list", check=False).splitlines() if line]
        return [name for name in names if name.startswith(NAMESPACE) or name.startswith("cni-") and is_pod_network(name)]
