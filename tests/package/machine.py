"""A machine for the tests of the package: a copy of a clean Debian 12 with systemd as its process 1,
in name spaces of its own. A cable (veth) leads from its eth0 to the caller, who is its router and all
that it has of the world. REQUIRES: root. Standard library only.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

BOOT_SECONDS_MAX = 180
COMMAND_SECONDS_MAX = 180
SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
# Run as root of new name spaces; "$1" is the machine's root, "$2" its name, "$3" its address, "$4" its router's.
BOOT = r"""
set -e
R=$1
hostname "$2"
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip link set lo up
ip link set eth0 up
ip addr add "$3/24" dev eth0
ip route add default via "$4"
mount --make-rprivate /
mount --bind "$R" "$R"
mount -t proc proc "$R/proc"
mount -t sysfs -o ro sysfs "$R/sys"
mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$R/run"
mount -t tmpfs -o mode=1777 tmpfs "$R/tmp"
mount -t tmpfs -o mode=755 tmpfs "$R/dev"
mkdir "$R/dev/pts" "$R/dev/shm"
for node in null zero full random urandom tty; do
  touch "$R/dev/$node"
  mount --bind "/dev/$node" "$R/dev/$node"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$R/dev/pts"
ln -s pts/ptmx "$R/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$R/dev/shm"
mkdir -p "$R/.outside"
cd "$R"
pivot_root . .outside
umount -l /.outside
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
  /lib/systemd/systemd --log-target=console --log-level=warning --unit=multi-user.target
"""


class CommandFailed(Exception):
    pass


def chroot(root, *command, timeout=600):
    """One command in a root that nothing runs in."""
    done = subprocess.run(["chroot", str(root), *command], text=True, capture_output=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                                                         "DEBIAN_FRONTEND": "noninteractive"})
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def make_base(base, package):
    """A clean root with systemd, and beside it in its cache what `package` depends on. Needs the network (or a
    mirror) the first time only."""
    if not (base / ".complete").exists():
        shutil.rmtree(base, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,debconf", SUITE,
                        str(base), MIRROR], check=True, stdout=subprocess.DEVNULL)
        chroot(base, "apt-get", "update")
        (base / ".complete").touch()
    shutil.copy(package, base / "root" / package.name)
    try:
        chroot(base, "apt-get", "install", "--yes", "--no-install-recommends", "--download-only",
               f"/root/{package.name}")
    finally:
        (base / "root" / package.name).unlink()


class Machine:
    def __init__(self, base, hostname, address, router, resolver):
        """Boots. `router`: a free address of the same /24, which becomes the caller's."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-package-"))
        self.root = self.folder / "root"
        self.process = None
        try:
            subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(self.root)], check=True)
            (self.root / "etc/hostname").write_text(hostname + "\n")
            (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{address} {hostname}\n")
            resolv = self.root / "etc/resolv.conf"
            resolv.unlink(missing_ok=True)
            resolv.write_text(f"nameserver {resolver}\n")
            self._boot(hostname, address, router)
        except BaseException:
            self.destroy()
            raise

    def _boot(self, hostname, address, router):
        self.log = self.folder / "boot.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child",
                 "bash", "-c", BOOT, "boot", str(self.root), hostname, address, router],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self._until_booted(self._init)
        for command in (["link", "add", "world", "type", "veth", "peer", "name", "eth0", "netns", self._init()],
                        ["addr", "add", f"{router}/24", "dev", "world"], ["link", "set", "world", "up"]):
            subprocess.run(["ip", *command], check=True)
        self._until_booted(lambda: self.run("systemctl", "is-system-running", "--wait"))

    def _until_booted(self, works):
        end = time.monotonic() + BOOT_SECONDS_MAX
        while True:
            try:
                return works()
            except (CommandFailed, OSError):
                pass  # not so far yet
            if self.process.poll() is not None or time.monotonic() > end:
                raise CommandFailed("the machine does not boot: " + self.log.read_text(errors="replace")[-2000:])
            time.sleep(0.1)

    def _init(self):
        """The process id of its process 1, seen from outside."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children:
            raise CommandFailed("no process 1")
        return children[0]

    def run(self, *command, check=True, stdin=None, timeout=COMMAND_SECONDS_MAX):
        """The finished process of one command in the machine."""
        done = subprocess.run(
            ["nsenter", "--target", self._init(), "--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--root",
             "--wd", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8",
             "DEBIAN_FRONTEND=noninteractive", *command],
            text=True, capture_output=True, timeout=timeout, errors="replace",
            **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}))
        if check and done.returncode != 0:
            raise CommandFailed(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def apt(self, *arguments):
        return self.run("apt-get", "--yes", "--no-install-recommends", *arguments).stdout

    def put(self, file):
        """Copies a file into /root; its path there."""
        shutil.copy(file, self.root / "root" / file.name)
        return f"/root/{file.name}"

    def path(self, path):
        """Of a file of the machine, from outside."""
        return self.root / path.lstrip("/")

    def destroy(self):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # process 1 goes with its parent, and takes the rest
            self.process.wait()
        for _ in range(50):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.1)
