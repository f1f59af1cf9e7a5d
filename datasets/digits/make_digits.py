#!/usr/bin/env python3
"""Make the embedded corpus of spoken digits: twenty classes, "zero".."nine" in English and German.

Nobody was recorded: every clip is synthesised by espeak-ng, then altered (vocal tract length, spectral tilt, one
resonance, early reflections, loudness, coloured noise) and stored at 8 kHz, mono. Training, validation and test share
no voice. Needs Python 3.9 or newer, `espeak-ng` and `flac`; nothing else.

    python3 make_digits.py            write {train,validation,test}.{flac,csv} beside this file
    python3 make_digits.py --check    make them again in a temporary folder and compare

Each clip has its own random generator, seeded from its split and number, so the result does not depend on the number
of processes.
"""

import argparse
import array
import csv
import io
import math
import multiprocessing
import operator
import pathlib
import random
import subprocess
import sys
import tempfile

RATE = 8000
SOURCE_RATE = 22050  # what espeak-ng writes
FLAC_BLOCK = 1024  # short blocks, so that the word length can change from clip to clip

WORDS = {
    "en": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    "de": ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"],
}
ACCENTS = {
    "en": ["en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029",
           "en-us-nyc"],
    "de": ["de"],
}

# A family is a voice with its relatives: variants of one name, or of one table of formants. Families never cross a
# split. Left out: the robots (robosoft*, UniRobot, anikaRobot), Demonic, kaukovalta (its first formant lies at 40 % of
# a man's, and its vowels cannot be told apart), and fast, which is a speed and not a voice.
FAMILIES = {
    "train": [
        ["Alex"], ["Alicia"], ["Annie"], ["Denis"], ["michel", "miguel", "Hugo", "Henrique", "Diogo", "anika"],
        ["Gene", "Gene2"], ["Jacky"], ["Marco"], ["Michael"], ["Mr serious"], ["Nguyen", "m7", "m8"],
        ["max", "RicishayMax", "RicishayMax2", "RicishayMax3"], ["Storm"], ["Tweaky"], ["announcer"], ["croak"],
        ["adam", "benjamin"], ["boris"], ["f1"], ["f3"], ["grandpa"], ["gustave"], ["john"],
        ["klatt", "klatt2", "klatt3", "klatt4", "klatt5", "klatt6"], ["m1"], ["m2"], ["m4"], ["norbert"], ["pablo"],
        ["paul"], ["quincy", "rob", "robert"], ["sandro"], ["shelby"], ["steph", "steph2", "steph3"], ["travis"],
        ["whisper", "whisperf"], ["zac"],
    ],
    "validation": [["f4"], ["m5"], ["pedro"], ["marcelo"], ["Andrea"], ["david"], ["Lee"]],
    "test": [
        ["linda", "belinda", "aunty"], ["Mike"], ["f2"], ["f5"], ["iven", "iven2", "iven3", "iven4"], ["m3"], ["m6"],
        ["Andy", "AnxiousAndy"], ["antonio"], ["ed", "edward", "edward2"], ["grandma"], ["Mario"],
        ["caleb"], ["victor"],
    ],
}
PER_CLASS = {"train": 150, "validation": 25, "test": 50}


