"""A painter that draws pictures as they are, in place of the network: it costs nothing."""

from pathlib import Path

from playwright.sync_api import Page as Tab

import nst

SCRIPTS = Path(nst.__file__).parent / "web" / "scripts"

PAINTER = """
export class Unsupported extends Error {}
export class Painter {
    lost = new Promise((resolve) => { this.lose = resolve; });
    builtIn() { return new Float32Array([0]); }
    async paint(video, canvas, { cin, size, strength }) {
        window.painted = { count: (window.painted?.count ?? 0) + 1, cin: cin[0], size, strength };
        if (window.failing) throw new Error("lost");
        const [width, height] = [video.videoWidth ?? video.naturalWidth, video.videoHeight ?? video.naturalHeight];
        const scale = size / Math.max(width, height);
        [canvas.width, canvas.height] = [width * scale, height * scale];
        canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
        const milliseconds = window.cost?.(size) ?? 0;
        if (milliseconds) await new Promise((done) => setTimeout(done, milliseconds));
    }
}
"""
"""`window.painted` tells of the last picture, and `window.cost` gives the milliseconds for a size."""

DEVICE = """() => {
    const { device } = window.nst;
    const painter = async () => new (await device.load("fake/painter.js")).Painter();
    const cin = async (chosen, ...settings) => {
        window.wanted = [chosen, ...settings];
        return chosen.length ? new Float32Array([chosen.length]) : null;
    };
    Object.assign(device, { painter, cin });
}"""
"""A style is the number of the styles that are chosen."""


def script(name: str) -> str:
    """A script of the page's, or the painter instead of its own."""
    return PAINTER if name == "painter.js" else (SCRIPTS / name).read_text("utf-8")


def replace_painter(tab: Tab) -> None:
    """The open page has this painter from now on.

    It has an address of its own, because the page may have loaded its own painter already.
    """
    tab.route("**/fake/painter.js", lambda route: route.fulfill(body=PAINTER, content_type="text/javascript"))
    tab.wait_for_function("window.nst?.device")
    tab.evaluate(DEVICE)
