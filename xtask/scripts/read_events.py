"""Reads the event file of a run with TensorBoard's own reader and compares it with metrics.csv.

    python3 -m venv venv && venv/bin/pip install tensorboard
    venv/bin/python xtask/scripts/read_events.py RUN

RUN is the folder of a run made with --tensorboard. Checksums are checked by the reader. Ends with code 1 at the first
value that differs by more than 32-bit numbers must.
"""

import csv
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = pathlib.Path(sys.argv[1])
files = list(run.glob("events.out.tfevents.*"))
if len(files) != 1:
    sys.exit(f"{run}: found {len(files)} event files; expected one")

with open(run / "metrics.csv", newline="") as file:
    rows = list(csv.DictReader(file))
selecting = next(name for name in rows[0] if name.endswith("_loss") and name != "train_loss")[: -len("_loss")]
columns = {
    "loss/train": "train_loss",
    "accuracy/train": "train_accuracy",
    f"loss/{selecting}": f"{selecting}_loss",
    f"accuracy/{selecting}": f"{selecting}_accuracy",
    "learning_rate": "learning_rate",
    "spread": "spread",
    "gradient_norm": "gradient_norm",
    "samples_per_second": "samples_per_second",
}
columns |= {f"rate/{name[5:]}": name for name in rows[0] if name.startswith("rate_hidden")}

events = EventAccumulator(str(files[0]), size_guidance={"scalars": 0}).Reload()
tags = events.Tags()["scalars"]
print(f"{files[0].name}: {len(tags)} tags: {', '.join(sorted(tags))}")
missing = set(columns) - set(tags)
if missing:
    sys.exit(f"no scalars for {', '.join(sorted(missing))}")
compared = 0
for tag, column in columns.items():
    found = [(event.step, event.value) for event in events.Scalars(tag)]
    expected = [(int(row["epoch"]), float(row[column])) for row in rows]
    if [step for step, _ in found] != [step for step, _ in expected]:
        sys.exit(f"{tag}: found the steps {[step for step, _ in found]}; expected one for each of {len(rows)} epochs")
    for (step, value), (_, number) in zip(found, expected):
        # metrics.csv rounds the samples per second to one decimal.
        slack = 0.06 if column == "samples_per_second" else 0.0
        if not math.isclose(value, number, rel_tol=1e-6, abs_tol=1e-12 + slack):
            sys.exit(f"{tag}, epoch {step}: found {value}; expected {number}")
        compared += 1
print(f"{len(rows)} epochs, {compared} values, all as in metrics.csv")
