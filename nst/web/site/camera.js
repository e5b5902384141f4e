/** The live camera: its buttons, its messages and its clip. */

import { download } from "./pictures.js";
import { t } from "./words.js";

/** @typedef {InstanceType<typeof import("../scripts/live.js").Live>} Live */
/** @typedef {import("./painting.js").PaintQueue} PaintQueue */
/** @typedef {import("./painting.js").Painter} Painter */
/** @typedef {import("./painting.js").Module} Module */

const SCRIPT = new URL("web/live.js", import.meta.url).href;

/** Events: "start", "stop", "message" (detail: text), "speed" (detail: text), "snapshot" (detail: Blob). */
export class Camera extends EventTarget {
    /** @type {Live | null} */
    #live = null;
    #recording = false;

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
            start.addEventListener("click", () => this.start());
        button("end").addEventListener("click", () => this.stop());
        button("snapshot").addEventListener("click", () => this.#takeSnapshot());
        this.film.addEventListener("click", () => this.#record());
        this.mirror.addEventListener("click", () => {
            press(this.mirror, this.mirror.getAttribute("aria-pressed") !== "true");
            if (this.#live) this.#live.mirrored = this.mirror.getAttribute("aria-pressed") === "true";
        });
    }

    get running() {
        return this.#live !== null;
    }

    async start() {
        if (this.#live) return;
        this.queue.pause();
        try {
            const { Live } = /** @type {typeof import("../scripts/live.js")} */ (await import(SCRIPT));
            const live = new Live(this.canvas, { painter: () => this.queue.painter() });
            this.#live = live;
            live.mirrored = this.mirror.getAttribute("aria-pressed") === "true";
            live.addEventListener("message", (event) => this.#report("message", t(detail(event))));
            live.addEventListener("fps", (event) => {
                if (live !== this.#live) return;
                const { fps, size } = detail(event);
                this.#report("speed", `${Math.round(fps)} fps · ${size} px`);
            });
            live.addEventListener("state", (event) => this.#follow(live, detail(event)));
            this.dispatchEvent(new Event("start"));
            await this.update();
            await live.start();
        } catch (error) {
            this.#end();
            throw error;
        }
    }

    stop() {
        this.#live?.stop();
        this.#end();
    }

    /** Takes over the chosen styles and the strength, from the next frame on. */
    async update() {
        const live = this.#live;
        if (!live) return;
        live.strength = this.strength;
        live.cin = await this.cin(await this.queue.painter(), await this.queue.load());
    }

    /**
     * @param {Live} live
     * @param {string} state
     */
    #follow(live, state) {
        if (live !== this.#live) return;
        this.#recording = state === "recording";
        press(this.film, this.#recording);
        const label = /** @type {HTMLElement} */ (this.film.querySelector("span"));
        label.textContent = t(this.#recording ? "Stop recording" : "Record");
        if (state === "stopped") this.#end();
    }

    #end() {
        if (!this.#live) return;
        this.#live = null;
        this.queue.resume();
        this.dispatchEvent(new Event("stop"));
    }

    async #takeSnapshot() {
        const blob = await this.#live?.snapshot();
        if (blob) this.#report("snapshot", blob);
    }

    async #record() {
        if (!this.#recording) return this.#live?.record();
        const blob = await this.#live?.finish();
        if (blob) download(blob, `nst.${blob.type.includes("mp4") ? "mp4" : "webm"}`);
    }

    /**
     * @param {string} type
     * @param {string | Blob} value
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
