// Prepares the camera when its tab is opened, and shows what becomes of it. `nst.live` is a promise of it.
async () => {
    const nst = (window.nst ??= {});
    const [canvas, message, rate, length] = document.querySelectorAll("#scene :is(canvas, p[role], span)");
    const listeners = {
        state: (state) => {
            document.body.dataset.live = state; // page.css shows the buttons that are of use
            if (state === "running") canvas.hidden = false;
            else rate.textContent = "";
            length.textContent = "";
        },
        message: (text) => { message.textContent = text; },
        fps: ({fps, size}) => { rate.textContent = `${fps} frames per second, ${size} pixels`; },
        seconds: (seconds) => { length.textContent = `Recording, ${seconds} s`; },
        film: (film) => {
            const href = URL.createObjectURL(film);
            const download = `painted.${film.type.split("/")[1]}`;
            Object.assign(document.createElement("a"), {href, download}).click();
            setTimeout(() => URL.revokeObjectURL(href), 60_000);
        },
    };
    const open = async () => {
        const {Live} = await nst.device.load("live.js");
        const live = new Live(canvas, {painter: () => nst.device.painter()});
        for (const [name, listener] of Object.entries(listeners))
            live.addEventListener(name, ({detail}) => listener(detail));
        return live;
    };
    nst.live ??= open();
    try {
        await (await nst.live).prepare();
    } catch {
        nst.live = undefined;
        message.textContent = "The camera can't be painted now: reload the page.";
    }
}
