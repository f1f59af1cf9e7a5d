"""Opens a report in a real browser, wide and as a phone, light and dark; checks it and takes pictures.

    python3 xtask/scripts/report_screenshots.py RUN/report.html --out PICTURES [--highest 6453] [--chromium /usr/bin/chromium]

Needs Chromium and nothing else. It tells how high the page is as it opens; then every section is unfolded and
photographed (SECTION-WIDTH-SCHEME.png). It fails, with a line each, on: an error in the console, a request for anything
but the page, content wider than the screen, text of a figure smaller than 8 px on a phone, texts of a figure that
overlap, a background that does not follow the scheme, and with --highest on a page that opens higher than so many pixels
where it is 1280 wide.
"""

import argparse
import base64
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
LEAST_TYPE = 8

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars",
    "--remote-debugging-pipe",
]

# Every text of a figure that is shown, with its size and its box on the screen, by figure.
TEXTS = """(() => {
  const found = [];
  for (const svg of document.querySelectorAll('svg.colearn')) {
    if (svg.getBoundingClientRect().width === 0) continue;
    const name = svg.querySelector('title').textContent;
    const texts = [];
    for (const text of svg.querySelectorAll('text')) {
      if (!text.textContent.trim()) continue;
      const box = text.getBoundingClientRect();
      const size = parseFloat(getComputedStyle(text).fontSize) * svg.getScreenCTM().a;
      texts.push({words: text.textContent, size, box: [box.left, box.top, box.right, box.bottom]});
    }
    found.push({name, texts});
  }
  return found;
})()"""

SECTIONS = """(() => [...document.querySelectorAll('header, section')].map((part) => {
  const box = part.getBoundingClientRect();
  return {id: part.id || 'head', x: box.left + scrollX, y: box.top + scrollY, width: box.width, height: box.height};
}))()"""

# What is shown beyond the right edge, but for what scrolls by itself. A phone widens its own window for what is too wide.
WIDER = """((width) => {
  const wide = [...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll') || e.matches('.scroll'));
  const out = wide.filter((e) => e.getBoundingClientRect().right > width + 0.5);
  return {page: document.documentElement.scrollWidth, out: out.slice(0, 3).map((e) => e.outerHTML.slice(0, 80))};
})"""


class Browser:
    """Chromium at the other end of two pipes, spoken to in JSON ended by a zero byte."""

    def __init__(self, program, profile):
        self.numbers = itertools.count(1)
        to_read, self.to_write = os.pipe()
        self.to_listen, to_answer = os.pipe()
        # Copies far from 3 and 4, which the browser wants for itself.
        ends = [os.dup2(to_read, 203), os.dup2(to_answer, 204)]

        def take():
            os.dup2(203, 3)
            os.dup2(204, 4)

        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(
            command, preexec_fn=take, pass_fds=(3, 4, *ends), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for end in (to_read, to_answer, *ends):
            os.close(end)
        self.rest = b""
        self.events = []

    def read(self):
        while b"\0" not in self.rest:
            part = os.read(self.to_listen, 1 << 20)
            if not part:
                sys.exit("the browser ended by itself")
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        message = {"id": next(self.numbers), "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.to_write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, event):
        while not any(seen.get("method") == event for seen in self.events):
            self.events.append(self.read())

    def close(self):
        self.call("Browser.close")
        self.process.wait()


def faults_of_events(events, url):
    for event in events:
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                yield f"exception: {params['exceptionDetails'].get('text')}"
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                yield f"console: {params['args']}"
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                yield f"console: {params['entry']['text']}"
            case "Network.requestWillBeSent":
                asked = params["request"]["url"]
                if asked.split("#")[0] != url and not asked.startswith("data:"):
                    yield f"asks for {asked}"


def overlap(a, b):
    """How far two boxes go into each other, in pixels of the smaller side."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return min(wide, high)


def faults_of_texts(figures, width):
    for figure in figures:
        texts = figure["texts"]
        for text in texts:
            if width < 500 and text["size"] < LEAST_TYPE:
                yield f"{figure['name']}: {text['words']!r} has {text['size']:.1f} px"
        for a, b in itertools.combinations(texts, 2):
            # Boxes hold the line's height, of which letters fill about two thirds.
            if overlap(a["box"], b["box"]) > 0.4 * min(a["size"], b["size"]):
                yield f"{figure['name']}: {a['words']!r} and {b['words']!r} overlap"


def look(browser, url, width, scheme, arguments):
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(method, **params):
        return browser.call(method, session, **params)

    def value(script):
        return call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    browser.events.clear()
    for domain in ("Page", "Runtime", "Log", "Network"):
        call(f"{domain}.enable")
    call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
    call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    call("Page.navigate", url=url)
    browser.wait("Page.loadEventFired")
    height = value("document.documentElement.scrollHeight")
    value("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    faults = list(faults_of_events(browser.events, url))
    if arguments.highest and width == WIDTHS[0] and height > arguments.highest:
        faults.append(f"{height} px high; expected at most {arguments.highest}")
    sizes = value(f"{WIDER}({width})")
    if sizes["page"] > width or sizes["out"]:
        faults.append(f"wider than the screen: {sizes}")
    red = int(value("getComputedStyle(document.body).backgroundColor").split("(")[1].split(",")[0])
    if (red < 128) != (scheme == "dark"):
        faults.append(f"the ground is {'dark' if red < 128 else 'light'}")
    figures = value(TEXTS)
    faults.extend(faults_of_texts(figures, width))
    for part in value(SECTIONS):
        clip = {key: part[key] for key in ("x", "y", "width", "height")} | {"scale": 1}
        picture = call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
        (arguments.out / f"{part['id']}-{width}-{scheme}.png").write_bytes(base64.b64decode(picture))
    least = min((text["size"] for figure in figures for text in figure["texts"]), default=0)
    print(f"{width} px, {scheme}: {height} px high as it opens, {len(figures)} drawings, smallest type {least:.1f} px, {len(faults)} faults")
    for fault in faults:
        print(f"  {fault}")
    browser.call("Target.closeTarget", targetId=target)
    return len(faults)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--highest", type=int, metavar="PIXELS")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    if not arguments.page.is_file():
        parser.error(f"{arguments.page}: no such page")
    arguments.out.mkdir(parents=True, exist_ok=True)
    url = arguments.page.resolve().as_uri()
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(arguments.chromium, profile)
        faults = sum(
            look(browser, url, width, scheme, arguments) for width in WIDTHS for scheme in SCHEMES
        )
        browser.close()
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
