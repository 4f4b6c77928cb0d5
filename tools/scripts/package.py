"""tools/package behind its packages: builds the release, and a Debian package of it with packaging/debian."""

import argparse
import email.utils
import os
import pathlib
import re
import shutil
import subprocess
import sys

from build import ROOT, build
from console import StepFailed, run_steps, say

# Debian Policy 5.6.12, without an epoch and without a revision: a native package.
VERSION = re.compile(r"[0-9][A-Za-z0-9.+~]*")
CHANGELOG = """hauspost ({version}) unstable; urgency=medium

  * See CHANGELOG.md in this folder for what operators see change.

 -- {maintainer}  {date}
"""


def committed_date():
    """Of the last commit, so that the same sources make the same package."""
    shown = subprocess.run(["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True)
    if shown.returncode == 0 and shown.stdout.strip():
        return int(shown.stdout)
    return int((ROOT / "VERSION").stat().st_mtime)


def write_changelog(folder, version, date):
    control = (folder / "control").read_text(encoding="utf-8")
    maintainer = re.search(r"^Maintainer: (.*)$", control, re.MULTILINE).group(1)
    (folder / "changelog").write_text(
        CHANGELOG.format(version=version, maintainer=maintainer,
                         date=email.utils.formatdate(date, localtime=False)), encoding="utf-8")


def make_source(folder, version, date):
    """What dpkg-buildpackage is run in."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "packaging" / "debian", folder / "debian")
    write_changelog(folder / "debian", version, date)


def make_package(built, out, version):
    """The .deb of what the build folder `built` would install."""
    source = out / "source"
    date = committed_date()
    make_source(source, version, date)
    say(f"package: hauspost {version} of {built}")
    log = out / "build.log"
    environment = {**os.environ, "HAUSPOST_BUILD": str(built), "HAUSPOST_SOURCE": str(ROOT),
                   "SOURCE_DATE_EPOCH": str(date), "LC_ALL": "C.UTF-8"}
    with open(log, "wb") as output:
        done = subprocess.run(["dpkg-buildpackage", "--build=binary", "--no-sign", "--no-check-builddeps"],
                              cwd=source, env=environment, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        reason = [line for line in log.read_text(errors="replace").splitlines() if "rror" in line]
        raise StepFailed("dpkg-buildpackage: " + "; ".join(reason[:3] or ["no message"]), f"read {log}")
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True,
                                  check=True).stdout.strip()
    package = out / f"hauspost_{version}_{architecture}.deb"
    if not package.exists():
        raise StepFailed(f"there is no {package.name} afterwards", f"read {log}")
    return package


def run_lintian(package):
    """Raises when lintian finds an error; warnings are shown."""
    say(f"lintian: {package.name}")
    done = subprocess.run(["lintian", "--allow-root", "--no-tag-display-limit", "--fail-on", "error", str(package)],
                          text=True, capture_output=True)
    print(done.stdout, end="", flush=True)
    if done.returncode != 0:
        raise StepFailed(f"lintian ended with status {done.returncode}", "mend what the lines with E: name")


def main(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/package", description="Builds the Debian package of this checkout; its path is the last line.")
    parser.add_argument("--version", default=(ROOT / "VERSION").read_text(encoding="ascii").strip(),
                        help="of the package (default: what VERSION says)")
    parser.add_argument("--build", type=pathlib.Path, metavar="DIR",
                        help="package what this build folder holds and build nothing")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR", default=ROOT / "build" / "package",
                        help="where the package goes (default: build/package)")
    parser.add_argument("--no-lintian", action="store_true", help="do not check the package")
    options = parser.parse_args(arguments)
    if not VERSION.fullmatch(options.version):
        parser.error(f"--version {options.version}: not the version of a package")
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    built = options.build.resolve() if options.build else None
    package = []

    def build_programs():
        nonlocal built
        built = built or build("release", testing=False).parent
    steps = [("build", build_programs),
             ("package", lambda: package.append(make_package(built, out, options.version)))]
    if not options.no_lintian:
        steps.append(("lintian", lambda: run_lintian(package[0])))
    run_steps("package", steps)
    print(package[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
