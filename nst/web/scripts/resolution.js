// The size at which a device paints 30 frames per second.

export const SIZES = [192, 256, 320, 384, 512]; // pixels on the longest side

const FRAME = 1000 / 30; // milliseconds for a frame
const SLACK = 1.15; // a size is kept while its frames take up to this factor longer
const RESERVE = 0.9; // the part of FRAME that a larger size may take
const SETTLING = 2; // frames after a change of the size that do not count: the GPU sets up its memory
const FRAMES = 8; // frames that are measured before a decision...
const PATIENCE = 500; // ...or as many as take so many milliseconds, and two at least
const FIRST_WAIT = 10_000; // milliseconds until a size that was too slow is tried again, twice as long each time
const TOO_SLOW = 1000 / 3; // milliseconds for a frame at the smallest size
const NOT_SLOW = 1000 / 4;

/** Chooses the size from the times of the frames. It tries a larger size rarely, so that the size does not flip. */
export class Resolution {
    /** Whether even the smallest size is too slow: under three frames per second. */
    slow = false;

    #step = 1; // index in SIZES
    #settling = SETTLING;
    /** @type {number[]} */
    #times = [];
    #waits = SIZES.map(() => FIRST_WAIT);
    #retries = SIZES.map(() => 0); // the times from which each size may be tried

    /** Pixels on the longest side. */
    get size() {
        return SIZES[this.#step];
    }

    /**
     * Takes note of a frame at the present size.
     * @param {number} milliseconds  that it took
     * @param {number} now  the present time in milliseconds
     */
    add(milliseconds, now) {
        if (this.#settling) {
            this.#settling--;
            return;
        }
        this.#times.push(milliseconds);
        const total = this.#times.reduce((sum, time) => sum + time, 0);
        if (this.#times.length < (total < PATIENCE ? FRAMES : 2)) return;
        const median = this.#times.sort((one, other) => one - other)[this.#times.length >> 1];
        this.#times = [];
        this.slow = this.#step === 0 && median > (this.slow ? NOT_SLOW : TOO_SLOW);
        const next = this.#next(median, now);
        if (next === this.#step) return;
        this.#step = next;
        this.#settling = SETTLING;
    }

    /**
     * The index of the size that follows.
     * @param {number} time  milliseconds for a frame
     * @param {number} now
     * @returns {number}
     */
    #next(time, now) {
        const step = this.#step;
        if (time > FRAME * SLACK && step > 0) {
            this.#retries[step] = now + this.#waits[step];
            this.#waits[step] *= 2;
            // Time grows with the number of pixels at most.
            const fits = SIZES.findLastIndex(
                (size, index) => index < step && time * (size / SIZES[step]) ** 2 < FRAME,
            );
            return Math.max(0, fits);
        }
        const larger = SIZES[step + 1];
        const promising = larger && (time * larger) / SIZES[step] < FRAME * RESERVE;
        return promising && now >= this.#retries[step + 1] ? step + 1 : step;
    }
}
