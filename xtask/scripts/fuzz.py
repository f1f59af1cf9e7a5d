"""Coverage-guided fuzzing of every reader of outside data, with the address sanitizer: `fuzz/` under libFuzzer.

    rustup toolchain install nightly --profile minimal && cargo install cargo-fuzz
    python3 xtask/scripts/fuzz.py [--runs 100000] [--seconds 600] [--only READER ...] [--corpus FOLDER]

Needs cargo-fuzz, a C++ compiler and a nightly Rust; where something is missing it says what, and ends with 0. The
readers run one after the other, each until RUNS inputs or SECONDS are over, from the good inputs of crates/fuzz and
whatever an earlier run has left in the corpus. A panic, a fault of memory, a hang of 60 s, more than 4 GB, or a refusal
without a reason is a finding: it is kept in the corpus' folder, and the exit code is 1. A line of each reader has how
many inputs were tried, how many edges of the program's graph the good inputs reached and how many all of them did, and
how many inputs were accepted.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
FUZZ = WORKSPACE / "fuzz"
BUILT = WORKSPACE / "target/fuzz"
TARGET = "x86_64-unknown-linux-gnu"
# Bytes of the longest input, unless good ones need more: longer ones are made of shorter ones, and slower.
LONGEST = 1 << 14


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(0)


def require_tools():
    if sys.platform != "linux":
        skip("the address sanitizer is asked for on Linux alone")
    for program, why in [("cargo-fuzz", "`cargo install cargo-fuzz` brings it"), ("c++", "libFuzzer is C++")]:
        if shutil.which(program) is None:
            skip(f"no {program}: {why}")
    nightly = ["cargo", "+nightly", "--version"]
    if shutil.which("rustup") is None or subprocess.run(nightly, capture_output=True).returncode != 0:
        skip("no nightly Rust: `rustup toolchain install nightly` brings it")


def build():
    require_tools()
    command = ["cargo", "+nightly", "fuzz", "build", "--fuzz-dir", str(FUZZ), "--target-dir", str(BUILT), "reader"]
    if subprocess.run(command, cwd=WORKSPACE).returncode != 0:
        sys.exit("the readers do not build")
    return BUILT / TARGET / "release/reader"


def names(program):
    listed = subprocess.run([program], capture_output=True, text=True, env=os.environ | {"COLEARN_READER": ""})
    return [line.split()[1] for line in listed.stdout.splitlines() if line.startswith("reader ")]


def last(pattern, text):
    """The last number that follows `pattern`, or 0."""
    found = re.findall(pattern + r"(\d+)", text)
    return int(found[-1]) if found else 0


def fuzz(program, name, args):
    """One reader, whose line is printed; returns whether there was no finding."""
    corpus, found = args.corpus / name, args.corpus / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        counts = pathlib.Path(scratch) / "counts"
        environment = os.environ | {
            "COLEARN_READER": name, "COLEARN_SEEDS": str(corpus), "COLEARN_COUNTS": str(counts), "TMPDIR": scratch,
            # What a reader keeps for the next input is no fault of memory, and to look for it takes most of the time.
            "ASAN_OPTIONS": "detect_leaks=0",
        }
        command = [program, corpus, "-timeout=60", "-rss_limit_mb=4096", "-detect_leaks=0", "-seed=1",
                   f"-artifact_prefix={found}/{name}-", "-print_final_stats=1"]

        def run(*options):
            options = [*command, *options]
            ran = subprocess.run(options, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return ran.returncode, ran.stdout.decode(errors="replace")

        start = time.monotonic()
        # What is there already, without a change.
        code, text = run("-runs=0")
        edges = last("cov: ", text)
        if code == 0:
            length = max(LONGEST, *(2 * path.stat().st_size for path in corpus.iterdir()))
            code, text = run(f"-runs={args.runs}", f"-max_total_time={args.seconds}", f"-max_len={length}")
        seconds = time.monotonic() - start
        accepted, refused = map(int, counts.read_text().split()) if counts.exists() else (0, 0)
    good = code == 0
    print(f"{name:14} {last('number_of_executed_units: ', text):>8} inputs  {edges:>6} edges at first, "
          f"{last('cov: ', text):>6} at the end  {accepted:>7} accepted {refused:>7} refused  {seconds:6.0f} s"
          f"{'' if good else '  FINDING'}")
    if not good:
        (found / f"{name}.log").write_text(text)
        print("\n".join("    " + line for line in text.splitlines()[-25:]))
    sys.stdout.flush()
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--only", nargs="*", metavar="READER")
    parser.add_argument("--corpus", type=pathlib.Path, default=BUILT / "corpus")
    parser.add_argument("--scratch", default="/dev/shm" if os.path.isdir("/dev/shm") else None,
                        help="where readers write: memory is faster than a disk")
    parser.add_argument("--program", type=pathlib.Path, help="readers that are built already")
    args = parser.parse_args()
    program = args.program or build()
    chosen = [name for name in names(program) if not args.only or name in args.only]
    if not chosen:
        sys.exit("no such reader")
    good = sum([fuzz(program, name, args) for name in chosen])
    print(f"{good} of {len(chosen)} readers without a finding")
    sys.exit(good < len(chosen))


if __name__ == "__main__":
    main()
