"""Runs a test program on an emulated processor with AVX-512, for machines that have none: a runner for cargo.

    python3 xtask/scripts/avx512.py --prepare                       # once: the kernel, from Debian
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="python3 $PWD/xtask/scripts/avx512.py" cargo test -p colearn-simd --lib

The emulator is Bochs as a Skylake-X: QEMU knows AVX2 at most. It boots Debian's kernel with a file system in memory that
holds busybox, the program, its shared libraries and `datasets/golden` at their own paths; of the environment the program
gets RUST_BACKTRACE. What it prints comes back over the serial line, and its exit code is the runner's. If
LLVM_PROFILE_FILE is set, as cargo-llvm-cov does, the counts of covered lines come back into the folder that it names:

    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="python3 $PWD/xtask/scripts/avx512.py" \\
        cargo llvm-cov -p colearn-simd --lib

Booting takes half a minute, and a program some two hundred times as long as on the machine. Needed are Debian's
packages bochs, bochsbios, vgabios, isolinux, syslinux-common, xorriso, busybox-static and cpio, and a machine that lets
the emulator into a network of its own (`unshare`), since it offers its screen there. The kernel is in a folder of the
system's temporary files (`--folder`), where the images are while a program runs.
"""

import argparse
import base64
import gzip
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "linux-image-cloud-amd64"
BUSYBOX = "/bin/busybox"
NEEDED = {
    "bochs-bin": "bochs",
    "/usr/share/bochs/BIOS-bochs-latest": "bochsbios",
    "/usr/share/vgabios/vgabios.bin": "vgabios",
    "/usr/lib/ISOLINUX/isolinux.bin": "isolinux",
    "/usr/lib/syslinux/modules/bios/ldlinux.c32": "syslinux-common",
    "xorriso": "xorriso",
    BUSYBOX: "busybox-static",
    "cpio": "cpio",
}
MEMORY_MIB = 1024
# Longer than booting takes on a busy machine.
READY_S = 600.0
# What the emulated processor says of XSAVEC and XSAVES contradicts itself, and Linux would go without AVX.
KERNEL = "quiet loglevel=0 console=ttyS0,115200 noxsaves clearcpuid=321 mitigations=off nosmp noapic nolapic panic=1"
# The serial line carries text alone; these lines begin its parts.
READY, ENDED, COVERAGE, LAST = "== ready", "== exit code", "== coverage", "== last line"


def prepare(folder):
    """Unpacks the newest of Debian's kernels for virtual machines."""
    missing = [package for what, package in NEEDED.items() if not (shutil.which(what) or os.path.exists(what))]
    if missing:
        raise SystemExit(f"missing: apt-get install {' '.join(missing)}")
    folder.mkdir(parents=True, exist_ok=True)
    says = subprocess.run(["apt-cache", "depends", PACKAGE], check=True, capture_output=True, text=True).stdout
    image = re.search(r"Depends: (linux-image-\S+)", says)
    if not image:
        raise SystemExit(f"{PACKAGE} names no kernel; found: {says.strip()}")
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["apt-get", "download", image[1]], check=True, cwd=scratch)
        (package,) = pathlib.Path(scratch).glob("*.deb")
        subprocess.run(["dpkg", "-x", package, scratch], check=True)
        (kernel,) = pathlib.Path(scratch).glob("boot/vmlinuz-*")
        shutil.copy(kernel, folder / "vmlinuz")
    print(f"{folder / 'vmlinuz'}: {image[1]}")


def copy(root, path):
    """Puts a file or folder of this machine at its own path under `root`."""
    path = pathlib.Path(path)
    target = root / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    else:
        shutil.copy(path.resolve(), target)


def file_system(root, command, coverage):
    """The program, what it needs, and the first process, which runs it."""
    program = pathlib.Path(command[0]).resolve()
    libraries = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for path in [program, BUSYBOX, WORKSPACE / "datasets" / "golden", *re.findall(r"(/\S+) \(0x", libraries)]:
        copy(root, path)
    here = pathlib.Path.cwd()
    for folder in ["dev", "proc", "tmp", here.relative_to("/")]:
        (root / folder).mkdir(parents=True, exist_ok=True)
    send = f"[ -s /tmp/coverage ] && {BUSYBOX} gzip -c /tmp/coverage | {BUSYBOX} base64" if coverage else "true"
    backtrace = shlex.quote(os.environ.get("RUST_BACKTRACE", "0"))
    init = root / "init"
    init.write_text(
        f"""#!{BUSYBOX} sh
{BUSYBOX} mount -t proc proc /proc
{BUSYBOX} mount -t devtmpfs dev /dev
echo "{READY}" $({BUSYBOX} grep -o -m1 avx512f /proc/cpuinfo)
cd {shlex.quote(str(here))}
export PATH=/ TMPDIR=/tmp LLVM_PROFILE_FILE=/tmp/coverage RUST_BACKTRACE={backtrace}
{shlex.join([str(program), *command[1:]])} 2>&1
code=$?
echo
echo "{ENDED}" $code
echo "{COVERAGE}"
{send}
echo "{LAST}"
{BUSYBOX} sleep 4
{BUSYBOX} poweroff -f
"""
    )
    init.chmod(0o755)


