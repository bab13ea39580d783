"""A node of the bed: containerd, kubelet and kube-proxy with folders, control groups and pod addresses of their own. The first
one is in the network namespace of the control plane; each other has its own, and a cable to there that can be cut."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import programs
from harness.process import Process, wait_for

if TYPE_CHECKING:
    from bed import Bed

NAMESPACE = "hp-e2e-k8s"  # of the control plane's network
ADDRESS = "10.99.7.1"
CGROUP = "hp-e2e-k8s"
MAX_NODES = 3
_ALL_PODS = "10.247.0.0/16"


def run(*command: str, check: bool = True, text_in: str | None = None, timeout: float = 120) -> str:
    done = subprocess.run(command, capture_output=True, text=True, input=text_in, timeout=timeout)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def is_pod_network(namespace: str) -> bool:
    return " " + _ALL_PODS[:_ALL_PODS.index("0.0/")] in run("ip", "-n", namespace, "-4", "-o", "addr", check=False)


def _pods_of(number: int) -> str:
    return f"10.247.{number}.0/24"


def _address_of(number: int) -> str:
    return f"10.99.7.{number + 1}"


class Node:
    def __init__(self, bed: Bed, number: int):
        self._bed, self._number = bed, number
        self.name = f"node{number}"
        self.folder = bed.folder / self.name
        self._network = NAMESPACE if number == 0 else f"{NAMESPACE}-{number}"
        self._socket = self.folder / "containerd.sock"
        self.kubelet: Process | None = None
        self._containerd: Process | None = None

    def is_ready(self) -> bool:
        conditions = self._bed.get("node", self.name).get("status", {}).get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def prepare(self, images: list[Path], names: dict[str, str]) -> None:
        """All but the kubelet; with the images, and under which names it has them, too."""
        if self._number > 0:
            self._connect()
        self._make_cgroups()
        self._configure_containerd()
        self._start_containerd()
        for image in images:
            self._ctr("-n", "k8s.io", "images", "import", str(image))
        for name, other in names.items():
            if name != other:
                self._ctr("-n", "k8s.io", "images", "tag", f"docker.io/{name}", f"docker.io/{other}")
        self._configure_kubelet()
        self._start_proxy()

    def start(self) -> None:
        """After `prepare`, or after it was lost."""
        if self._containerd is None:
            self._set_cable("up")
            self._start_containerd()
        self.kubelet = self._bed.spawn(f"kubelet-{self.name}", self._bed.program("kubelet"), {
            "config": self.folder / "kubelet.json", "kubeconfig": self._bed.kubeconfig(self.name), "root-dir": self.folder / "kubelet",
            "cert-dir": self.folder / "kubelet-pki", "hostname-override": self.name, "node-ip": _address_of(self._number)},
            network=self._network)

    def lose(self) -> None:
        """As without power: nobody hears of it again, and nothing runs there. Not for the first."""
        self._set_cable("down")
        self._bed.end(self.kubelet)
        self.end_containers()
        self._bed.end(self._containerd)
        self._containerd = None

    def end_containers(self) -> None:
        if not self._socket.exists():
            return
        def tasks() -> list[str]:
            return self._ctr("-n", "k8s.io", "tasks", "ls", "-q", check=False).split()
        deadline = time.monotonic() + 20
        while (running := tasks()) and time.monotonic() < deadline:
            for task in running:
                self._ctr("-n", "k8s.io", "tasks", "kill", "-s", "KILL", task, check=False)
            self._ctr("-n", "k8s.io", "tasks", "delete", "-f", *running, check=False)  # its shim ends, too

    def _connect(self) -> None:
        """To the control plane's bridge, with ways from and to all pods."""
        run("ip", "netns", "add", self._network)
        def ip(*words: str, network: str = self._network) -> None:
            run("ip", "-n", network, *words)
        ip("link", "set", "lo", "up")
        ip("link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self._network, network=NAMESPACE)
        ip("link", "set", self.name, "master", "node", "up", network=NAMESPACE)
        ip("addr", "add", f"{_address_of(self._number)}/24", "dev", "eth0")
        ip("link", "set", "eth0", "up")
        ip("route", "add", "default", "via", ADDRESS)
        for number in range(self._number):
            other = NAMESPACE if number == 0 else f"{NAMESPACE}-{number}"
            ip("route", "add", _pods_of(number), "via", _address_of(number))
            ip("route", "add", _pods_of(self._number), "via", _address_of(self._number), network=other)
        run(*self._bed.inside("sysctl", "-qw", "net.ipv4.ip_forward=1", network=self._network))

    def _set_cable(self, state: str) -> None:
        run("ip", "-n", NAMESPACE, "link", "set", self.name, state)

    def _make_cgroups(self) -> None:
        root = Path("/sys/fs/cgroup")
        if (root / "cgroup.controllers").exists():
            (root / CGROUP / self.name).mkdir(parents=True, exist_ok=True)
            return
        for hierarchy in filter(Path.is_dir, root.iterdir()):
            for own in (hierarchy / CGROUP, hierarchy / CGROUP / self.name):
                own.mkdir(exist_ok=True)
                for name in ("cpuset.cpus", "cpuset.mems"):
                    if (own / name).exists():
                        (own / name).write_text((hierarchy / name).read_text())

    def _configure_containerd(self) -> None:
        node = self.folder
        (node / "cni").mkdir(parents=True)
        (node / "cni" / "10-pods.conflist").write_text(json.dumps({
            "cniVersion": "1.0.0", "name": "pods", "plugins": [{
                "type": "bridge", "bridge": "pods", "isGateway": True, "hairpinMode": True,
                "ipam": {"type": "host-local", "dataDir": str(node / "ipam"), "ranges": [[{"subnet": _pods_of(self._number)}]],
                         "routes": [{"dst": "0.0.0.0/0"}]}}]}))
        (node / "containerd.toml").write_text(f"""
version = 2
root = "{node}/containerd"
state = "{node}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{self._socket}"
[ttrpc]
  address = "{self._socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{node}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{programs.PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{programs.CNI}"
    conf_dir = "{node}/cni"
""")

    def _start_containerd(self) -> None:
        self._containerd = self._bed.spawn(f"containerd-{self.name}", "containerd", None, "--config",
                                           str(self.folder / "containerd.toml"), network=self._network)
        if not wait_for(lambda: self._ctr("version", check=False) != "", 30):
            raise RuntimeError("containerd does not answer\n" + self._containerd.tail())

    def _ctr(self, *words: str, check: bool = True) -> str:
        return run("ctr", "-a", str(self._socket), *words, check=check, timeout=300)

    def _configure_kubelet(self) -> None:
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (self.folder / "kubelet.json").write_text(json.dumps({
            "kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}},
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{self._socket}", "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{CGROUP}/{self.name}", "failCgroupV1": False, "failSwapOn": False,
            "clusterDomain": "cluster.local", "clusterDNS": [ADDRESS], "resolvConf": str(self.folder / "resolv.conf"),
            "podLogsDir": str(self.folder / "logs"), "healthzBindAddress": "127.0.0.1", "nodeLeaseDurationSeconds": 8,
            "imageGCHighThresholdPercent": 100, "serializeImagePulls": False,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"}}))

    def _start_proxy(self) -> None:
        """What makes addresses of Services lead to pods."""
        config = self.folder / "proxy.json"
        config.write_text(json.dumps({
            "kind": "KubeProxyConfiguration", "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "mode": "iptables",
            "clientConnection": {"kubeconfig": str(self._bed.kubeconfig("proxy"))}, "clusterCIDR": _ALL_PODS,
            "healthzBindAddress": "127.0.0.1:10256", "metricsBindAddress": "127.0.0.1:10249",
            # Settings of the whole machine are left alone.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}}))
        self._bed.spawn(f"kube-proxy-{self.name}", self._bed.program("kube-proxy"), {"config": config, "hostname-override": self.name},
                        network=self._network)
