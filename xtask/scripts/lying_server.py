"""Lets `data fetch` load from servers on 127.0.0.1 that lie, drip and never end, and says what came of it.

    cargo build -p xtask
    python3 xtask/scripts/lying_server.py [--program target/debug/xtask] [--only CASE ...]

Each case is one server and one fetch into a new folder. Expected are: the exit code, a part of the message, that no file
has its name and no checksum is recorded unless the content is right, that the folder never holds more than twice the
limit, and an end within the time that patience, rate and attempts allow. Silences and rates are scaled: a second of
patience, 1,000 bytes a second. The exit code is 0 if every case ends as expected.
"""

import argparse
import gzip
import hashlib
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
CONTENT = gzip.compress(bytes(i * i % 251 for i in range(200_000)), mtime=0)
LIMIT = 1_000_000
PATIENCE = 1
PORTAL = b"<!DOCTYPE html><html><title>Log in</title></html>"
OK = b"HTTP/1.1 200 OK\r\n"
ZEROS = bytes(1 << 16)
TAG = b'ETag: "one"\r\n'

MANIFEST = """
[[set]]
name = "few"
title = "A few"
licence = "CC0"
authors = "A. Nobody"
paper = "Few"
year = 2026
venue = "nowhere"
home = "http://127.0.0.1/"
version = "1"
classes = 2
samples = 7
folder = "."

[[set.file]]
name = "few.bin.gz"
urls = ["{url}"]
{facts}
"""


def answer(body, head=b"", length=None):
    length = len(body) if length is None else length
    return OK + head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % length + body


def right(request, _):
    """What an honest server sends, ranges included."""
    for line in request.split(b"\r\n"):
        if line.lower().startswith(b"range: bytes="):
            start = int(line.split(b"=")[1].rstrip(b"-"))
            head = b"HTTP/1.1 206 x\r\n" + TAG + b"Content-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n"
            yield head % (start, len(CONTENT) - 1, len(CONTENT), len(CONTENT) - start) + CONTENT[start:]
            return
    yield answer(CONTENT, TAG)


def fixed(*answers):
    """The answers in their order, the last one again and again."""
    return lambda _, number: iter([answers[min(number, len(answers) - 1)]])


def endless(head):
    def send(_, __):
        yield head
        while True:
            yield ZEROS
    return send


def dripping(head, pause, pieces=b"\x1f"):
    def send(_, __):
        yield head
        while True:
            time.sleep(pause)
            yield pieces
    return send


