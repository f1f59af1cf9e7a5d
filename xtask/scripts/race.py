"""Runs a PyTorch or JAX peer and this project alternately on one workload, and prints the ratios.

    python3 xtask/scripts/race.py --peers FOLDER --workload W2 --peer torch_tuned:conv2d [--python FOLDER/env/bin/python]
        [--rounds 3] [--threads 2] [--timed-steps 64] [--env NAME=VALUE ...] [--malloc]

FOLDER holds `worker.py PEER WORKLOAD THREADS`, which prints a line `RESULT {json}` with `train.samples_per_s`,
`infer.samples_per_s`, their `peak_rss_mib` and `hidden_rates`. Our side is `cargo xtask bench --json`, built before the
first round. Each round runs both, so that what else the machine does hits both; `--timed-steps` are ours, some seconds of
them, as a peer times blocks of a second: what lasts less falls into one disturbance or between two. `--malloc` tells the allocator of the
peer to keep its memory, which makes PyTorch faster.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}


def run_peer(args):
    env = {**os.environ, **(MALLOC if args.malloc else {}), **dict(pair.split("=", 1) for pair in args.env)}
    command = [args.python, "worker.py", args.peer, args.workload, str(args.threads)]
    run = subprocess.run(command, cwd=args.peers, env=env, capture_output=True, text=True)
    lines = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise SystemExit(f"{' '.join(command)}: no line RESULT\n{run.stderr[-2000:]}")
    found = json.loads(lines[-1].removeprefix("RESULT "))
    both = [found.get(key) for key in ("train", "infer")]
    if any(part is None or "error" in part for part in both):
        raise SystemExit(f"{' '.join(command)}: {both}")
    train, infer = both
    return {
        "training": train["samples_per_s"],
        "inference": infer["samples_per_s"],
        "peak MiB": train["peak_rss_mib"],
        "rates": found.get("hidden_rates", []),
    }


def run_ours(args):
    command = ["cargo", "xtask", "bench", "--json", "--workload", args.workload, "--threads", str(args.threads)]
    command += ["--timed-steps", str(args.timed_steps)]
    run = subprocess.run(command, cwd=WORKSPACE, capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {run.stderr[-2000:]}")
    found = json.loads(run.stdout.splitlines()[-1])
    return {
        "training": found["training_per_s"],
        "inference": found["inference_per_s"],
        "peak MiB": found["training"]["peak_mib"],
        "rates": found["rates_after"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, required=True)
    parser.add_argument("--workload", required=True)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--malloc", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--timed-steps", type=int, default=64)
    args = parser.parse_args()
    subprocess.run(["cargo", "xtask", "layers"], cwd=WORKSPACE, check=True, capture_output=True)
    rounds = []
    for number in range(args.rounds):
        theirs, ours = run_peer(args), run_ours(args)
        rounds.append((theirs, ours))
        for key in ("training", "inference"):
            print(f"round {number + 1} {key}: peer {theirs[key]:.0f}, ours {ours[key]:.0f} samples/s", flush=True)
    for theirs, ours, name in [(rounds[-1][0], rounds[-1][1], args.workload)]:
        rates = [", ".join(f"{100 * rate:.1f} %" for rate in side["rates"]) for side in (theirs, ours)]
        print(f"{name} against {args.peer}: hidden rates of the peer {rates[0]}; ours {rates[1]}")
    for key in ("training", "inference"):
        ratios = [ours[key] / theirs[key] for theirs, ours in rounds]
        median = statistics.median(side[key] for _, side in rounds) / statistics.median(side[key] for side, _ in rounds)
        print(f"{key}: {median:.2f} times the peer (medians; rounds {min(ratios):.2f} to {max(ratios):.2f})")
    peak = [statistics.median(pair[side]["peak MiB"] for pair in rounds) for side in (0, 1)]
    print(f"peak memory of training: peer {peak[0]:.0f}, ours {peak[1]:.0f} MiB: 1/{peak[0] / peak[1]:.1f}")


if __name__ == "__main__":
    main()