def disc(folder, kernel, root):
    """A disc that boots the file system."""
    tree = folder / "disc"
    tree.mkdir()
    shutil.copy(kernel, tree / "vmlinuz")
    for path in ["/usr/lib/ISOLINUX/isolinux.bin", "/usr/lib/syslinux/modules/bios/ldlinux.c32"]:
        shutil.copy(path, tree)
    # Not compressed: unpacking is the emulated processor's work.
    with (tree / "files").open("wb") as files:
        names = subprocess.run(["find", "."], check=True, cwd=root, capture_output=True).stdout
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], check=True, cwd=root, input=names, stdout=files)
    (tree / "isolinux.cfg").write_text(
        f"DEFAULT linux\nPROMPT 0\nTIMEOUT 1\nLABEL linux\n  KERNEL vmlinuz\n  APPEND initrd=files {KERNEL}\n"
    )
    image = folder / "boot.iso"
    options = "-b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table".split()
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", image, *options, tree], check=True, stderr=subprocess.DEVNULL)
    return image


def emulate(folder, image):
    """Boots the disc, prints what comes over the serial line as it comes, and returns all of it."""
    serial, settings = folder / "serial", folder / "bochsrc"
    settings.write_text(
        f"""cpu: model=corei7_skylake_x, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={MEMORY_MIB}, host={MEMORY_MIB}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path={image}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={serial}
log: {folder / "log"}
display_library: rfb, options="timeout=0"
clock: sync=none
panic: action=fatal
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1, gameport=0
"""
    )
    (folder / "commands").write_text("c\n")
    serial.touch()
    bochs = ["unshare", "-rn", "bochs-bin", "-q", "-unlock", "-f", settings, "-rc", folder / "commands"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # No second boot: a kernel that panics starts the machine again.
    lines, boots, ran, started, rest = [], 0, False, time.monotonic(), b""
    with serial.open("rb") as line, subprocess.Popen(bochs, cwd=folder, **quiet) as run:
        try:
            while True:
                ended = run.poll() is not None
                *whole, rest = (rest + line.read()).split(b"\n")
                for text in (text.decode(errors="replace").rstrip("\r") for text in whole):
                    if text.startswith(READY):
                        boots += 1
                        if not text.endswith("avx512f"):
                            raise SystemExit("the emulated processor has no AVX-512")
                    ran = ran or text.startswith(ENDED)
                    if boots == 1 and not ran and not text.startswith(READY):
                        print(text, flush=True)
                    lines.append(text)
                if boots > 1 or (boots == 0 and time.monotonic() - started > READY_S):
                    raise SystemExit(f"the emulated machine does not get on; the last lines: {lines[-3:]}")
                if ended:
                    return lines
                try:
                    run.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            run.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "colearn-avx512")
    parser.add_argument("--prepare", action="store_true", help="fetch the kernel")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the program and its arguments")
    args = parser.parse_args()
    args.folder = args.folder.resolve()
    if args.prepare:
        return prepare(args.folder)
    kernel = args.folder / "vmlinuz"
    if not args.command or not kernel.exists():
        raise SystemExit(f"a program is needed, and {kernel}, which --prepare fetches")
    profile = os.environ.get("LLVM_PROFILE_FILE")
    # A runner that is stopped takes the emulator and the images with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        folder = pathlib.Path(folder)
        (folder / "root").mkdir()
        file_system(folder / "root", args.command, profile is not None)
        lines = emulate(folder, disc(folder, kernel, folder / "root"))
    codes = [line.removeprefix(ENDED) for line in lines if line.startswith(ENDED)]
    if not codes or LAST not in lines:
        raise SystemExit(f"the emulated machine ended before the program; the last lines: {lines[-3:]}")
    # A program that was killed leaves no counts.
    text = "".join(lines[lines.index(COVERAGE) + 1 : lines.index(LAST)])
    if text:
        # The process and the program's own mark, as LLVM would put them there.
        target = re.sub(r"%\d*m", "avx512", profile.replace("%p", str(os.getpid())))
        pathlib.Path(target).write_bytes(gzip.decompress(base64.b64decode(text)))
    return int(codes[-1])


if __name__ == "__main__":
    sys.exit(main())
