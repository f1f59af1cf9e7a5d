"""Tests of the crates with kernels under the address and the thread sanitizer.

    rustup toolchain install nightly --profile minimal --component rust-src
    python3 xtask/scripts/sanitize.py [address] [thread] [--packages colearn-simd ...] [-- TEST-OPTIONS]

Needs Linux on x86-64 and a nightly Rust; elsewhere it says so and ends with 0. Built in `target/sanitize`, with the profile
for mutants: nothing that a kernel reads or writes is optimised away, and the build takes a tenth of the time. The thread
sanitizer has to know the standard library's own locks, or it sees races where there are none: the library is built anew
with it, and where its source (rust-src) is missing, the run is skipped with a line.
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
TARGET = "x86_64-unknown-linux-gnu"
PACKAGES = ["colearn-simd", "colearn-tape", "colearn-synapses", "colearn-neurons"]


def nightly(program, *words):
    """What a program of the nightly toolchain prints, or nothing where there is none."""
    if shutil.which("rustup") is None:
        return ""
    ran = subprocess.run([program, "+nightly", *words], capture_output=True, text=True)
    return ran.stdout.strip() if ran.returncode == 0 else ""


def run(sanitizer, args):
    build = []
    if sanitizer == "thread":
        source = pathlib.Path(nightly("rustc", "--print", "sysroot")) / "lib/rustlib/src/rust/library/std"
        if not source.is_dir():
            print("thread: skipped: no source of the standard library (`rustup component add rust-src`)")
            return True
        build = ["-Zbuild-std"]
    environment = os.environ | {
        "RUSTFLAGS": f"-Zsanitizer={sanitizer}",
        "CARGO_TARGET_DIR": str(WORKSPACE / "target/sanitize" / sanitizer),
        # Buffers that the pool keeps to the end are no leak of a kernel.
        "ASAN_OPTIONS": "detect_leaks=0",
    }
    good = True
    for package in args.packages:
        command = ["cargo", "+nightly", "test", *build, "--target", TARGET, "--profile", "mutants", "--lib", "--tests"]
        command += ["-p", package, "--", *args.options]
        start = time.monotonic()
        ran = subprocess.run(command, env=environment, cwd=WORKSPACE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = ran.stdout.decode(errors="replace")
        passed = sum(int(count) for count in re.findall(r"(\d+) passed", text))
        reports = len(re.findall(r"(?:ERROR: AddressSanitizer|WARNING: ThreadSanitizer)", text))
        print(f"{sanitizer}: {package}: {passed} tests passed, {reports} reports, {time.monotonic() - start:.0f} s, "
              f"exit code {ran.returncode}")
        if ran.returncode != 0 or reports or not passed:
            good = False
            print("\n".join("    " + line for line in text.splitlines()[-40:]))
        sys.stdout.flush()
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("sanitizers", nargs="*", default=["address", "thread"], metavar="SANITIZER")
    parser.add_argument("--packages", nargs="*", default=PACKAGES)
    own, options = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, options = own[:at], own[at + 1:]
    args = parser.parse_args(own)
    args.options = options
    if sys.platform != "linux" or platform.machine() != "x86_64":
        print("skipped: sanitizers are asked for on Linux and x86-64 alone")
        return
    if not nightly("cargo", "--version"):
        print("skipped: no nightly Rust: `rustup toolchain install nightly` brings it")
        return
    sys.exit(not all([run(sanitizer, args) for sanitizer in args.sanitizers]))


if __name__ == "__main__":
    main()
