"""Gives small awkward inputs to the program and judges what it makes of each.

    cargo build --release -p xtask && cargo build --release -p colearn-data --example decode
    python3 xtask/scripts/judge_cases.py CASES [--built target/release] [--only W09 --only S01 ...]

CASES holds a folder a case; the letter of its name says the kind: W and F are words in wav and FLAC, compared sample by
sample with libsndfile (Python's `soundfile`, if it is installed) or else with the plain case of the letter; what the
others must do is written beside their names below. A case whose name is not known is read, and must only end without an
abort. A line a case, and the exit code is 0 if all pass.
"""

import argparse
import array
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import soundfile
except ImportError:
    soundfile = None

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 300


class Wrong(Exception):
    """What is wrong with a case."""


class Judge:
    def __init__(self, args, scratch):
        self.built, self.cases, self.scratch = args.built, args.cases, scratch

    def run(self, *words):
        """The program's exit code, what it printed, and all that it wrote. It may refuse, it may not abort."""
        command = [str(word) for word in words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, errors="replace",
                              cwd=self.scratch, check=False)
        text = done.stdout + done.stderr
        if done.returncode < 0 or done.returncode in (101, 134) or "panicked" in text:
            raise Wrong(f"aborted with {done.returncode}: {text.strip()[-200:]}")
        return done.returncode, done.stdout, text

    def xtask(self, *words):
        return self.run(self.built / "xtask", *words)

    def stats(self, name, case, *settings):
        """What `data stats` knows of a set."""
        code, printed, text = self.try_stats(name, case, *settings)
        if code != 0:
            raise Wrong(f"refused: {text.strip()}")
        return json.loads(printed)

    def try_stats(self, name, case, *settings):
        words = [word for setting in settings for word in ("--set", setting)]
        return self.xtask("data", "stats", "--json", "--no-cache", "--data", name, "--root", case, *words)

    def samples(self, path):
        out = self.scratch / "samples.f32"
        code, _, text = self.run(self.built / "examples" / "decode", path, out)
        if code != 0:
            raise Wrong(text.strip())
        samples = array.array("f")
        samples.frombytes(out.read_bytes())
        if sys.byteorder == "big":
            samples.byteswap()
        return int(text.split()[0]), samples


def sounds(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".wav", ".flac"))


def by_value(judge, case):
    """Every sample is the one that libsndfile has, or that of the plain case."""
    judge.stats("words", case)
    plain = judge.cases / ("F00_plain" if case.name.startswith("F") else "W00_plain")
    worst, count, plainly = 0.0, 0, 0
    for path in sounds(case):
        rate, samples = judge.samples(path)
        wanted = []
        if soundfile is not None:
            values, known = soundfile.read(path, dtype="float64", always_2d=True)
            wanted, allowed = values.mean(axis=1).tolist(), 1e-7
        # libsndfile 1.2.2 finds nothing in a stream whose data chunk has the size 0.
        if not wanted:
            known, wanted = judge.samples(plain / path.relative_to(case))
            allowed = 2.0**-15
            plainly += 1
        if (rate, len(samples)) != (known, len(wanted)):
            raise Wrong(f"{path.name}: {len(samples)} samples at {rate} Hz, expected {len(wanted)} at {known} Hz")
        difference = max(abs(a - b) for a, b in zip(samples, wanted))
        if difference > allowed:
            raise Wrong(f"{path.name}: samples differ by up to {difference:.3g}, allowed are {allowed:.1g}")
        worst, count = max(worst, difference), count + len(samples)
    oracle = f"; {plainly} of the files by the plain case" if plainly else ""
    return f"{count} samples, largest difference {worst:.1e}{oracle}"


def counts(*wanted):
    """A set of Speech Commands is cut into so many clips."""
    def check(judge, case):
        found = tuple(split["samples"] for split in judge.stats("gsc", case)["splits"])
        if found != wanted:
            raise Wrong(f"splits of {found}, expected {wanted}")
        return f"splits of {found}"
    return check


def noise(judge, case):
    """Background noise of another rate is resampled or refused; a piece of it lasts a second."""
    code, printed, text = judge.try_stats("gsc", case, "data.task=twelve", "data.split=hash", "data.steps=400")
    if code != 0:
        return "refused: " + says(text, "Hz")
    longest = max(split["length_s"]["most"] for split in json.loads(printed)["splits"])
    if longest > 1.1:
        raise Wrong(f"clips of up to {longest:.2f} s")
    return f"clips of up to {longest:.2f} s"


def says(text, *parts):
    """The end of a message that holds all parts."""
    lacking = [part for part in parts if part.lower() not in text.lower()]
    if lacking:
        raise Wrong(f"no word of {', '.join(lacking)} in: {text.strip()[:300]}")
    return text.strip().splitlines()[-1][:150] if text.strip() else ""


