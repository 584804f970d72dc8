#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pages of `weft report` in a browser: report_test.py WEFT_COMMAND

Chromium opens each page without a window, light and dark, wide and narrow, with scripts and
without. No script may fail, no text may lie on another one or leave the page, and the buttons must
do what they say. Without Chromium ($WEFT_CHROMIUM, chromium, chromium-browser, google-chrome) the
exit code is 77, which skips the test."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

COMMAND = os.path.abspath(sys.argv.pop()) if len(sys.argv) > 1 else None
NAMES = [os.environ.get("WEFT_CHROMIUM") or "chromium", "chromium-browser", "google-chrome"]
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
LIGHT, DARK = "1", "0"

# Runs before the scripts of the page.
BEFORE = """<script>
window.failures = [];
window.addEventListener("error", event => window.failures.push(String(event.message)));
document.addEventListener("securitypolicyviolation", event =>
  window.failures.push("blocked: " + event.blockedURI));
Element.prototype.setPointerCapture = () => {};  // made events have no pointer
</script>"""

# Runs after them: uses the page, then measures its texts.
AFTER = """<script>
(() => {
  const found = { failures: window.failures, overlaps: [], outside: [], use: {} };
  const shown = () => [...document.querySelectorAll(".canvas svg")];
  const picture = () => shown().map(svg => svg.innerHTML).join("");
  const chart = shown()[0], before = picture();
  if (document.documentElement.classList.contains("has-script")) {
    const box = chart.getBoundingClientRect();
    const event = (name, share) => chart.dispatchEvent(new PointerEvent(name, {
      clientX: box.left + share * box.width, clientY: box.top + box.height / 2, bubbles: true }));
    const changes = (name, act) => {
      const old = picture();
      act();
      found.use[name] = picture() !== old;
    };
    changes("hover", () => event("pointermove", 0.5));
    const readout = document.querySelector(".readout");
    found.use.readout = readout.style.display === "block" && readout.textContent.includes("step ");
    const inside = readout.getBoundingClientRect(), around = readout.parentElement.getBoundingClientRect();
    found.use.readoutInside = inside.left >= around.left - 1 && inside.right <= around.right + 1;
    event("pointerleave", 0.5);
    changes("drag", () => {
      event("pointerdown", 0.4); event("pointermove", 0.6); event("pointermove", 0.8);
      event("pointerup", 0.8); event("pointerleave", 0.8);
    });
    changes("all", () => chart.dispatchEvent(new MouseEvent("dblclick")));
    found.use.restored = picture() === before;
    const button = (title, from) => [...(from || document).querySelectorAll("button")]
      .find(each => each.title.startsWith(title));
    for (const title of ["zoom in", "zoom out", "logarithmic scale", "show or hide this curve",
                         "show or hide this run", "the x axis"]) {
      const each = button(title);
      if (each) changes(title, () => each.click());
    }
    if (button("show or hide this run")) button("show or hide this run").click();
    button("show or hide this curve").click();
    button("logarithmic scale").click();
    chart.focus();
    changes("wheel", () => chart.dispatchEvent(new WheelEvent("wheel",
      { deltaY: -100, clientX: box.left + box.width / 2, cancelable: true })));
    changes("key", () => chart.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" })));
  }
  document.querySelectorAll("details").forEach(each => { each.open = true; });
  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest("script") || !parent.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    let scrolls = false, clip = { left: -1e9, right: 1e9, top: -1e9, bottom: 1e9 };
    for (let at = parent; at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at), box = at.getBoundingClientRect();
      if (style.overflowX === "visible" || at instanceof SVGElement) continue;
      scrolls = true;
      clip = { left: Math.max(clip.left, box.left), right: Math.min(clip.right, box.right),
               top: Math.max(clip.top, box.top), bottom: Math.min(clip.bottom, box.bottom) };
    }
    for (const each of range.getClientRects()) {
      const box = { left: Math.max(each.left, clip.left), right: Math.min(each.right, clip.right),
                    top: Math.max(each.top, clip.top), bottom: Math.min(each.bottom, clip.bottom) };
      if (box.right - box.left < 1 || box.bottom - box.top < 1) continue;
      const name = node.data.trim().slice(0, 60), svg = parent.closest("svg");
      const around = svg ? svg.getBoundingClientRect()
        : { left: 0, right: innerWidth, top: -1e9, bottom: 1e9 };
      if (box.left < around.left - 1 || box.right > around.right + 1 ||
          box.top < around.top - 2 || box.bottom > around.bottom + 2)
        found.outside.push(name);
      const margin = (box.bottom - box.top) * 0.22;  // lines of a text touch
      texts.push({ name, left: box.left + 1, right: box.right - 1,
                   top: box.top + margin, bottom: box.bottom - margin });
    }
  }
  texts.forEach((a, i) => texts.slice(0, i).forEach(b => {
    if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      found.overlaps.push(a.name + " | " + b.name);
  }));
  // A short name of a run stands in one line, and ten classes need no scrolling.
  found.broken = [...document.querySelectorAll(".named > span")]
    .filter(each => {
      const range = document.createRange();
      range.selectNodeContents(each);
      return each.textContent.length < 10 && range.getClientRects().length > 1;
    })
    .map(each => each.textContent);
  found.cut = [...document.querySelectorAll(".confusion")]
    .filter(each => each.offsetWidth > each.parentElement.clientWidth + 1).length;
  found.texts = texts.length;
  found.width = document.documentElement.scrollWidth;
  found.window = innerWidth;
  found.background = getComputedStyle(document.body).backgroundColor;
  const out = document.createElement("script");
  out.type = "application/json";
  out.id = "found";
  out.textContent = JSON.stringify(found).replace(/\\u003c/g, "");
  document.body.append(out);
})();
</script>"""


