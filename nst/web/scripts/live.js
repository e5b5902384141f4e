// The camera, painted as it runs: on the visitor's device, without a request to the server.

import { CameraError, onNextFrame, openCamera, play, snapshotOf } from "./camera.js";
import { Unsupported } from "./painter.js";
import { Recording } from "./recording.js";
import { Resolution } from "./resolution.js";

/** @typedef {import("./painter.js").Cin} Cin */
/** @typedef {import("./painter.js").Painter} Painter */

/**
 * @typedef {object} Run  From start to stop.
 * @property {AbortController} end
 * @property {Resolution} resolution
 * @property {HTMLVideoElement | null} video  null until the camera is open
 * @property {boolean} inView  the canvas is
 * @property {boolean} fresh  the camera has a picture that was not painted
 * @property {boolean} painting
 * @property {string} notice  a message that stays, or ""
 * @property {number} failures  in a row
 * @property {number} frames  painted since `since`
 * @property {number} since  in milliseconds
 */

const WAITING = "Waiting for the camera: allow it if the browser asks.";
const LOADING = "Loading the network that paints.";
const UNPLUGGED = "The camera is gone: connect it or allow it, and start again.";
const LOST = "The graphics processor was interrupted, and is set up again.";
const GONE = "The graphics processor no longer answers: reload the page, and start again.";
const OFFLINE = "The network can't be loaded: check the connection, and start again.";
const SLOW = "This device paints fewer than three pictures a second. Photos work all the same.";
const NO_RECORDER = "This browser can't record films.";
const UNSUPPORTED = "Live needs WebGPU or WebGL2: use a current browser, and switch on its hardware acceleration.";

const RETRIES = 4; // attempts to paint after a failure, RETRY_PAUSE milliseconds apart
const RETRY_PAUSE = 300;

/**
 * Paints the camera into a canvas, at the size that the device manages.
 *
 * Events, whose `detail` is the news:
 * - "state": "stopped" | "running" | "recording";
 * - "message": what to tell the visitor, or "";
 * - "fps": `{fps, size}` each second: frames per second, in two digits, and pixels on the longest side;
 * - "seconds": each second of a recording, its length;
 * - "film": a recording has ended, by whatever cause; a Blob.
 *
 * It does nothing while the page is hidden or the canvas is out of view.
 */
export class Live extends EventTarget {
    /** @type {Cin | null} The style; null: the first of the gallery. May change between two frames, as the others. */
    cin = null;

    /** 0 (the photo) to 1. */
    strength = 0.5;

    /**
     * @type {boolean | null} Whether the canvas looks like a mirror, unlike its recordings; null: if the camera faces
     *     the visitor.
     */
    mirrored = null;

    #canvas;
    #create;
    /** @type {Promise<Painter> | null} */
    #painter = null;
    /** @type {Run | null} */
    #run = null;
    /** @type {Recording | null} the present one, or the latest */
    #recording = null;
    #abandon = () => {}; // gives up the frame that is painted
    #state = "stopped";
    #message = "";

    /**
     * @param {HTMLCanvasElement} canvas
     * @param {{painter: () => Promise<Painter>}} options  `painter` is called again after the GPU was lost
     */
    constructor(canvas, { painter }) {
        super();
        this.#canvas = canvas;
        this.#create = painter;
    }

    /** @returns {string} "stopped" | "running" | "recording" */
    get state() {
        return this.#state;
    }