def refused(name, *parts):
    """Reading the set ends with a message that holds all parts."""
    def check(judge, case):
        code, _, text = judge.try_stats(name, case)
        if code == 0:
            raise Wrong("read, expected a refusal")
        return "refused: " + says(text, *parts)
    return check


def noted(*parts, folder=None):
    """The set is read and the notes hold all parts. An empty folder cannot be stored, so it is made here."""
    def check(judge, case):
        copy = judge.scratch / case.name
        shutil.copytree(case, copy)
        if folder:
            (copy / folder).mkdir(exist_ok=True)
        return "noted: " + says("\n".join(judge.stats("words", copy)["notes"]), *parts)
    return check


def read(name):
    def check(judge, case):
        found = judge.stats(name, case)["splits"]
        return "read, splits of " + ", ".join(str(split["samples"]) for split in found)
    return check


def on_edges(judge, case):
    """One spike in each step: none on an edge falls into the step before."""
    split = judge.stats("shd", case)["splits"][0]
    if abs(split["mean_count"] - 1) > 1e-9:
        raise Wrong(f"{split['mean_count']:.3f} spikes in a step that holds any, expected 1")
    return "one spike in every step"


def one_encoding(judge, case):
    """A set without test, encoded into the folder of one with test, leaves no file of the other."""
    first = judge.cases / "D01_empty_class_folder"
    out = judge.scratch / f"encoded-{case.name}"
    code, _, text = judge.xtask("data", "encode", "--data", "words", "--root", first, "--out", out)
    if code != 0:
        raise Wrong(f"the first encoding failed: {text.strip()[-200:]}")
    before = {path.name: path.read_bytes() for path in out.glob("*.h5")}
    code, _, text = judge.xtask("data", "encode", "--data", "words", "--root", case, "--out", out)
    after = {path.name: path.read_bytes() for path in out.glob("*.h5")}
    if code != 0:
        if after != before:
            raise Wrong("refused, but files of the first encoding have changed")
        return "refused: " + says(text)
    if "test.h5" in after:
        raise Wrong("test.h5 of the first encoding lies beside the files of the second")
    return "the first encoding is gone as a whole"


def page(judge, case):
    """A run on many classes and few samples has a page of a bearable size."""
    run = judge.scratch / "run"
    settings = ["--set", "network.hidden=[16]", "--set", "data.validation_share=0.3"]
    for words in (["train", "--data", "shd", "--root", case, "--epochs", "1", "--out", run, *settings],
                  ["report", run]):
        code, _, text = judge.xtask(*words)
        if code != 0:
            raise Wrong(f"{words[0]}: {text.strip()[-300:]}")
    files = [path for path in run.rglob("*") if path.suffix in (".svg", ".html")]
    largest = max(files, key=lambda path: path.stat().st_size)
    size = largest.stat().st_size / 1e6
    if size > 4:
        raise Wrong(f"{largest.name} of {size:.1f} MB")
    return f"largest of {len(files)} figures and pages: {largest.name}, {size:.2f} MB"


# By the beginning of the name.
RIGHT = [
    ("W", by_value),
    ("F", by_value),
    ("G00", counts(30, 5, 5)),
    ("G01", counts(30, 5, 5)),
    ("G04", counts(30, 5, 5)),
    ("G20", noise),
    ("L00", read("words")),
    ("S01", refused("fsdd", "found in", "and again in")),
    ("D01", noted('"empty"', folder="empty")),
    ("D15", noted('"_unknown_"', '"_silence_"')),
    ("E01", one_encoding),
    ("H13", refused("shd", "lzf", "gzip")),
    ("H21", on_edges),
    ("H22", refused("shd", "4000000000", "sample")),
    ("T14", page),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("--built", type=pathlib.Path, default=WORKSPACE / "target" / "release")
    parser.add_argument("--only", action="append", help="cases whose names begin like this")
    args = parser.parse_args()
    args.cases, args.built = args.cases.resolve(), args.built.resolve()
    cases = sorted(path for path in args.cases.iterdir() if path.is_dir())
    if args.only:
        cases = [case for case in cases if case.name.startswith(tuple(args.only))]
    if not cases:
        raise SystemExit(f"{args.cases}: no case to judge")
    if soundfile is None:
        print("soundfile is not installed: wav and FLAC are compared with the plain cases")
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        judge = Judge(args, pathlib.Path(scratch))
        for case in cases:
            check = next((check for name, check in RIGHT if case.name.startswith(name)), None)
            try:
                if check is None:
                    code, *_ = judge.try_stats("words", case)
                    print(f"  --  {case.name}: not known; ended with {code}")
                    continue
                print(f"pass  {case.name}: {check(judge, case)}", flush=True)
            except (Wrong, subprocess.TimeoutExpired) as wrong:
                failed.append(case.name)
                print(f"FAIL  {case.name}: {wrong}", flush=True)
    print(f"{len(cases) - len(failed)} of {len(cases)} cases pass" + (f"; not {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
