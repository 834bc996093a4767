"""A headless Chromium for tests, spoken to through a pipe: no library, no port, no network."""

import json
import os
import select
import shutil
import subprocess
import time
from base64 import b64decode

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
]
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "ArrowDown": 40, "Home": 36, "End": 35, "Tab": 9, "Enter": 13, " ": 32}
KEYS |= {"Escape": 27, "0": 48, "b": 66, "d": 68}


class Browser:
    """One page; `complaints` collects console messages and errors, `requests` the addresses it asked for."""

    def __init__(self, profile):
        assert CHROMIUM
        read_end, self.out = os.pipe()
        self.inlet, write_end = os.pipe()
        # Chromium reads commands from descriptor 3 and answers on 4; the shell puts the pipes there.
        script = f'exec "$0" "$@" 3<&{read_end} 4>&{write_end}'
        command = ["bash", "-c", script, CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(command, pass_fds=(read_end, write_end), stderr=subprocess.DEVNULL)
        os.close(read_end)
        os.close(write_end)
        self.waiting, self.count, self.session = b"", 0, None
        self.complaints, self.requests, self.events = [], [], []
        target = next(
            info["targetId"] for info in self.send("Target.getTargets")["targetInfos"] if info["type"] == "page"
        )
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        """Give a command and wait for its result."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.out, json.dumps(message).encode() + b"\0")
        return self._until(lambda one: one.get("id") == self.count)["result"]

    def _until(self, wanted, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for one in self._messages(end):
                self._note(one)
                if wanted(one):
                    assert "error" not in one, one
                    return one
        raise TimeoutError("Chromium did not answer")

    def _messages(self, end):
        while b"\0" not in self.waiting:
            if not select.select([self.inlet], [], [], max(0, end - time.monotonic()))[0]:
                return
            self.waiting += os.read(self.inlet, 1 << 20)
        text, _, self.waiting = self.waiting.partition(b"\0")
        yield json.loads(text)

    def _note(self, one):
        name, params = one.get("method", ""), one.get("params", {})
        if name == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"]["exception"].get("description", "error"))
        elif name == "Runtime.consoleAPICalled":
            self.complaints.append(" ".join(str(part.get("value")) for part in params["args"]))
        elif name == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif name == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif name:
            self.events.append(name)

    def open(self, address, *, width=1200, height=900, dark=False):
        """Load a page on a screen of that size."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media="", features=[scheme])
        self.complaints.clear()
        self.requests.clear()
        self.send("Page.navigate", url=address)
        self._until(lambda one: one.get("method") == "Page.loadEventFired")
        self.evaluate("document.fonts.ready.then(() => true)")

    def evaluate(self, code):
        """Run JavaScript in the page and give what it comes to; promises are waited for."""
        done = self.send("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, key):
        """Press a key as a person would."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        self.send("Input.dispatchKeyEvent", type="rawKeyDown", **about)
        if key in (" ", "Enter"):
            self.send("Input.dispatchKeyEvent", type="char", text={" ": " ", "Enter": "\r"}[key], **about)
        self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    def drag(self, start, end):
        """Drag the mouse between two points of the window."""
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def picture(self, path, *, clip=None):
        """Save a screenshot of the window, or of the part (x, y, width, height) of the page."""
        part = {"clip": dict(zip(("x", "y", "width", "height"), clip, strict=True)) | {"scale": 1}} if clip else {}
        done = self.send("Page.captureScreenshot", captureBeyondViewport=bool(clip), **part)
        path.write_bytes(b64decode(done["data"]))

    def close(self):
        """End Chromium."""
        try:
            self.session = None
            self.send("Browser.close")
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self.out)
            os.close(self.inlet)