def cut_then(second):
    """Half of the file, then the line is cut; `second` answers from then on."""
    def send(request, number):
        if number == 0:
            yield answer(CONTENT[: len(CONTENT) // 2], TAG, len(CONTENT))
        else:
            yield from second(request, number)
    return send


def chunks_without_end(_, __):
    yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + ZEROS + b"\r\n"


def one_byte_a_line(_, number):
    """Cuts the line after each byte, and takes its time before."""
    time.sleep(0.7)
    yield answer(CONTENT[:1], b"", len(CONTENT))


def changed(request, number):
    """Another version, whose range does not say so."""
    if b"range:" in request.lower():
        half = len(CONTENT) // 2
        yield (b"HTTP/1.1 206 x\r\nContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n"
               % (half, len(CONTENT) - 1, len(CONTENT), len(CONTENT) - half) + bytes(len(CONTENT) - half))
    else:
        yield answer(CONTENT, TAG)


def moved(target):
    return fixed(b"HTTP/1.1 302 x\r\nLocation: " + target + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


SHA = f'sha256 = "{hashlib.sha256(CONTENT).hexdigest()}"'
SIZE = f"size = {len(CONTENT)}"
# Name, server, facts of the manifest, whether the file comes, a part of the output.
CASES = [
    ("honest", right, "", True, "is recorded in SHA256SUMS"),
    ("wrong length", fixed(answer(CONTENT, b"", len(CONTENT) + 9)), "", False, "broke off after"),
    ("length above the size stated", fixed(answer(CONTENT, b"", 10**12)), SIZE, False, "expected"),
    ("length above the limit", fixed(answer(b"", b"", 10**12)), "", False,
     "found 1000000000000 bytes; expected at most"),
    ("length of 30 digits", fixed(OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + CONTENT), "", False, ""),
    ("truncated, then right", cut_then(right), "", True, "trying again"),
    ("truncated gzip of a stated checksum", fixed(answer(CONTENT[:-5])), SHA, False, "found SHA-256"),
    ("no length", fixed(OK + b"\r\n" + CONTENT), "", False, "found an answer without a length"),
    ("no length, checksum stated", fixed(OK + b"\r\n" + CONTENT), SHA, True, "the SHA-256 is right"),
    ("empty", fixed(answer(b"")), "", False, "found nothing; expected a gzip file"),
    ("captive portal", fixed(answer(PORTAL)), "", False, "found a web page; expected a gzip file"),
    ("captive portal, checksum stated", fixed(answer(PORTAL)), SHA, False, "found a web page"),
    ("captive portal as gzip", fixed(answer(gzip.compress(PORTAL), b"Content-Encoding: gzip\r\n")), "", False,
     "found Content-Encoding gzip"),
    ("captive portal by redirection", moved(b"http://127.0.0.1:9/log-in"), "", False, "127.0.0.1:9"),
    ("endless, no length", endless(OK + b"\r\n"), SIZE, False, f"expected {len(CONTENT)}"),
    ("endless, checksum stated", endless(OK + b"\r\n"), SHA, False, "found more than 1000000 bytes"),
    ("endless chunks", chunks_without_end, "", False, "found more than 1000000 bytes"),
    ("endless header", endless(OK + b"X: "), "", False, ""),
    ("endless header of short lines", dripping(OK, 0.0, b"A: b\r\n" * 4096), "", False, ""),
    ("header a byte at a time", dripping(OK, 0.2, b"A"), "", False, ""),
    ("a byte at a time", dripping(OK + b"Content-Length: 900000\r\n\r\n", 0.2), "", False,
     "bytes a second over 1 s"),
    ("a chunk of one byte at a time", dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", 0.2, b"1\r\nx\r\n"), "",
     False, "bytes a second over 1 s"),
    ("a byte a connection", one_byte_a_line, "", False, "bytes a second over 1 s"),
    ("silence", dripping(b"", 3600), "", False, ""),
    ("redirections in a circle", moved(b"/few.bin.gz"), "", False, "expected at most 10 redirections"),
    ("redirection to a file", moved(b"file:///etc/passwd"), "", False, "redirected to file:///etc/passwd"),
    ("redirection of 60,000 characters", moved(b"ftp://" + b"a" * 60_000), "", False, "redirected to ftp://aaa"),
    ("changed between ranges", cut_then(changed), "", True, "starting over"),
    ("a range that was not asked for",
     fixed(b"HTTP/1.1 206 x\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\n12345"), "", False,
     "found status 206"),
    ("nonsense", fixed(b"\x00\xff nonsense\r\n\r\n"), "", False, ""),
]


class Server:
    def __init__(self, script):
        self.script, self.number, self.open = script, 0, True
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/few.bin.gz"

    def accept(self):
        while self.open:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection, self.number), daemon=True).start()
            self.number += 1

    def serve(self, connection, number):
        try:
            request = b""
            while b"\r\n\r\n" not in request:
                got = connection.recv(65536)
                if not got:
                    return
                request += got
            for piece in self.script(request, number):
                if not self.open:
                    return
                connection.sendall(piece)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        self.open = False
        self.socket.close()


def watch(folder, process, most):
    """Waits for the end; returns the most bytes that the folder held, and whether it ended in time."""
    start, largest = time.monotonic(), 0
    while process.poll() is None:
        if time.monotonic() - start > most:
            process.kill()
            process.wait()
            return largest, False
        sizes = []
        for path in folder.rglob("*"):
            try:
                sizes.append(path.lstat().st_size)
            except FileNotFoundError:
                pass
        largest = max(largest, sum(sizes))
        time.sleep(0.01)
    return largest, True


def run(program, case, longest):
    name, script, facts, comes, message = case
    server = Server(script)
    faults = []
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "m.toml").write_text(MANIFEST.format(url=server.url(), facts=facts))
        command = [str(program), "data", "fetch", "few", "--manifest", "m.toml", "--patience", str(PATIENCE),
                   "--least-rate", "1000", "--largest", str(LIMIT)]
        start = time.monotonic()
        with open(place / "output", "w") as output:
            process = subprocess.Popen(command, cwd=place, stdout=output, stderr=subprocess.STDOUT)
            largest, ended = watch(place / "data", process, longest)
        seconds = time.monotonic() - start
        output = (place / "output").read_text()
        target = place / "data" / "few" / "few.bin.gz"
        sums = place / "data" / "few" / "SHA256SUMS"
        recorded = sums.exists() and "few.bin.gz" in sums.read_text()
        there = target.exists()
        if not ended:
            faults.append(f"no end after {longest} s")
        if (process.returncode == 0) != comes:
            faults.append(f"exit code {process.returncode}")
        if message not in output:
            faults.append(f"no {message!r}")
        if there != comes or recorded != comes:
            faults.append(f"file there: {there}, recorded: {recorded}")
        if there and target.read_bytes() != CONTENT:
            faults.append("another content")
        if largest > 2 * LIMIT:
            faults.append(f"{largest} bytes in the folder")
        if max(map(len, output.splitlines()), default=0) > 2000:
            faults.append("a line of more than 2,000 characters")
        last = output.strip().splitlines()[-1][:150] if output.strip() else "nothing"
    server.close()
    print(f"{'ok ' if not faults else 'BAD'} {seconds:5.1f} s {largest:>8} bytes  {name}: {last}")
    for fault in faults:
        print(f"      {fault}")
    sys.stdout.flush()
    return not faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--program", type=pathlib.Path, default=WORKSPACE / "target/debug/xtask")
    parser.add_argument("--only", nargs="*", metavar="CASE")
    parser.add_argument("--longest", type=float, default=120, help="seconds that a case may take")
    args = parser.parse_args()
    args.program = args.program.resolve()
    chosen = [case for case in CASES if not args.only or case[0] in args.only]
    good = sum(run(args.program, case, args.longest) for case in chosen)
    print(f"{good} of {len(chosen)} cases end as expected")
    sys.exit(good < len(chosen))


if __name__ == "__main__":
    main()
