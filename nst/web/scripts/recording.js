// Films of a canvas, for visitors to keep.

export const MAX_SECONDS = 60;

const TYPES = ["video/mp4;codecs=avc1", "video/webm", "video/mp4"]; // the first plays everywhere
const BITS_PER_SECOND = 4_000_000; // brush strokes need more than the browsers' 2.5 million

/** A recording that runs until `stop`, or for MAX_SECONDS. */
export class Recording {
    /** @type {Promise<Blob>} The film, MP4 or WebM, when the recording has ended. */
    film;

    #recorder;

    /**
     * @param {HTMLCanvasElement} canvas
     * @param {(seconds: number) => void} onSecond  called each second with the length so far
     * @throws {Error}  if the browser can't record
     */
    constructor(canvas, onSecond) {
        const stream = canvas.captureStream();
        const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
        const recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: BITS_PER_SECOND });
        let seconds = 0;
        const timer = setInterval(() => {
            if (recorder.state !== "recording") return;
            onSecond(++seconds);
            if (seconds === MAX_SECONDS) this.stop();
        }, 1000);
        /** @type {Blob[]} */
        const parts = [];
        recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
        this.film = new Promise((resolve) => {
            recorder.addEventListener("stop", () => {
                clearInterval(timer);
                for (const track of stream.getTracks()) track.stop();
                resolve(new Blob(parts, { type: recorder.mimeType.split(";")[0] }));
            });
        });
        recorder.start();
        this.#recorder = recorder;
    }

    /** Whether it has not ended. */
    get active() {
        return this.#recorder.state !== "inactive";
    }

    /**
     * Leaves out what comes until it goes on.
     * @param {boolean} paused
     */
    pause(paused) {
        if (!this.active) return;
        if (paused) this.#recorder.pause();
        else this.#recorder.resume();
    }

    /** Ends it. */
    stop() {
        if (this.active) this.#recorder.stop();
    }
}
