"""What the disk under the tests' folders is. Set-up and the doctor find fault with one that lives in memory
or goes with its container, and tests of everything else have to bear it."""

import subprocess
import tempfile

POOR_KINDS = ("tmpfs", "overlay", "ramfs", "nfs", "cifs", "fuse")


def is_poor():
    kind = subprocess.run(["stat", "-f", "-c", "%T", tempfile.gettempdir()], capture_output=True,
                          text=True, check=True).stdout.strip()
    return kind.startswith(POOR_KINDS)


# The status of a set-up of which nothing but the disk is amiss, and of an examination.
SETUP_FINE = 4 if is_poor() else 0
DOCTOR_FINE = 1 if is_poor() else 0


def is_of_the_disk(finding):
    """Whether it is the fault that the doctor finds with such a disk."""
    return finding["check"] == "disk" and finding["text"].split(" is on ")[-1] in POOR_KINDS
