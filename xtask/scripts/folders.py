"""Does to folders what no unit test can, and looks whether anything is lost, mixed or half written.

    cargo build --release -p xtask
    python3 xtask/scripts/folders.py PLACE WHAT [--times 20] [--seed 0] [--program target/release/xtask]

PLACE is a folder for everything that is made, made if it is not there and not otherwise in use. WHAT is one of

- moved: a training's folder is moved away, replaced by an empty one or by another run, or removed, at a random moment.
  The training must end with exit code 2 and say so, what took its folder's name must be as if it had never been there,
  and the moved run must go on to the bits of an undisturbed one.
- reproduce: `reproduce --jobs 2` is killed (SIGKILL) at random moments until it is finished. Its tables must be those of
  an undisturbed one, byte by byte.
- report, encode: `report` and `data encode` are killed at random moments. Every name must hold nothing or what an
  undisturbed command leaves there, and afterwards the command must do its work.
- full: a training on a file system of memory that becomes full (Linux, and needs the right to mount one; otherwise it
  says so and ends well). It must end with the system's reason, and go on to the same bits when there is room.

The exit code is 0 if everything was as it should be.
"""

import argparse
import json
import math
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import time

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
# Small and quick, but with every kind of state.
DATA = {"data.steps": "25", "data.bands": "10", "data.step_s": "0.02", "data.validation_share": "0.25", "train.batch": "6"}
TRAIN = ["--data", "words", "--root", "words", "--epochs", "30", "--threads", "1", "--no-cache"]
TRAIN += [word for key, value in DATA.items() for word in ("--set", f"{key}={value}")]
TRAIN += ["--set", "network.hidden=[8,8]", "--set", "synapse.max_delay=4"]
COMPARISON = """title = "Killed"
data = "words"
seeds = [0, 1]
[settings]
data = { steps = 25, bands = 10, step_s = 0.02, validation_share = 0.25 }
network.hidden = [8]
synapse.max_delay = 4
train = { batch = 6, epochs = 15 }
[[cell]]
name = "plain"
label = "LIF"
settings = { model = "lif" }
[[cell]]
name = "delays"
label = "LIF with delays"
settings = { model = "d-lif" }
[[pair]]
first = "delays"
second = "plain"
asks = "do delays help?"
"""