    /** Opens the camera and paints it. Messages tell of problems. */
    async start() {
        if (this.#run) return;
        /** @type {Run} */
        const run = {
            end: new AbortController(),
            resolution: new Resolution(),
            video: null,
            inView: true,
            fresh: false,
            painting: false,
            notice: "",
            failures: 0,
            frames: 0,
            since: 0,
        };
        this.#run = run;
        this.#tell(WAITING);
        try {
            this.#ready().catch(() => {}); // it loads while the visitor is asked
            const stream = await openCamera();
            const [track] = stream.getVideoTracks();
            const close = () => track.stop();
            if (run.end.signal.aborted) return close();
            run.end.signal.addEventListener("abort", close);
            track.addEventListener("ended", () => this.#end(UNPLUGGED), { signal: run.end.signal });
            this.mirrored ??= track.getSettings().facingMode !== "environment";
            this.#enter("running");
            this.#tell(LOADING);
            run.video = await play(stream, run.end.signal);
            await this.#ready();
        } catch (error) {
            if (this.#run === run) this.#end(messageOf(error));
            return;
        }
        this.#watchView(run);
        this.#watchCamera(run);
    }

    /** Closes the camera. The canvas keeps its last picture; a recording ends. */
    stop() {
        if (this.#run) this.#end("");
    }

    /**
     * Loads the network, unless it is there: the slow part of `start`.
     * @returns {Promise<boolean>}  whether this browser can paint; if not, a message says what is missing
     */
    async prepare() {
        try {
            await this.#ready();
            return true;
        } catch (error) {
            if (!this.#message) this.#tell(messageOf(error)); // or it would replace a message of `start`
            return false;
        }
    }

    /**
     * The camera's present picture, not the painting, at its full size, as JPEG.
     * @returns {Promise<Blob>}  rejected if the camera is not open
     */
    async snapshot() {
        const video = this.#run?.video;
        if (!video) throw new CameraError("Start the camera first.");
        return snapshotOf(video);
    }

    /** Records the canvas until `finish` or `stop`, or for a minute. The resolution stays as it is. */
    record() {
        if (!this.#run?.video || this.#recording?.active) return;
        try {
            const recording = new Recording(this.#canvas, (seconds) => this.#send("seconds", seconds));
            this.#recording = recording;
            this.#enter("recording");
            recording.film.then((film) => {
                if (this.#run) this.#enter("running");
                this.#send("film", film);
            });
        } catch {
            this.#run.notice = NO_RECORDER;
        }
    }

    /**
     * Ends the recording, unless it has ended by itself.
     * @returns {Promise<Blob>}  MP4 or WebM; rejected if nothing was recorded
     */
    async finish() {
        if (!this.#recording) throw new Error("Nothing was recorded.");
        this.#recording.stop();
        return this.#recording.film;
    }

    /**
     * The painter; another one after the GPU was lost.
     * @returns {Promise<Painter>}
     */
    #ready() {
        if (this.#painter) return this.#painter;
        const painter = this.#create();
        const forget = () => {
            if (this.#painter === painter) this.#painter = null;
        };
        painter
            .then(({ lost }) => lost)
            .then(() => {
                forget();
                this.#abandon();
                if (this.#run) this.#tell(LOST);
            }, forget);
        this.#painter = painter;
        return painter;
    }

    /** @param {string} message  why, or "" */
    #end(message) {
        this.#recording?.stop();
        this.#run?.end.abort();
        this.#run = null;
        this.#abandon();
        this.#enter("stopped");
        this.#tell(message);
    }

    /** @param {Run} run */
    #watchView(run) {
        const observer = new IntersectionObserver(([entry]) => {
            run.inView = entry.isIntersecting;
            this.#goOn(run);
        });
        observer.observe(this.#canvas);
        run.end.signal.addEventListener("abort", () => observer.disconnect());
        document.addEventListener("visibilitychange", () => this.#goOn(run), { signal: run.end.signal });
    }

    /**
     * The view has changed.
     * @param {Run} run
     */
    #goOn(run) {
        this.#recording?.pause(!visible(run));
        run.since = 0;
        this.#paint(run);
    }

    /** @param {Run} run */
    #watchCamera(run) {
        const { video } = run;
        if (this.#run !== run || !video) return;
        onNextFrame(video, () => {
            run.fresh = true;
            this.#paint(run);
            this.#watchCamera(run);
        });
    }

    /**
     * Paints the camera's pictures, one at a time, until there is no new one.
     * @param {Run} run
     */
    async #paint(run) {
        if (run.painting) return;
        run.painting = true;
        while (run.fresh && this.#run === run && visible(run)) {
            run.fresh = false;
            try {
                await this.#paintFrame(run);
            } catch (error) {
                if (++run.failures > RETRIES) {
                    console.error(error);
                    this.#end(GONE);
                } else {
                    await new Promise((done) => setTimeout(done, RETRY_PAUSE));
                }
            }
        }
        run.painting = false;
    }

    /** @param {Run} run */
    async #paintFrame(run) {
        const painter = await this.#ready();
        const { video, resolution } = run;
        if (this.#run !== run || !video) return;
        this.cin ??= painter.builtIn(0);
        const options = { cin: this.cin, size: resolution.size, strength: this.strength };
        const start = performance.now();
        const painted = await new Promise((resolve, reject) => {
            this.#abandon = () => resolve(false);
            painter.paint(video, this.#canvas, options).then(() => resolve(true), reject);
        });
        if (!painted || this.#run !== run) return;
        this.#canvas.style.transform = this.mirrored ? "scaleX(-1)" : "";
        run.failures = 0;
        const now = performance.now();
        if (!this.#recording?.active) resolution.add(now - start, now);
        this.#tell(resolution.slow ? SLOW : run.notice);
        this.#count(run, options.size, now);
    }

    /**
     * @param {Run} run
     * @param {number} size  of the frame that was painted
     * @param {number} now
     */
    #count(run, size, now) {
        if (!run.since) [run.since, run.frames] = [now, 0];
        else run.frames++;
        if (now - run.since < 1000) return;
        const fps = (run.frames * 1000) / (now - run.since);
        this.#send("fps", { fps: Number(fps.toPrecision(2)), size });
        run.since = 0;
    }

    /** @param {string} state */
    #enter(state) {
        if (state === this.#state) return;
        this.#state = state;
        this.#send("state", state);
    }

    /** @param {string} message */
    #tell(message) {
        if (message === this.#message) return;
        this.#message = message;
        this.#send("message", message);
    }

    /**
     * @param {string} type
     * @param {unknown} detail
     */
    #send(type, detail) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }
}

/**
 * @param {Run} run
 * @returns {boolean}
 */
function visible(run) {
    return run.inView && !document.hidden;
}

/**
 * What to tell the visitor.
 * @param {unknown} error
 * @returns {string}
 */
function messageOf(error) {
    if (error instanceof CameraError) return error.message;
    if (error instanceof Unsupported) return UNSUPPORTED;
    console.error(error);
    return OFFLINE;
}