def study():
    """The results file of a study of 30 trials."""
    space = [{"key": "optimizer.type", "kind": "choice", "choices": ["sgd", "adamw"]},
             {"key": "optimizer.lr", "kind": "float", "low": 1e-5, "high": 0.1, "log": True},
             {"key": "model.hidden", "kind": "choice", "choices": ["[16]", "[24, 16]", "[64, 32, 16, 16]"]},
             {"key": "optimizer.momentum", "kind": "float", "low": 0, "high": 0.99,
              "when": [["optimizer.type", ["sgd"]]]}]
    trials = []
    for i in range(30):
        outcome = ["complete", "complete", "pruned", "diverged", "failed"][i % 5]
        loss = {"diverged": "inf", "failed": None}.get(outcome, 0.1 * (i + 1))
        values = {"optimizer.type": "sgd", "optimizer.momentum": i / 31} if i % 2 else {"optimizer.type": "adamw"}
        trials.append({"number": i, "outcome": outcome, "loss": loss, "folder": f"/runs/small-tune/trial-{i}",
                       "values": {**values, "optimizer.lr": 10 ** (-5 + i / 8),
                                  "model.hidden": space[2]["choices"][i % 3]},
                       "message": "the loss is nan at batch 18 of epoch 1; try a lower learning rate"
                       if outcome in ("diverged", "failed") else None,
                       "seconds": 1.5, "validations": [[10 * k, 3 / k] for k in range(1, 6)]})
    return {"schema": 1, "config": "small.yaml", "overrides": ["train.epochs=5"], "storage": "small.db",
            "space": space, "folder": "/runs/small-tune", "best": 0, "trials": trials,
            "command": "weft train small.yaml train.epochs=5 optimizer.type=adamw optimizer.lr=1e-05"}


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)
        (cls.folder / "small.yaml").write_text(
            "data: {type: digits, train_size: 400, test_size: 80, validation_split: 0.1}\n"
            "model: {type: mlp, hidden: [24, 16]}\n"
            "train: {epochs: 6, batch_size: 20}\n"
            "callbacks: [{type: gradient_monitor, every: 2ba}]\n")
        for name, keys in {"first": [], "a-second-run-with-a-long-name": ["optimizer.lr=0.02"]}.items():
            cls.weft("train", "small.yaml", f"run.dir={name}", *keys)
        cls.weft("report", "first", "--out", "one.html")
        (cls.folder / "small.tune.json").write_text(json.dumps(study()))
        cls.weft("report", "small.tune.json", "--out", "study.html")
        cls.weft("report", "first", "a-second-run-with-a-long-name", "--out", "two.html")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def weft(cls, *arguments):
        done = subprocess.run([COMMAND, *arguments], cwd=cls.folder, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"weft {arguments}: {done.stderr}")

    def look(self, page, width, theme=LIGHT, scripts=True):
        html = (self.folder / page).read_text()
        if not scripts:
            html = re.sub(r"<script>\n.*?</script>", "", html, flags=re.S)
        html = html.replace("<body>", "<body>" + BEFORE, 1).replace("</body>", AFTER + "</body>", 1)
        probe = self.folder / "probe.html"
        probe.write_text(html)
        with tempfile.TemporaryDirectory() as profile:
            done = subprocess.run(
                [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
                 f"--window-size={width},900", f"--blink-settings=preferredColorScheme={theme}",
                 "--dump-dom", probe.as_uri()], capture_output=True, text=True, timeout=120)
        match = re.search(r'id="found">(.*?)</script>', done.stdout, re.S)
        self.assertIsNotNone(match, done.stdout[-2000:] + done.stderr[-2000:])
        return json.loads(match[1])

    def test_pages(self):
        for page, scripts in [("one.html", True), ("one.html", False), ("two.html", True)]:
            for width in [1280, 400]:
                with self.subTest(page=page, width=width, scripts=scripts):
                    found = self.look(page, width, scripts=scripts)
                    self.assertEqual(found["failures"], [])
                    self.assertEqual(found["overlaps"], [])
                    self.assertEqual(found["outside"], [])
                    self.assertEqual((found["broken"], found["cut"]), ([], 0))
                    self.assertLessEqual(found["width"], found["window"])
                    self.assertGreater(found["texts"], 200)
                    self.assertEqual([name for name, done in found["use"].items() if not done], [])
                    self.assertEqual(len(found["use"]) > 8, scripts, found["use"])
                    self.assertEqual(found["background"], "rgb(255, 255, 255)")

    def test_a_study(self):
        for width, theme in [(1280, LIGHT), (400, LIGHT), (1280, DARK), (400, DARK)]:
            with self.subTest(width=width, theme=theme):
                found = self.look("study.html", width, theme)
                self.assertEqual(found["failures"], [])
                self.assertEqual(found["overlaps"], [])
                self.assertEqual(found["outside"], [])
                self.assertLessEqual(found["width"], found["window"])
                self.assertGreater(found["texts"], 300)

    def test_dark(self):
        for page in ["one.html", "study.html"]:
            dark = self.look(page, 1280, DARK)
            self.assertLess(sum(int(part) for part in re.findall(r"\d+", dark["background"])), 150)
            self.assertEqual(dark["failures"], [])


if __name__ == "__main__":
    if COMMAND is None or BROWSER is None:
        print("report_test.py: skipped, " + ("no weft command given" if COMMAND is None else "Chromium is missing"))
        sys.exit(77)
    unittest.main()
