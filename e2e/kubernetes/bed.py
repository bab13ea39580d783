"""A Kubernetes of one node in a network namespace of its own: control plane, kubelet and DNS from pinned Go modules,
containerd and runc from the distribution. Nothing of it is shared with the machine's other containers."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

import programs
from harness.process import Process, wait_for

NAMESPACE = "hp-e2e-k8s"  # of the network
ADDRESS = "10.99.7.1"
PORT = 6443
_PODS = "10.247.0.0/24"
_SERVICES = "10.97.0.0/16"
_START_LIMIT_S = 120.0
_LOCK = "/run/lock/headpond-e2e-k8s"
_LOCK_LIMIT_S = 1800.0
# The kubelet writes these for the whole machine; they are put back.
_SYSCTLS = ("vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops",
            "kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes")
_CGROUP = "hp-e2e-k8s"


def run(*command: str, check: bool = True, text_in: str | None = None, timeout: float = 120) -> str:
    done = subprocess.run(command, capture_output=True, text=True, input=text_in, timeout=timeout)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Bed:
    """Use it as a context manager; `kubectl` talks to it as a cluster administrator."""

    def __init__(self, images: list[Path], names: dict[str, str] | None = None):
        """`names`: what images in the archives are called in the cluster, where that is another name."""
        self._images = images
        self._names = names or {}
        self._folder = Path(tempfile.mkdtemp(prefix="headpond-k8s-", dir="/var/tmp"))
        self._processes: list[Process] = []
        self._tokens = {name: secrets.token_hex(16) for name in ("admin", "kcm", "scheduler", "kubelet", "proxy", "dns")}
        self._sysctls: dict[str, str] = {}
        self._api_program = Path()
        self._lock: IO[str] | None = None

    @property
    def folder(self) -> Path:
        return self._folder

    def empty_dir(self, pod_uid: str, volume: str) -> Path:
        """A pod's emptyDir, where the kubelet keeps it."""
        return self._folder / "node" / "kubelet" / "pods" / pod_uid / "volumes" / "kubernetes.io~empty-dir" / volume

    def inside(self, *command: str) -> list[str]:
        """The command, in the cluster's network. (`ip netns exec` would hide the cgroups.)"""
        return ["nsenter", f"--net=/run/netns/{NAMESPACE}", *command]

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
        built = programs.binaries()
        self._make_network()
        self._start_api(built)
        self._start_containerd()
        self._start_controllers(built)
        self._start_node(built)
        self._start_proxy(built)
        self._start_dns(programs.dns())
        if not wait_for(self._node_ready, _START_LIMIT_S, 0.5):
            raise RuntimeError("the node does not get ready\n" + self._log_of("kubelet"))

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

    def _spawn(self, name: str, program: Path | str, options: dict | None = None, *words: str) -> Process:
        command = self.inside(str(program), *words, *(f"--{key}={value}" for key, value in (options or {}).items()))
        process = Process(name, command, self._folder / "logs" / f"{name}.log")
        self._processes.append(process)
        return process

    def _log_of(self, name: str) -> str:
        return next((p.tail(30) for p in self._processes if p.name == name), "")

    def _start_api(self, built: Path) -> None:
        etcd = "http://127.0.0.1:2379"
        self._spawn("etcd", built / "etcd", {
            "data-dir": self._folder / "etcd", "listen-client-urls": etcd, "advertise-client-urls": etcd,
            "listen-peer-urls": "http://127.0.0.1:2380", "initial-advertise-peer-urls": "http://127.0.0.1:2380",
            "initial-cluster": "default=http://127.0.0.1:2380", "unsafe-no-fsync": "true", "log-level": "warn"})
        key = self._folder / "service-accounts.key"
        run("openssl", "genrsa", "-out", str(key), "2048")
        groups = {"admin": ("admin", "system:masters"), "kcm": ("system:kube-controller-manager", ""),
                  "scheduler": ("system:kube-scheduler", ""), "kubelet": ("system:node:node0", "system:nodes"),
                  "proxy": ("system:kube-proxy", ""), "dns": ("dns", "system:masters")}
        (self._folder / "tokens.csv").write_text("".join(
            f'{self._tokens[name]},{user},{name},"{group}"\n' for name, (user, group) in groups.items()))
        api = self._spawn("kube-apiserver", built / "kube-apiserver", {
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
        self._spawn("kube-controller-manager", built / "kube-controller-manager", {
            "kubeconfig": self.kubeconfig("kcm"), "leader-elect": "false", "bind-address": "127.0.0.1",
            "service-account-private-key-file": self._folder / "service-accounts.key",
            "use-service-account-credentials": "true", "cert-dir": self._folder / "kcm",
            "root-ca-file": self._folder / "certificates" / "apiserver.crt",  # what pods know the server by
            # Without a provisioner claims are bound when somebody looks; a provisioner tells.
            "pvclaimbinder-sync-period": "1s"})
        self._spawn("kube-scheduler", built / "kube-scheduler", {
            "kubeconfig": self.kubeconfig("scheduler"), "leader-elect": "false", "bind-address": "127.0.0.1",
            "cert-dir": self._folder / "scheduler"})

    def _start_containerd(self) -> None:
        node = self._folder / "node"
        (node / "cni").mkdir(parents=True)
        (node / "cni" / "10-pods.conflist").write_text(json.dumps({
            "cniVersion": "1.0.0", "name": "pods", "plugins": [{
                "type": "bridge", "bridge": "pods", "isGateway": True, "hairpinMode": True,
                "ipam": {"type": "host-local", "dataDir": str(node / "ipam"), "ranges": [[{"subnet": _PODS}]],
                         "routes": [{"dst": "0.0.0.0/0"}]}}]}))
        (node / "containerd.toml").write_text(f"""
version = 2
root = "{node}/containerd"
state = "{node}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{self._socket()}"
[ttrpc]
  address = "{self._socket()}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{node}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{programs.PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{programs.CNI}"
    conf_dir = "{node}/cni"
""")
        containerd = self._spawn("containerd", "containerd", None, "--config", str(node / "containerd.toml"))
        if not wait_for(lambda: self._ctr("version", check=False) != "", 30):
            raise RuntimeError("containerd does not answer\n" + containerd.tail())
        for image in self._images:
            self._ctr("-n", "k8s.io", "images", "import", str(image))
        for name, other in self._names.items():
            if name != other:
                self._ctr("-n", "k8s.io", "images", "tag", f"docker.io/{name}", f"docker.io/{other}")

    def _socket(self) -> Path:
        return self._folder / "node" / "containerd.sock"

    def _ctr(self, *words: str, check: bool = True) -> str:
        return run("ctr", "-a", str(self._socket()), *words, check=check, timeout=300)

    def _start_node(self, built: Path) -> None:
        self._sysctls = {name: run("sysctl", "-n", name, check=False).strip() for name in _SYSCTLS}
        self._make_cgroups()
        node = self._folder / "node"
        (node / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (node / "kubelet.json").write_text(json.dumps({
            "kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}},
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{self._socket()}", "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{_CGROUP}", "failCgroupV1": False, "failSwapOn": False,
            "clusterDomain": "cluster.local", "clusterDNS": [ADDRESS], "resolvConf": str(node / "resolv.conf"),
            "podLogsDir": str(node / "logs"), "healthzBindAddress": "127.0.0.1",
            "imageGCHighThresholdPercent": 100, "serializeImagePulls": False,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"}}))
        self._spawn("kubelet", built / "kubelet", {
            "config": node / "kubelet.json", "kubeconfig": self.kubeconfig("kubelet"), "root-dir": node / "kubelet",
            "cert-dir": node / "kubelet-pki", "hostname-override": "node0", "node-ip": ADDRESS})

    def _start_proxy(self, built: Path) -> None:
        """What makes addresses of Services lead to pods."""
        config = self._folder / "proxy.json"
        config.write_text(json.dumps({
            "kind": "KubeProxyConfiguration", "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "mode": "iptables",
            "clientConnection": {"kubeconfig": str(self.kubeconfig("proxy"))}, "clusterCIDR": _PODS,
            "healthzBindAddress": "127.0.0.1:10256", "metricsBindAddress": "127.0.0.1:10249",
            # Settings of the whole machine are left alone.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}}))
        self._spawn("kube-proxy", built / "kube-proxy", {"config": config, "hostname-override": "node0"})

    def _make_cgroups(self) -> None:
        root = Path("/sys/fs/cgroup")
        if (root / "cgroup.controllers").exists():
            (root / _CGROUP).mkdir(exist_ok=True)
            return
        for hierarchy in filter(Path.is_dir, root.iterdir()):
            own = hierarchy / _CGROUP
            own.mkdir(exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (own / name).exists():
                    (own / name).write_text((hierarchy / name).read_text())

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
        self._spawn("dns", program, None, "-conf", str(config))

    def _node_ready(self) -> bool:
        for process in self._processes:
            if not process.alive():
                raise RuntimeError(f"{process.name} ended\n{process.tail()}")
        conditions = self.get("node", "node0").get("status", {}).get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    # The end: nothing is left, whatever happened.

    def __exit__(self, *exc_info) -> None:
        for process in reversed(self._processes):
            if process.name != "containerd":
                process.kill()
        self._end_containers()
        for process in self._processes:
            process.kill()
        for line in sorted(Path("/proc/mounts").read_text().splitlines(), reverse=True):
            target = line.split()[1]
            if target.startswith(str(self._folder)):
                run("umount", "-l", target, check=False)
        for name in self._own_namespaces():
            run("ip", "netns", "del", name, check=False)
        for root, folders, _ in os.walk("/sys/fs/cgroup", topdown=False):
            if f"/{_CGROUP}" in root:
                try:
                    os.rmdir(root)
                except OSError:
                    pass  # a process is still dying in it
        for name, value in self._sysctls.items():
            run("sysctl", "-qw", f"{name}={value}", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()

    def _end_containers(self) -> None:
        if not self._socket().exists():
            return
        def tasks() -> list[str]:
            return self._ctr("-n", "k8s.io", "tasks", "ls", "-q", check=False).split()
        deadline = time.monotonic() + 20
        while (running := tasks()) and time.monotonic() < deadline:
            for task in running:
                self._ctr("-n", "k8s.io", "tasks", "kill", "-s", "KILL", task, check=False)
            self._ctr("-n", "k8s.io", "tasks", "delete", "-f", *running, check=False)  # its shim ends, too

    def _own_namespaces(self) -> list[str]:
        """Ours, and those that the network plug-in made for pods whose cable ends in ours."""
        names = [line.split()[0] for line in run("ip", "netns", "list", check=False).splitlines() if line]
        return [NAMESPACE] * (NAMESPACE in names) + [
            name for name in names if name.startswith("cni-") and self._is_pod(name)]

    @staticmethod
    def _is_pod(name: str) -> bool:
        return _PODS.rsplit(".", 1)[0] + "." in run("ip", "-n", name, "-4", "-o", "addr", check=False)
