"""Builds a CMake preset with visible progress, no more at a time than memory allows."""

import os
import pathlib
import subprocess

from console import StepFailed, say

ROOT = pathlib.Path(__file__).resolve().parents[2]
POLITELY = ("nice", "-n", "15")
MEMORY_PER_JOB = 1_500_000  # KiB; what the largest translation unit takes, with room


def jobs():
    available = 0
    with open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1])
    return max(1, min(len(os.sched_getaffinity(0)), available // MEMORY_PER_JOB))


def build(preset, testing, targets=(), politely=False):
    """Configures and builds; the folder of the programs. Does little when nothing has changed.

    politely: whatever else runs goes before."""
    folder = ROOT / "build" / preset
    say(f"build: configuring {preset} in {folder}")
    configured = subprocess.run(
        ["cmake", "--preset", preset, f"-DBUILD_TESTING={'ON' if testing else 'OFF'}"],
        cwd=ROOT, capture_output=True, text=True)
    if configured.returncode != 0:
        reason = [line for line in configured.stderr.splitlines() if line.strip()] or ["no message"]
        raise StepFailed("cmake: " + " ".join(reason[:4]),
                         f"read the whole message with: cmake --preset {preset}")
    say(f"build: compiling with {jobs()} jobs; the first time takes some minutes")
    environment = {**os.environ, "NINJA_STATUS": "[%f/%t, %es] "}
    built = subprocess.run([*(POLITELY if politely else ()), "ninja", "-C", str(folder),
                            "-j", str(jobs()), *targets], cwd=ROOT, env=environment)
    if built.returncode != 0:
        raise StepFailed(f"ninja ended with status {built.returncode}",
                         "read the compiler's first error above")
    return folder / "bin"