def synthesise(accent, voice, word, pitch, speed, spread):
    """One word from espeak-ng as floats in [-1, 1] at SOURCE_RATE; `spread` scales the pitch range, in percent."""
    text = f'<speak><prosody range="{spread}%">{word}</prosody></speak>'
    wav = subprocess.run(
        ["espeak-ng", "-m", "-v", f"{accent}+{voice}", "-p", str(pitch), "-s", str(speed), "--stdout", text],
        check=True, stdout=subprocess.PIPE).stdout
    samples = array.array("h")
    samples.frombytes(wav[44:44 + (len(wav) - 44) // 2 * 2])  # the header of a stream carries no true length
    if sys.byteorder == "big":
        samples.byteswap()
    return [s / 32768.0 for s in samples]


def trim(x, rate, floor_db=-38.0):
    """Cut the silence before and after: frames of 5 ms more than `-floor_db` below the loudest frame."""
    step = rate // 200
    energy = [sum(v * v for v in x[i:i + step]) for i in range(0, len(x) - step + 1, step)]
    if not energy or max(energy) <= 0.0:
        return []
    least = max(energy) * 10.0 ** (floor_db / 10.0)
    loud = [i for i, e in enumerate(energy) if e > least]
    return x[loud[0] * step:(loud[-1] + 1) * step]


def resample(x, factor):
    """Play `x` (SOURCE_RATE) `factor` times as fast and sample it at RATE; windowed sinc, 64 phases."""
    half, phases = 20, 64
    cutoff = 0.92 * RATE / (SOURCE_RATE / factor) if RATE < SOURCE_RATE / factor else 0.92
    table = []
    for p in range(phases):
        taps = []
        for k in range(-half + 1, half + 1):
            d = k - p / phases
            sinc = cutoff if d == 0.0 else math.sin(math.pi * cutoff * d) / (math.pi * d)
            taps.append(sinc * (0.54 + 0.46 * math.cos(math.pi * d / (half + 1))))
        scale = 1.0 / sum(taps)
        table.append([t * scale for t in taps])
    padded = [0.0] * half + x + [0.0] * (half + 1)
    step = factor * SOURCE_RATE / RATE
    out = []
    for n in range(int(len(x) / step)):
        position = n * step
        whole = int(position)
        taps = table[int((position - whole) * phases)]
        out.append(sum(map(operator.mul, padded[whole + 1:whole + 1 + 2 * half], taps)))
    return out


def tilt(x, c):
    """First-order tilt y[n] = x[n] + c x[n-1]: c > 0 darkens, c < 0 brightens."""
    return [a + c * b for a, b in zip(x, [0.0] + x)]


def resonance(x, centre_hz, gain_db, q):
    """Peaking second-order section (Bristow-Johnson's audio equaliser formulae)."""
    a = 10.0 ** (gain_db / 40.0)
    w = 2.0 * math.pi * centre_hz / RATE
    alpha = math.sin(w) / (2.0 * q)
    norm = 1.0 + alpha / a
    b0, b1, b2 = (1.0 + alpha * a) / norm, -2.0 * math.cos(w) / norm, (1.0 - alpha * a) / norm
    a2 = (1.0 - alpha / a) / norm
    x1 = x2 = y1 = y2 = 0.0
    out = []
    for v in x:
        y = b0 * v + b1 * (x1 - y1) + b2 * x2 - a2 * y2
        x2, x1, y2, y1 = x1, v, y1, y
        out.append(y)
    return out


def reflect(x, rng, wet):
    """A few early reflections, 3 to 45 ms late, their strength falling with the delay."""
    out = x + [0.0] * (RATE * 45 // 1000)
    for _ in range(6):
        late = rng.uniform(0.003, 0.045)
        gain = wet * rng.uniform(-1.0, 1.0) * math.exp(-late / 0.02)
        start = int(late * RATE)
        out[start:start + len(x)] = [o + gain * v for o, v in zip(out[start:start + len(x)], x)]
    return out


def noise(n, colour, rng):
    """Gaussian noise of unit power through one pole at `colour`: 0 is white, towards 1 is darker."""
    gain = math.sqrt(1.0 - colour * colour)
    y = rng.gauss(0.0, 1.0)
    out = []
    for _ in range(n):
        y = colour * y + gain * rng.gauss(0.0, 1.0)
        out.append(y)
    return out


def rms(x):
    """Root mean square."""
    return math.sqrt(sum(v * v for v in x) / len(x))


def make_clip(job):
    """All of one clip: returns its 16-bit samples and its row of the index."""
    split, number, label, voice = job
    language, digit = ("en", label) if label < 10 else ("de", label - 10)
    for attempt in range(20):
        rng = random.Random(f"colearn-digits {split} {number} {attempt}")
        accent = rng.choice(ACCENTS[language])
        pitch, speed, spread = rng.randint(10, 95), rng.randint(110, 260), rng.randint(30, 170)
        x = trim(synthesise(accent, voice, WORDS[language][digit], pitch, speed, spread), SOURCE_RATE)
        if not x:
            continue
        x = resample(x, rng.uniform(0.88, 1.14))
        x = tilt(x, rng.uniform(-0.45, 0.6))
        x = resonance(x, math.exp(rng.uniform(math.log(250.0), math.log(3200.0))), rng.uniform(-9.0, 9.0),
                      rng.uniform(0.7, 2.0))
        x = trim(reflect(x, rng, rng.uniform(0.0, 0.8)), RATE)
        if 0.12 <= len(x) / RATE <= 1.1:
            break
    else:
        raise RuntimeError(f"{split} {number}: {voice} gives no clip of plausible length for {language}-{digit}")
    speech = rms(x)
    lead, tail = rng.randint(0, RATE * 80 // 1000), rng.randint(0, RATE * 40 // 1000)
    x = [0.0] * lead + x + [0.0] * tail
    snr_db, level_db = rng.uniform(8.0, 28.0), rng.uniform(-34.0, -20.0)
    level = 32768.0 * 10.0 ** (level_db / 20.0)
    strength = level * 10.0 ** (-snr_db / 20.0)
    scale = level / speech
    hiss = noise(len(x), rng.uniform(0.0, 0.9), rng)
    # The step is a power of two near the noise's own deviation: what FLAC calls wasted bits costs nothing, and the
    # error of rounding stays below the noise (step^2 / 12 against step^2 / 2 or more).
    step = 2 ** max(0, round(math.log2(strength * STEP_TO_NOISE)))
    top = 32767 // step
    samples = [max(-top, min(top, round((scale * v + strength * h) / step))) * step for v, h in zip(x, hiss)]
    row = [len(samples), label, language, digit, voice, accent, pitch, speed]
    return samples, row


STEP_TO_NOISE = 1.0


def jobs(split):
    """Every clip of a split: classes in turn, families dealt evenly to each class, then a member of the family."""
    families = FAMILIES[split]
    deal = []
    for label in range(20):
        rng = random.Random(f"colearn-digits {split} voices {label}")
        hand = []
        while len(hand) < PER_CLASS[split]:
            deck = list(families)
            rng.shuffle(deck)
            hand.extend(rng.choice(family) for family in deck)
        deal.append(hand[:PER_CLASS[split]])
    return [(split, i * 20 + label, label, deal[label][i]) for i in range(PER_CLASS[split]) for label in range(20)]


def make_split(split, folder, pool):
    """Write one split's FLAC stream and index."""
    samples, start = array.array("h"), 0
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["start", "samples", "class", "language", "digit", "voice", "accent", "pitch", "speed"])
    for clip, row in pool.imap(make_clip, jobs(split), chunksize=16):
        samples.extend(clip)
        writer.writerow([start, row[0], f"{row[2]}-{row[3]}", *row[2:]])
        start += len(clip)
    if sys.byteorder == "big":
        samples.byteswap()
    flac = folder / f"{split}.flac"
    subprocess.run(
        ["flac", "--silent", "--force", "--best", "--exhaustive-model-search", "--qlp-coeff-precision-search",
         f"--blocksize={FLAC_BLOCK}", "--max-lpc-order=12", "--no-padding", "--no-seektable", "--force-raw-format",
         "--endian=little", "--sign=signed", "--channels=1", "--bps=16", f"--sample-rate={RATE}", "-o", str(flac),
         "-"], input=samples.tobytes(), check=True)
    (folder / f"{split}.csv").write_text(table.getvalue(), encoding="utf-8")
    bits = 8.0 * flac.stat().st_size / start
    print(f"{split}: {len(jobs(split))} clips, {start / RATE:.0f} s, {flac.stat().st_size} bytes, "
          f"{bits:.2f} bits per sample", flush=True)


def make_all(folder):
    """Write the three splits."""
    with multiprocessing.Pool(2) as pool:
        for split in ("train", "validation", "test"):
            make_split(split, folder, pool)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description="Make the embedded corpus of spoken digits.")
    parser.add_argument("--check", action="store_true", help="make the files again elsewhere and compare")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent,
                        help="folder to write to (default: beside this file)")
    options = parser.parse_args()
    if not options.check:
        make_all(options.out)
        return
    with tempfile.TemporaryDirectory() as other:
        other = pathlib.Path(other)
        make_all(other)
        names = [f"{split}.{kind}" for split in FAMILIES for kind in ("flac", "csv")]
        changed = [name for name in names if (other / name).read_bytes() != (options.out / name).read_bytes()]
    if changed:
        sys.exit("these files came out different: " + ", ".join(changed))
    print("all six files are the same, byte for byte")


if __name__ == "__main__":
    main()
