"""Tests of the crates with kernels as 64-bit ARM, with NEON: on an emulated processor, or on the machine if it is one.

    rustup target add aarch64-unknown-linux-gnu && apt-get install gcc-aarch64-linux-gnu qemu-user
    python3 xtask/scripts/neon.py [--packages colearn-simd ...] [-- TEST-OPTIONS]

Needs Linux, and on another processor than 64-bit ARM the target of Rust, a linker for it and QEMU's emulator of programs.
Nothing is installed; where something is missing the script says what, and ends with 0. Built in `target/neon`, with the
profile of other tests. The crates' tests run once with NEON; those of simd run every kernel on every set anyway.
"""

import argparse
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
TARGET = "aarch64-unknown-linux-gnu"
PACKAGES = ["colearn-simd", "colearn-tape", "colearn-synapses", "colearn-neurons", "colearn-optim", "colearn-network"]
LINKER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
# Where Debian's cross compiler has the libraries of the target.
LIBRARIES = "/usr/aarch64-linux-gnu"


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(0)


def emulated():
    """What cargo must be told to link for the target and to run it, and the emulator's version."""
    installed = ["rustup", "target", "list", "--installed"]
    missing = []
    if shutil.which("rustup") is None:
        missing.append("rustup")
    elif TARGET not in subprocess.run(installed, capture_output=True, text=True).stdout.split():
        missing.append(f"the target (`rustup target add {TARGET}`)")
    missing += [f"{program} (Debian's package {package})"
                for program, package in [(LINKER, "gcc-aarch64-linux-gnu"), (EMULATOR, "qemu-user")]
                if shutil.which(program) is None]
    if missing:
        skip(f"no {', no '.join(missing)}")
    variable = f"CARGO_TARGET_{TARGET.upper().replace('-', '_')}"
    version = subprocess.run([EMULATOR, "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    return {f"{variable}_LINKER": LINKER, f"{variable}_RUNNER": f"{EMULATOR} -L {LIBRARIES}"}, version


def run(package, options, settings):
    """The tests of one package, whose line is printed; returns how many passed, or `None` if not all did."""
    # Sets that would be forced for the machine are none of the target's.
    environment = {name: value for name, value in os.environ.items() if name != "COLEARN_INSTRUCTIONS"} | settings
    environment.setdefault("CARGO_TARGET_DIR", str(WORKSPACE / "target/neon"))
    command = ["cargo", "test", "--locked", "--target", TARGET, "--lib", "--tests", "-p", package]
    start = time.monotonic()
    built = subprocess.run([*command, "--no-run"], env=environment, cwd=WORKSPACE, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
    middle = time.monotonic()
    ran = built
    if built.returncode == 0:
        ran = subprocess.run([*command, "--", *options], env=environment, cwd=WORKSPACE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    text = ran.stdout.decode(errors="replace")
    passed = sum(int(count) for count in re.findall(r"(\d+) passed", text))
    print(f"{package}: {passed} tests passed, {time.monotonic() - middle:.0f} s after {middle - start:.0f} s of building, "
          f"exit code {ran.returncode}")
    good = ran.returncode == 0 and passed > 0
    if not good:
        print("\n".join("    " + line for line in text.splitlines()[-40:]))
    sys.stdout.flush()
    return passed if good else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--packages", nargs="*", default=PACKAGES)
    own, options = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, options = own[:at], own[at + 1:]
    args = parser.parse_args(own)
    if sys.platform != "linux":
        skip("64-bit ARM is asked for on Linux alone")
    settings, how = ({}, "this machine") if platform.machine() == "aarch64" else emulated()
    print(how)
    passed = [run(package, options, settings) for package in args.packages]
    if None in passed:
        sys.exit(1)
    print(f"{sum(passed)} tests passed")


if __name__ == "__main__":
    main()
