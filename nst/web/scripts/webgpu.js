// The WebGPU backend. Features are buffers; a step is one dispatch of a compute shader.

import { GPUPlan } from "./webgpu_plan.js";

/** @typedef {{weights: GPUBuffer, affine: GPUBuffer}} Uploaded */

export class WebGPU {
    name = /** @type {const} */ ("webgpu");

    /**
     * @param {GPUDevice} device
     * @param {import("./weights.js").Weights} weights
     * @param {boolean} half  features are float16, not float32
     */
    constructor(device, weights, half) {
        this.device = device;
        this.weights = weights;
        this.half = half;
        /** @type {Map<string, Promise<GPUComputePipeline>>} */
        this.pipelines = new Map();
        /** @type {Map<string, Uploaded>} */
        this.layers = new Map();
        /** @type {GPUBuffer | undefined} */
        this.parameters = undefined;
        const { data, side } = weights.noise();
        this.noise = this.buffer(data);
        this.noiseSide = side;
        /** @type {Promise<void>} */
        this.lost = device.lost.then(() => undefined);
    }

    /**
     * A device that can compute; null if this browser has none.
     * @returns {Promise<GPUDevice | null>}
     */
    static async device() {
        try {
            const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
            return (await adapter?.requestDevice()) ?? null;
        } catch {
            return null;
        }
    }

    /** Free the device's memory. */
    destroy() {
        this.device.destroy();
    }

    /**
     * The steps of a network for images of one size, still to be added.
     * @param {number} width
     * @param {number} height
     * @param {number} multiple  the features' sides are multiples of it
     * @param {boolean} noisy  noise is added to the image
     */
    plan(width, height, multiple, noisy) {
        return new GPUPlan(this, width, height, multiple, noisy);
    }

    /**
     * @param {string} code
     * @returns {Promise<GPUComputePipeline>}
     */
    pipeline(code) {
        let pipeline = this.pipelines.get(code);
        if (!pipeline) {
            const compute = { module: this.device.createShaderModule({ code }), entryPoint: "main" };
            pipeline = this.device.createComputePipelineAsync({ layout: "auto", compute });
            this.pipelines.set(code, pipeline);
        }
        return pipeline;
    }

    /**
     * A buffer with these numbers, or of so many bytes.
     * @param {Float32Array | Int32Array | Uint32Array | number} contents
     * @param {number} [usage]
     * @returns {GPUBuffer}
     */
    buffer(contents, usage = GPUBufferUsage.STORAGE) {
        const size = typeof contents === "number" ? contents : contents.byteLength;
        const copied = usage | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
        const buffer = this.device.createBuffer({ size: 4 * Math.ceil(size / 4), usage: copied });
        if (typeof contents !== "number")
            this.device.queue.writeBuffer(buffer, 0, /** @type {BufferSource} */ (contents));
        return buffer;
    }

    /**
     * A convolution's weights.
     * @param {string} name
     * @returns {Uploaded}
     */
    layer(name) {
        const known = this.layers.get(name);
        if (known) return known;
        const { packed, scale, bias } = this.weights.layer(name);
        const affine = new Float32Array(2 * scale.length);
        for (let channel = 0; channel < scale.length; channel++) {
            const place = 2 * channel - (channel & 3);
            affine[place] = 127 * scale[channel]; // the shader divides by 127
            affine[place + 4] = bias[channel];
        }
        const uploaded = { weights: this.buffer(packed), affine: this.buffer(affine) };
        this.layers.set(name, uploaded);
        return uploaded;
    }

    /**
     * @param {Float32Array} numbers
     * @returns {GPUBuffer}
     */
    setParameters(numbers) {
        this.parameters ??= this.buffer(numbers);
        this.device.queue.writeBuffer(this.parameters, 0, /** @type {BufferSource} */ (numbers));
        return this.parameters;
    }
}