def start(args, line):
    return subprocess.Popen(
        [str(args.program), *line], cwd=args.place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    """Exit code and what was said on the standard error."""
    _, error = process.communicate()
    return process.returncode, error.strip()


def succeed(args, line):
    """Runs to the end, which must be a good one; returns the seconds."""
    begin = time.monotonic()
    code, error = finish(start(args, line))
    if code != 0:
        raise SystemExit(f"{' '.join(line)} failed: {error}")
    return time.monotonic() - begin


def clear(args, *names):
    for name in names:
        shutil.rmtree(args.place / name, ignore_errors=True)


def bits(folder):
    """Best and last network, and the run that made them."""
    summary = json.loads((folder / "summary.json").read_text())
    return (summary["best_sha256"], summary["last_sha256"]), summary["run"]


def tree(folder):
    """Every file below a folder but the locks and records, with its bytes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.name not in (".lock", ".written")}


def training(out, seed=0, resume=False):
    return ["train", "--out", out, *TRAIN, "--seed", str(seed), *(["--resume"] if resume else [])]


def kill(process, wait):
    """Kills after `wait` seconds; whether it was still at work."""
    try:
        process.wait(timeout=wait)
    except subprocess.TimeoutExpired:
        process.kill()
    code, error = finish(process)
    if code not in (0, -9):
        raise SystemExit(f"a command failed by itself: {error}")
    return code == -9


def moved(args, rng):
    clear(args, "whole", "other")
    seconds = succeed(args, training("whole"))
    succeed(args, training("other", seed=1))
    expected, others = bits(args.place / "whole")[0], bits(args.place / "other")[0]
    met, wrong = {}, []
    for turn in range(args.times):
        clear(args, "run", "away")
        run, away = args.place / "run", args.place / "away"
        process = start(args, training("run"))
        time.sleep(rng.uniform(0.1, 0.9) * seconds)
        what = ["moved", "emptied", "replaced", "removed"][turn % 4]
        if process.poll() is not None or not run.exists():
            finish(process)
            what = "over before"
        elif what == "removed":
            # Files may come while others go.
            while run.exists():
                shutil.rmtree(run, ignore_errors=True)
        else:
            run.rename(away)
        second = start(args, training("run", seed=1)) if what == "replaced" else None
        if what == "emptied":
            run.mkdir()
        met[what] = met.get(what, 0) + 1
        if what == "over before":
            continue
        code, error = finish(process)
        if code != 2 or "no longer the folder that was locked here" not in error:
            wrong.append(f"{turn}, {what}: exit code {code}: {error}")
        if second and (finish(second)[0] != 0 or bits(run)[0] != others):
            wrong.append(f"{turn}, {what}: the second run is not as it should be")
        if what in ("moved", "removed") and run.exists() or what == "emptied" and list(run.iterdir()):
            wrong.append(f"{turn}, {what}: something was written where the folder had been")
        if away.exists():
            goes_on = any((away / name).exists() for name in ("last.ckpt", "previous.ckpt"))
            succeed(args, training("away", resume=goes_on))
            if bits(away)[0] != expected:
                wrong.append(f"{turn}, {what}: the moved run came to other bits")
    return met, wrong


def reproduce(args, rng):
    (args.place / "killed.toml").write_text(COMPARISON)
    command = ["reproduce", "killed.toml", "--root", "words", "--jobs", "2", "--no-cache", "--out"]
    tables = ["table.md", "table.csv", "summary.json"]
    clear(args, "whole")
    seconds = succeed(args, [*command, "whole"])
    read = lambda folder: [(args.place / folder / name).read_bytes() for name in tables]
    expected, kills, runs, wrong = read("whole"), 0, 0, []
    while kills < args.times:
        clear(args, "part")
        runs += 1
        while kills < args.times and kill(start(args, [*command, "part"]), rng.uniform(0.0, 0.5) * seconds):
            kills += 1
        succeed(args, [*command, "part"])
        if read("part") != expected:
            wrong.append(f"comparison {runs}: other tables")
        if left := [str(path) for path in (args.place / "part").glob("*.part")]:
            wrong.append(f"comparison {runs}: left {left}")
    return {"kills": kills, "comparisons": runs}, wrong


def each_whole(args, rng, command, prepare):
    """Kills a command that takes no state along: its names hold nothing or what an undisturbed one leaves there."""
    clear(args, "whole", "part")
    prepare()
    seconds = succeed(args, [*command, "whole"])
    expected, met, wrong = tree(args.place / "whole"), {"killed": 0, "over before": 0}, []
    for turn in range(20 * args.times):
        if met["killed"] >= args.times:
            break
        if turn % 4 == 0:
            clear(args, "part")
        begin = time.monotonic()
        at_work = kill(start(args, [*command, "part"]), rng.uniform(0.0, 1.1) * seconds)
        met["killed" if at_work else "over before"] += 1
        if not at_work:
            # The first one may have met a busier machine, and all kills would come too late.
            seconds = min(seconds, time.monotonic() - begin)
        if (args.place / "part").exists():
            found = tree(args.place / "part")
            half = [name for name in found if not name.endswith(".part") and found[name] != expected.get(name)]
            if half:
                wrong.append(f"{turn}: {half}")
    if met["killed"] < args.times:
        wrong.append(f"only {met['killed']} of {args.times} kills met the command at work")
    succeed(args, [*command, "part"])
    if tree(args.place / "part") != expected:
        wrong.append("at the end other files than those of an undisturbed command")
    return met, wrong


def report(args, rng):
    clear(args, "runs")
    prepare = lambda: [succeed(args, training(f"runs/seed-{seed}", seed=seed)) for seed in (0, 1)]
    return each_whole(args, rng, ["report", "runs", "--title", "Killed", "--out"], prepare)


def encode(args, rng):
    return each_whole(args, rng, ["data", "encode", "--data", "words", "--root", "words", "--out"], lambda: None)


def words(root):
    """Three words by eight speakers, two clips each: tones with a little noise."""
    if root.exists():
        return
    noise = random.Random(1)
    for word, pitch in (("high", 1900.0), ("low", 400.0), ("middle", 900.0)):
        (root / word).mkdir(parents=True, exist_ok=True)
        for clip in range(16):
            wave = (math.sin(math.tau * pitch * (1 + 0.01 * clip) * n / 8000) for n in range(4000))
            samples = [int(20_000 * (0.6 * value + 0.02 * noise.uniform(-1, 1))) for value in wave]
            content = struct.pack(f"<{len(samples)}h", *samples)
            head = b"RIFF" + struct.pack("<I", 36 + len(content)) + b"WAVEfmt "
            head += struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + struct.pack("<I", len(content))
            (root / word / f"speaker{clip // 2}_nohash_{clip % 2}.wav").write_bytes(head + content)


def full(args, rng):
    disk = args.place / "disk"
    disk.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        print("skipped: a file system of memory cannot be mounted here")
        return {}, []
    try:
        clear(args, "whole")
        succeed(args, training("whole"))
        expected = bits(args.place / "whole")[0]
        need = sum(len(content) for content in tree(args.place / "whole").values()) // 1024
        met, wrong = {}, []
        for turn in range(args.times):
            clear(args, "disk/run")
            size = lambda kib: subprocess.run(["mount", "-o", f"remount,size={kib}k", str(disk)], check=True)
            size(rng.randint(16, need))
            code, error = finish(start(args, training("disk/run")))
            met["full" if code else "room enough"] = met.get("full" if code else "room enough", 0) + 1
            if code not in (0, 2) or code == 2 and "No space left" not in error:
                wrong.append(f"{turn}: exit code {code}: {error}")
            size(8 * need)
            run = disk / "run"
            if code != 0:
                goes_on = any((run / name).exists() for name in ("last.ckpt", "previous.ckpt"))
                succeed(args, training("disk/run", resume=goes_on))
            if bits(run)[0] != expected or list(run.glob("*.part")):
                wrong.append(f"{turn}: other bits, or parts of files, after there was room")
        return met, wrong
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", type=pathlib.Path)
    tasks = {task.__name__: task for task in (moved, reproduce, report, encode, full)}
    parser.add_argument("what", choices=tasks)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--program", type=pathlib.Path, default=WORKSPACE / "target/release/xtask")
    args = parser.parse_args()
    args.place, args.program = args.place.resolve(), args.program.resolve()
    args.place.mkdir(parents=True, exist_ok=True)
    words(args.place / "words")
    met, wrong = tasks[args.what](args, random.Random(args.seed))
    counts = ", ".join(f"{count} {what}" for what, count in sorted(met.items()))
    print(f"{args.what}: {counts}; {len(wrong)} not as they should be")
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
