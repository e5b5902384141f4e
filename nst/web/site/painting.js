/** Paints on the visitor's device, one picture after the other. */

/** @typedef {typeof import("../scripts/painter.js")} Module */
/** @typedef {import("../scripts/painter.js").Cin} Cin */
/** @typedef {Awaited<ReturnType<Module["createPainter"]>>} Painter */
/** @typedef {(painter: Painter, module: Module) => Promise<void>} Job */

const MAX_ATTEMPTS = 3; // at one picture, each with a new GPU context
const SCRIPT = new URL("web/painter.js", import.meta.url).href;

class ContextLost extends Error {}

/** The network could not be set up; `cause` says why. */
export class SetupError extends Error {}

/**
 * A queue with one place for the large picture, where the latest request counts, and many for small ones, which wait
 * until the large one is done. The network is loaded by the first job.
 *
 * Events: "state" (detail "loading" | "painting" | "idle"), "ready" (a painter is set up), "lost" (the GPU context was lost, and the picture is
 * painted again), "error" (detail: the Error; the queue is empty then).
 */
export class PaintQueue extends EventTarget {
    /** @type {Promise<Painter> | null} */
    #painter = null;
    /** @type {Job | null} */
    #large = null;
    /** @type {Job[]} */
    #small = [];
    #running = false;
    #paused = false;

    /**
     * Paint this before everything else, instead of an earlier large picture that has not begun.
     * @param {Job} job
     */
    setLarge(job) {
        this.#large = job;
        this.#run();
    }

    /**
     * Paint these after the large picture, instead of earlier small ones.
     * @param {Job[]} jobs
     */
    setSmall(jobs) {
        this.#small = jobs;
        this.#run();
    }

    /**
     * Paint this small picture as well.
     * @param {Job} job
     */
    addSmall(job) {
        this.setSmall([...this.#small, job]);
    }

    /** Leaves the GPU to others until `resume`. */
    pause() {
        this.#paused = true;
    }

    resume() {
        this.#paused = false;
        this.#run();
    }

    /** The script that paints, loaded at the first call. */
    load() {
        return /** @type {Promise<Module>} */ (import(SCRIPT));
    }

    /**
     * The painter, with its weights; a new one after the GPU context was lost.
     * @returns {Promise<Painter>}
     */
    painter() {
        this.#painter ??= this.#create().catch((error) => {
            this.#painter = null;
            this.#report("idle");
            throw error;
        });
        return this.#painter;
    }

    async #create() {
        this.#report("loading");
        const { createPainter } = await this.load();
        const painter = await createPainter();
        this.#report(this.#running ? "painting" : "idle");
        painter.lost.then(() => {
            this.#painter = null;
        });
        this.dispatchEvent(new Event("ready"));
        return painter;
    }

    async #run() {
        if (this.#running) return;
        this.#running = true;
        try {
            for (let attempts = 0, job = this.#next(); job; job = this.#next()) {
                const large = job === this.#large;
                if (large) this.#large = null;
                else this.#small.shift();
                try {
                    await this.#paint(job);
                    attempts = 0;
                } catch (error) {
                    if (!(error instanceof ContextLost) || ++attempts === MAX_ATTEMPTS) throw error;
                    if (!large) this.#small.unshift(job);
                    else this.#large ??= job;
                    this.dispatchEvent(new Event("lost"));
                }
                await new Promise((resolve) => setTimeout(resolve)); // input goes first
            }
        } catch (error) {
            this.#large = null;
            this.#small = [];
            this.dispatchEvent(new CustomEvent("error", { detail: error }));
        } finally {
            this.#running = false;
            this.#report("idle");
        }
    }

    #next() {
        return this.#paused ? null : (this.#large ?? this.#small[0] ?? null);
    }

    /** @param {Job} job */
    async #paint(job) {
        const painter = await this.painter().catch((cause) => {
            throw new SetupError("no painter", { cause });
        });
        this.#report("painting");
        const lost = painter.lost.then(() => {
            throw new ContextLost();
        });
        await Promise.race([job(painter, await this.load()), lost]);
    }

    /** @param {string} state */
    #report(state) {
        this.dispatchEvent(new CustomEvent("state", { detail: state }));
    }
}
