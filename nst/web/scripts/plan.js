// What both GPU backends share: the steps of a network at one image size, and the memory that these steps share.

/**
 * @typedef {object} Tensor  Features of an image. A slice holds four channels.
 * @property {number} width
 * @property {number} height
 * @property {number} channels
 * @property {number} slices
 * @property {any} memory  a texture or a buffer
 * @property {any} [norm]  factors and shifts; who reads the features applies them, and clamps the result at 0
 *
 * @typedef {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} Context2D
 *
 * @typedef {object} Convolution
 * @property {number} [stride]  1 by default
 * @property {"zero" | "end" | "reflect" | "replicate"} [padding]  what is outside the image; "end": zeros, only to the
 *     right and below. Zeros by default
 * @property {boolean} [upsampled]  the image is enlarged by 2 first: each pixel becomes four
 * @property {"" | "relu" | "relu6"} [activation]  of the result; none by default
 *
 * @typedef {object} Sum
 * @property {boolean} [upsampled]  the second summand is enlarged by 2 first, bilinearly
 * @property {boolean} [depth]  the second summand is multiplied by the depth
 *
 * @typedef {object} Plan  The steps of a network for images of one size. Each method adds a step.
 * @property {Tensor} input  the image in 0..1, enlarged to multiples by mirroring
 * @property {number} taken  texels of the parameters that norms have taken
 * @property {(x: Tensor, name: string, options: Convolution) => Tensor} conv
 * @property {(x: Tensor, y: Tensor, options?: Sum) => Tensor} add
 * @property {(x: Tensor) => Tensor} norm  instance norm with the style's next factors and shifts
 * @property {(x: Tensor) => void} free  its memory may be used by later steps
 * @property {(x: Tensor) => void} means  the last step: the means of the channels,
 * @property {(x: Tensor) => void} output  the last step: the painting
 * @property {() => Promise<void>} ready  resolves when the shaders are compiled
 * @property {(image: OffscreenCanvas, parameters: Float32Array, context: Context2D) => Promise<void>} paint  paints the
 *     image, of the plan's size; resolves when the painting is there
 * @property {(image: OffscreenCanvas) => Promise<Float32Array>} channelMeans
 * @property {() => void} destroy
 *
 * @typedef {object} Backend
 * @property {"webgpu" | "webgl2"} name
 * @property {Promise<void>} lost  resolves when the GPU is lost
 * @property {(width: number, height: number, multiple: number, noisy: boolean) => Plan} plan
 * @property {() => void} destroy
 */

export const EPSILON = 2e-3; // variance added in the norms, as in network.py

/**
 * The memory of tensors, used again by later tensors of the same size.
 * @template Memory
 */
export class Pool {
    /** @param {(width: number, height: number, slices: number) => Memory} create */
    constructor(create) {
        this.create = create;
        /** @type {Map<string, Memory[]>} */
        this.unused = new Map();
        /** @type {Memory[]} */
        this.all = [];
    }

    /**
     * @param {number} width
     * @param {number} height
     * @param {number} channels
     * @returns {Tensor}
     */
    take(width, height, channels) {
        const slices = Math.ceil(channels / 4);
        let memory = this.unused.get(`${width} ${height} ${slices}`)?.pop();
        if (!memory) {
            memory = this.create(width, height, slices);
            this.all.push(memory);
        }
        return { width, height, channels, slices, memory };
    }

    /** @param {Tensor} tensor */
    give({ width, height, slices, memory }) {
        const key = `${width} ${height} ${slices}`;
        this.unused.set(key, [...(this.unused.get(key) ?? []), memory]);
    }
}

/**
 * The side of the tiles whose means are computed first, in pixels: there are about as many tiles as pixels in one.
 * @param {number} width
 * @param {number} height
 */
export const tileSide = (width, height) => Math.max(4, Math.round(Math.sqrt(Math.sqrt(width * height))));

/** @returns {Promise<void>} */
export const pause = () => new Promise((resolve) => setTimeout(resolve, 2));
