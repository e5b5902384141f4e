/** The live camera: its buttons, its messages and its clip. */

import { download } from "./pictures.js";
import { t } from "./words.js";

/** @typedef {InstanceType<typeof import("../scripts/live.js").Live>} Live */
/** @typedef {import("./painting.js").PaintQueue} PaintQueue */
/** @typedef {import("./painting.js").Painter} Painter */
/** @typedef {import("./painting.js").Module} Module */

const SCRIPT = new URL("web/live.js", import.meta.url).href;

/** Events: "start", "stop", "message" (detail: text, or ""), "speed" (detail: text), "snapshot" (detail: Blob), "error" (detail: Error). */
export class Camera extends EventTarget {
    /** @type {Live | null} */
    #live = null;

    /**
     * @param {HTMLCanvasElement} canvas
     * @param {PaintQueue} queue
     * @param {(painter: Painter, module: Module) => Promise<import("./painting.js").Cin>} cin of the chosen styles
     */
    constructor(canvas, queue, cin) {
        super();
        this.canvas = canvas;
        this.queue = queue;
        this.cin = cin;
        this.strength = 0.5;
        this.mirror = button("mirrored");
        this.film = button("film");
        for (const start of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".live")))
            start.addEventListener("click", () => this.start().catch((error) => this.#report("error", error)));
        button("end").addEventListener("click", () => this.#live?.stop());
        button("snapshot").addEventListener("click", () => this.#takeSnapshot());
        this.film.addEventListener("click", () => {
            if (this.#live?.state === "recording") this.#live.finish();
            else this.#live?.record();
        });
        this.mirror.addEventListener("click", () => {
            if (!this.#live) return;
            this.#live.mirrored = !this.#live.mirrored;
            press(this.mirror, this.#live.mirrored);
        });
    }

    get running() {
        return this.#live !== null;
    }

    async start() {
        const { Live } = /** @type {typeof import("../scripts/live.js")} */ (await import(SCRIPT));
        if (this.#live) return;
        this.queue.pause();
        /** @type {Live} */
        const live = new Live(this.canvas, { painter: () => this.#painter(live) });
        this.#live = live;
        live.strength = this.strength;
        live.addEventListener("message", (event) => this.#report("message", t(detail(event))));
        live.addEventListener("fps", (event) => {
            const { fps, size } = detail(event);
            this.#report("speed", `${fps} fps · ${size} px`);
        });
        live.addEventListener("seconds", (event) => this.#report("speed", t("Recording, {} s", detail(event))));
        live.addEventListener("film", (event) => {
            const film = detail(event);
            download(film, `nst.${film.type.includes("mp4") ? "mp4" : "webm"}`);
        });
        live.addEventListener("state", (event) => this.#follow(live, detail(event)));
        this.dispatchEvent(new Event("start"));
        await live.start();
    }

    stop() {
        this.#live?.stop();
    }

    /** Takes over the chosen styles and the strength, from the next frame on. */
    async update() {
        const live = this.#live;
        if (!live) return;
        live.strength = this.strength;
        live.cin = await this.cin(await this.queue.painter(), await this.queue.load());
    }

    /** @param {Live} live */
    async #painter(live) {
        const painter = await this.queue.painter();
        live.cin = await this.cin(painter, await this.queue.load());
        return painter;
    }

    /**
     * @param {Live} live
     * @param {string} state
     */
    #follow(live, state) {
        const recording = state === "recording";
        press(this.film, recording);
        const label = /** @type {HTMLElement} */ (this.film.querySelector("span"));
        label.textContent = t(recording ? "Stop recording" : "Record");
        press(this.mirror, live.mirrored ?? true);
        if (state !== "stopped") return;
        this.#live = null;
        this.queue.resume();
        this.dispatchEvent(new Event("stop"));
    }

    async #takeSnapshot() {
        const blob = await this.#live?.snapshot().catch(() => null); // the camera is not open yet
        if (blob) this.#report("snapshot", blob);
    }

    /**
     * @param {string} type
     * @param {string | Blob | Error} value
     */
    #report(type, value) {
        this.dispatchEvent(new CustomEvent(type, { detail: value }));
    }
}

/** @param {string} id */
function button(id) {
    return /** @type {HTMLButtonElement} */ (document.getElementById(id));
}

/**
 * @param {HTMLElement} element
 * @param {boolean} on
 */
function press(element, on) {
    element.setAttribute("aria-pressed", String(on));
}

/** @param {Event} event */
function detail(event) {
    return /** @type {CustomEvent} */ (event).detail;
}
