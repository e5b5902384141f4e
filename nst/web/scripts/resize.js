// Resampling as the server does it, so that both compute the same picture.

/** Kernels by name, each with its support in pixels of the larger of both images. */
const KERNELS = {
    bilinear: { support: 1, weight: (/** @type {number} */ x) => Math.max(0, 1 - Math.abs(x)) },
    lanczos: { support: 3, weight: (/** @type {number} */ x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
    bicubic: { support: 2, weight: cubic },
};

/** @param {number} x */
function sinc(x) {
    return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/**
 * Keys' kernel with a = -0.75, as torch has it.
 * @param {number} x
 */
function cubic(x) {
    const [a, d] = [-0.75, Math.abs(x)];
    if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/**
 * An image at another size, with antialiasing where it becomes smaller.
 * @param {ImageData} image
 * @param {number} width
 * @param {number} height
 * @param {keyof typeof KERNELS} kernel
 * @returns {ImageData}
 */
export function resize(image, width, height, kernel) {
    const rows = resample(image.data, image.width, 4, image.height, 4 * image.width, width, kernel);
    const data = resample(rows, image.height, 4 * width, width, 4, height, kernel);
    return new ImageData(data, width, height);
}

/**
 * Resample one axis.
 * @param {Uint8ClampedArray} data
 * @param {number} length  of the axis
 * @param {number} step  from one pixel to the next on it
 * @param {number} lines  along the axis
 * @param {number} stride  from one line to the next
 * @param {number} target  the new length
 * @param {keyof typeof KERNELS} kernel
 */
function resample(data, length, step, lines, stride, target, kernel) {
    const { support, weight } = KERNELS[kernel];
    const scale = Math.max(1, length / target);
    const vertical = step > 4;
    const out = new Uint8ClampedArray(4 * lines * target);
    const [outStep, outStride] = vertical ? [4 * lines, 4] : [4, 4 * target];
    for (let place = 0; place < target; place++) {
        const centre = ((place + 0.5) * length) / target;
        const low = Math.round(centre - support * scale);
        const high = Math.round(centre + support * scale);
        /** @type {[number, number][]} */
        const taps = [];
        let total = 0;
        for (let from = low; from < high; from++) {
            if (kernel !== "bicubic" && (from < 0 || from >= length)) continue;
            const share = weight((from + 0.5 - centre) / scale);
            total += share;
            taps.push([step * Math.min(Math.max(from, 0), length - 1), share]);
        }
        for (let line = 0; line < lines; line++) {
            for (let channel = 0; channel < 4; channel++) {
                let sum = 0;
                for (const [from, share] of taps) sum += share * data[line * stride + from + channel];
                out[place * outStep + line * outStride + channel] = sum / total;
            }
        }
    }
    return out;
}
