#!/usr/bin/env python3
"""Makes the package and tries it in a clean Debian 12; closes with "N passed, M failed".

    tests/package/run.py [--build DIR] [--keep-log]     DIR: package what this build folder holds, not the release
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "build" / "package" / "test"
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "system"), str(ROOT / "tools" / "scripts")]

from machine import CommandFailed, make_base  # noqa: E402

TOOLS = ("debootstrap", "ip", "unshare", "nsenter", "chroot")
WORLD = ("198.51.100.7", "198.51.100.25", "198.51.100.53")  # a sender, another mail server, the DNS


def what_is_missing():
    if os.geteuid() != 0:
        return "not root"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None]
    if missing:
        return f"no {', '.join(missing)}; install debootstrap and iproute2"
    if subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode != 0:
        return "the kernel gives no name spaces here"
    return None


def make_packages(build):
    """The package, and the same as a later version."""
    version = (ROOT / "VERSION").read_text().strip()
    packages = []
    for number, options in ((version, []), (version + "+later", ["--no-lintian"])):
        command = [str(ROOT / "tools" / "package"), "--out", str(WORK / number), "--version", number, *options]
        if build:
            command += ["--build", str(build)]
        done = subprocess.run(command, text=True, capture_output=True)
        print(done.stdout, done.stderr, sep="", flush=True)
        if done.returncode != 0:
            sys.exit(f"tools/package ended with status {done.returncode}")
        packages.append(done.stdout.strip().splitlines()[-1])
    return packages


def outside(options):
    """Everything that wants the network; then the same program without it."""
    missing = what_is_missing()
    if missing:
        print(f"SKIPPED: the package in a clean root: {missing}", flush=True)
        print("0 passed, 0 failed")
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    first, later = make_packages(options.build)
    try:
        make_base(WORK / "base", pathlib.Path(first))
    except (CommandFailed, subprocess.CalledProcessError) as failure:
        print(f"SKIPPED: the package in a clean root: no clean root: {failure}", flush=True)
        print("0 passed, 0 failed")
        return 0
    environment = {**os.environ, "HAUSPOST_PACKAGE": first, "HAUSPOST_LATER_PACKAGE": later,
                   "HAUSPOST_BASE": str(WORK / "base")}
    return subprocess.run(["unshare", "--net", sys.executable, __file__, "--inside"], env=environment).returncode


def inside():
    for command in (["link", "set", "lo", "up"], *(["addr", "add", f"{a}/32", "dev", "lo"] for a in WORLD)):
        subprocess.run(["ip", *command], check=True)
    suite = unittest.TestLoader().discover(str(HERE), pattern="*_test.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, failfast=True).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(f"{max(result.testsRun - failed - len(result.skipped), 0)} passed, {failed if result.testsRun else 1} failed",
          flush=True)
    return 1 if failed or not result.testsRun else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, help="a build folder")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    return inside() if options.inside else outside(options)


if __name__ == "__main__":
    sys.exit(main())
