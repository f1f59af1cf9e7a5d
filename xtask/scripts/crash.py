"""Kills trainings at random moments, lets them go on, and compares the parameters' bits with an undisturbed run.

    cargo build --release -p xtask
    python3 xtask/scripts/crash.py RUNS [--kills 30] [--seed 0] [--program target/release/xtask] [-- TRAIN-OPTIONS]

RUNS is a folder for the runs, made if it is not there and not otherwise in use. Kills (SIGKILL) come at a random
moment after the start, or, every other time, while a checkpoint is being written: as soon as its part is seen beside
the final name. When a run is finished with kills left to do, the next one begins. Of every run the SHA-256 of the best
and the last network (from `summary.json`) and `metrics.csv` without its two columns of time must be those of the
undisturbed run, its files must be of one run, as the summary names them, and no part may be left. The exit code is 0 if all
are.
"""

import argparse
import csv
import hashlib
import json
import pathlib
import random
import shutil
import subprocess
import sys
import time

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
# Embedded digits, small and quick, but with every kind of state: learned delays, dropout, shifted samples.
OPTIONS = ["--epochs", "8", "--set", "network.hidden=[32,32]", "--set", "data.bands=16", "--threads", "1"]
TIMES = {"waited_seconds", "seconds", "samples_per_second"}


def command(args, folder, resume):
    # What the command line names must be what the checkpoint names, so it can be given again.
    return [str(args.program), "train", "--out", str(folder), *args.options, *(["--resume"] if resume else [])]


def run_through(args, folder):
    """Runs until the end; returns how long that took, in seconds."""
    start = time.monotonic()
    run = subprocess.run(command(args, folder, False), capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"the undisturbed run failed: {run.stderr.strip()}")
    return time.monotonic() - start


def fingerprint(folder):
    """What an undisturbed run and a disturbed one must share."""
    summary = json.loads((folder / "summary.json").read_text())
    with open(folder / "metrics.csv", newline="") as file:
        rows = [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]
    return summary["best_sha256"], summary["last_sha256"], rows


def of_one_run(folder):
    """Whether the files are those that the summary names, of the run that it names, and no others are left."""
    summary = json.loads((folder / "summary.json").read_text())
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in summary["files"]}
    named = f"# run {summary['run']}\n" in (folder / "config.toml").read_text()
    return named and sums == summary["files"] and not list(folder.rglob("*.part"))


def checkpoint_part(folder):
    """Whether a checkpoint is being written."""
    try:
        return any(".ckpt." in path.name and path.suffix == ".part" for path in folder.iterdir())
    except FileNotFoundError:
        return False


def disturb(args, folder, wait, in_checkpoint):
    """Starts or resumes the run and kills it; returns what the kill met: 'finished', 'computing' or 'writing'."""
    resume = any((folder / name).exists() for name in ("last.ckpt", "previous.ckpt"))
    process = subprocess.Popen(
        command(args, folder, resume), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + wait
    met = "computing"
    while process.poll() is None:
        if time.monotonic() >= end:
            if not in_checkpoint:
                break
            if checkpoint_part(folder):
                met = "writing"
                break
        elif not in_checkpoint:
            time.sleep(0.002)
    process.kill()
    _, error = process.communicate()
    if process.returncode == 0:
        return "finished"
    if process.returncode != -9:
        raise SystemExit(f"a run failed by itself: {error.strip()}")
    # Whether the part is still there tells if the kill came before the renaming.
    return "writing, part left" if met == "writing" and checkpoint_part(folder) else met


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--program", type=pathlib.Path, default=WORKSPACE / "target/release/xtask")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    args = parser.parse_args(sys.argv[1:end])
    args.options = sys.argv[end + 1 :] or OPTIONS
    args.program = args.program.resolve()
    args.runs.mkdir(parents=True, exist_ok=True)
    rng = random.Random(args.seed)

    whole = args.runs / "undisturbed"
    shutil.rmtree(whole, ignore_errors=True)
    seconds = run_through(args, whole)
    expected = fingerprint(whole)
    print(f"undisturbed: {seconds:.1f} s, best {expected[0][:16]}, last {expected[1][:16]}", flush=True)

    kills, runs, different, met = 0, 0, 0, {}
    while kills < args.kills:
        folder = args.runs / f"disturbed-{runs}"
        shutil.rmtree(folder, ignore_errors=True)
        of_this_run = 0
        while True:
            last = kills >= args.kills
            # Early enough that a run gets several kills, late enough that it comes to its end.
            wait = 10 * seconds + 60 if last else rng.uniform(0.0, 0.6 * seconds)
            found = disturb(args, folder, wait, not last and kills % 2 == 1)
            if found == "finished":
                break
            kills, of_this_run = kills + 1, of_this_run + 1
            met[found] = met.get(found, 0) + 1
        runs += 1
        same = fingerprint(folder) == expected and of_one_run(folder)
        different += not same
        print(f"run {runs}: {of_this_run} kills, {'the same bits' if same else 'DIFFERENT'}", flush=True)
    places = ", ".join(f"{count} {place}" for place, count in sorted(met.items()))
    print(f"{kills} kills ({places}) in {runs} runs: {different} runs differ from the undisturbed one")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
