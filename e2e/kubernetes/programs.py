"""What the bed runs: programs from Go modules, built once and kept by the hash of what they are built from, and images
as archives. Raises Missing, with what to install, where this machine lacks something."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contract"))
import kubernetes
from harness.parts import Missing, cache_folder

_HERE = Path(__file__).resolve().parent
PAUSE = "headpond.local/pause:1"
CNI = "/usr/lib/cni"
# Commands and the packages that have them.
_NEEDED = {"containerd": "containerd", "runc": "runc", "ctr": "containerd", "ip": "iproute2", "nsenter": "util-linux",
           "openssl": "openssl", "kubectl": "kubernetes-client", "docker": "docker.io", "gcc": "gcc", "iptables": "iptables"}


def check() -> None:
    if os.geteuid() != 0:
        raise Missing("containers and network namespaces need root")
    for command, package in _NEEDED.items():
        if shutil.which(command) is None:
            raise Missing(f"{command} is not installed: apt install {package}")
    for plugin in ("bridge", "host-local", "loopback"):
        if not Path(CNI, plugin).exists():
            raise Missing(f"{CNI}/{plugin} is not there: apt install containernetworking-plugins")


def binaries() -> Path:
    """The folder of Kubernetes' programs."""
    try:
        return kubernetes.binaries("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
    except kubernetes.Unavailable as reason:
        raise Missing(str(reason)) from reason


def dns() -> Path:
    return _go_program("coredns", _HERE / "dns", ".", "-s -w")


def helm() -> Path:
    """It believes to know a Kubernetes as new as ours, also where it asks none."""
    major, minor, _ = kubernetes.version()[1:].split(".")
    known = "".join(f" -X helm.sh/helm/v3/pkg/{package}.k8sVersion{part}={number}" for package in ("chartutil", "lint/rules")
                    for part, number in (("Major", major), ("Minor", minor)))
    return _go_program("helm", _HERE / "helm", "helm.sh/helm/v3/cmd/helm", "-s -w" + known)


def _go_program(name: str, folder: Path, package: str, flags: str) -> Path:
    """Built once from the modules that the folder's go.mod pins."""
    sources = [folder / file for file in ("main.go", "go.mod", "go.sum") if (folder / file).exists()]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    program = cache_folder() / f"{name}-{digest}"
    if program.exists():
        return program
    go = os.environ.get("GO") or shutil.which("go")
    if not go:
        raise Missing(f"go is not installed; it builds {name}")
    program.parent.mkdir(parents=True, exist_ok=True)
    print(f"building {name}, once, into {program}", file=sys.stderr, flush=True)
    part = program.with_suffix(".part")
    done = subprocess.run(
        [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(part), package], cwd=folder,
        env={**os.environ, "CGO_ENABLED": "0"}, capture_output=True, text=True, timeout=3600)
    if done.returncode != 0:
        raise Missing(f"{name} can't be built here (are the modules reachable?)\n{done.stderr[-2000:]}")
    part.rename(program)
    return program


def pause_image(folder: Path) -> Path:
    """The program that holds a pod's namespaces, as an image of one file."""
    program = folder / "pause"
    subprocess.run(["gcc", "-Os", "-static", "-s", "-x", "c", "-", "-o", str(program)], check=True, timeout=60,
                   text=True, input="#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(program, "pause")
    content = layer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/pause"]},
                         "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": [PAUSE], "Layers": ["layer.tar"]}]).encode()
    path = folder / "pause.tar"
    with tarfile.open(path, "w") as tar:
        for member, data in ((name, config), ("layer.tar", content), ("manifest.json", manifest)):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def saved_image(reference: str, folder: Path) -> Path:
    """An image of the machine's Docker daemon, which `make images` has made, as an archive."""
    path = folder / (reference.replace("/", "-").replace(":", "-") + ".tar")
    saved = subprocess.run(["docker", "save", "-o", str(path), reference], capture_output=True, text=True, timeout=300)
    if saved.returncode != 0:
        raise Missing(f"image {reference} is not there: run make images ({saved.stderr.strip()})")
    return path
