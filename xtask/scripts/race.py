"""Runs a PyTorch or JAX peer and this project alternately on one workload, and prints the ratio.

    python3 xtask/scripts/race.py --peers FOLDER --workload W2 --peer "python3 FOLDER/run_all.py --only 'W2 torch_tuned'"
        [--rounds 3] [--threads 2] [--key train_per_s]

FOLDER must be writable (copy it first). Of the peer's output the last line that is
a JSON object is read, or else the last line of raw.jsonl in FOLDER; --key names the number in it (samples per second of
training). Our side is `cargo xtask bench --json`. Each round runs both, so that what else the machine does hits both.
"""

import argparse
import json
import pathlib
import shlex
import statistics
import subprocess

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]


def last_object(text):
    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return None


def find(found, key):
    """The number called `key`, at any depth."""
    if isinstance(found, dict):
        if key in found:
            return float(found[key])
        for value in found.values():
            inner = find(value, key)
            if inner is not None:
                return inner
    return None


def run_peer(args):
    run = subprocess.run(shlex.split(args.peer), cwd=args.peers, capture_output=True, text=True, check=True)
    found = last_object(run.stdout)
    raw = args.peers / "raw.jsonl"
    if find(found, args.key) is None and raw.exists():
        found = last_object(raw.read_text())
    value = find(found, args.key)
    if value is None:
        raise SystemExit(f"{args.peer}: no number called {args.key} in its output or in {raw}")
    return value


def run_ours(args):
    command = ["cargo", "xtask", "bench", "--json", "--workload", args.workload, "--threads", str(args.threads)]
    run = subprocess.run(command, cwd=WORKSPACE, capture_output=True, text=True, check=True)
    return float(last_object(run.stdout)["training_per_s"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, required=True)
    parser.add_argument("--workload", required=True)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--key", default="train_per_s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    ours, theirs = [], []
    for number in range(args.rounds):
        theirs.append(run_peer(args))
        ours.append(run_ours(args))
        print(f"round {number + 1}: peer {theirs[-1]:.0f}, ours {ours[-1]:.0f} samples/s", flush=True)
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"{args.workload}: {ratio:.1f} times the peer (medians of {args.rounds} rounds)")


if __name__ == "__main__":
    main()
