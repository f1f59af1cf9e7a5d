"""Trains for a long time and watches memory, open files and threads: at the end they must be what they were after the
first minute and the first three epochs.

    cargo build --release -p xtask
    python3 xtask/scripts/soak.py RUN [--minutes 60] [--program target/release/xtask] [-- TRAIN-OPTIONS]

RUN is the folder of the run; it must not be there. The memory (`RssAnon` of /proc, so on Linux: without pages of the
program's file, which the system drops and reads again as it likes), the open file descriptors and the threads are read
every five seconds. The training is stopped by SIGINT when the time is over and must then end by itself with its checkpoint
written. Printed are their values at first, at the end, the least and largest between, and the epochs done; the table is
left as `memory.csv` in RUN. A descriptor more may be open for the moment in which a checkpoint is written, so of
descriptors and threads the least values of the first and the last quarter of the time are compared. The exit code is 0 if
the memory at the end is within 2 % of the first, and these are equal.
"""

import argparse
import csv
import pathlib
import signal
import subprocess
import sys
import time

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
# Embedded digits as `cargo xtask train` takes them, with more epochs than can be done.
OPTIONS = ["--epochs", "100000"]
INTERVAL_S = 5.0
FIRST_S = 60.0
# Buffers are kept from one batch and one epoch to the next; a busy machine has none done after a minute.
FIRST_EPOCHS = 3
BOUND = 0.02


def state(pid):
    """KiB of memory, open file descriptors and threads."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("RssAnon", "Threads"):
            found[name] = int(value.split()[0])
    if "RssAnon" not in found:
        raise SystemExit("the training has no memory: it has ended")
    return found["RssAnon"], len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())), found["Threads"]


def epochs_of(folder):
    """Epochs done; 0 before the first one."""
    metrics = folder / "metrics.csv"
    return len(metrics.read_text().splitlines()) - 1 if metrics.exists() else 0


def watch(run, folder, seconds):
    """Seconds since the start, KiB, descriptors and threads, the first when memory is what training needs."""
    start = time.monotonic()
    samples = []
    while time.monotonic() - start < seconds:
        time.sleep(INTERVAL_S)
        if run.poll() is not None:
            raise SystemExit(f"the training ended by itself with exit code {run.returncode}")
        now = time.monotonic() - start
        if now >= FIRST_S and (samples or epochs_of(folder) >= FIRST_EPOCHS):
            samples.append((now, *state(run.pid)))
    if len(samples) < 8:
        raise SystemExit(f"only {len(samples)} samples: this machine needs a longer time, or a smaller network")
    return samples


def grows(values):
    """The least value of the first quarter of the time, and of the last."""
    quarter = max(1, len(values) // 4)
    return min(values[:quarter]), min(values[-quarter:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--program", type=pathlib.Path, default=WORKSPACE / "target/release/xtask")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    args, options = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    if args.minutes * 60 <= FIRST_S + 2 * INTERVAL_S:
        raise SystemExit("the time must be well above the first minute")
    if args.run.exists():
        raise SystemExit(f"{args.run} is there already")
    command = [str(args.program), "train", "--out", str(args.run), *OPTIONS, *options]
    # A shell lets what it starts in the background ignore SIGINT, and so would the training.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        samples = watch(run, args.run, args.minutes * 60)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate()
    finally:
        if run.poll() is None:
            run.kill()
    if run.returncode != 130:
        raise SystemExit(f"stopped by SIGINT the training ended with {run.returncode}: {errors.strip()}")
    with (args.run / "memory.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["seconds", "memory_kib", "descriptors", "threads"])
        writer.writerows((f"{seconds:.0f}", *rest) for seconds, *rest in samples)
    seconds, values, descriptors, threads = zip(*samples)
    change = values[-1] / values[0] - 1.0
    print(
        f"{args.minutes:g} minutes, {epochs_of(args.run)} epochs: {values[0] / 1024:.1f} MiB after {seconds[0]:.0f} s, "
        f"{values[-1] / 1024:.1f} MiB at the end ({100 * change:+.2f} %), "
        f"between {min(values) / 1024:.1f} and {max(values) / 1024:.1f} MiB"
    )
    flat = abs(change) <= BOUND
    for what, counts in [("descriptors", descriptors), ("threads", threads)]:
        first, last = grows(counts)
        print(f"{what}: {first} at the beginning, {last} at the end, between {min(counts)} and {max(counts)}")
        flat = flat and first == last
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
