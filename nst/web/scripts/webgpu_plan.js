// The steps of a network for images of one size, on WebGPU: a step is one dispatch.

import { EPSILON, Pool } from "./plan.js";
import * as shaders from "./webgpu_shaders.js";

const CHUNK = 4096; // most pixels of a slice that one workgroup adds up

/** @typedef {import("./plan.js").Tensor} Tensor */
/** @typedef {import("./webgpu.js").WebGPU} WebGPU */

/**
 * @typedef {object} Step
 * @property {string} code
 * @property {(GPUBuffer | GPUTextureView | "parameters")[]} resources  by binding
 * @property {[number, number, number]} workgroups
 * @property {GPUComputePipeline} [pipeline]
 * @property {GPUBindGroup} [bindings]
 */

export class GPUPlan {
    /**
     * @param {WebGPU} gpu
     * @param {number} width
     * @param {number} height
     * @param {number} multiple
     * @param {boolean} noisy
     */
    constructor(gpu, width, height, multiple, noisy) {
        this.gpu = gpu;
        this.width = width;
        this.height = height;
        /** @type {Step[]} */
        this.steps = [];
        /** @type {GPUBuffer[]} */
        this.buffers = [];
        this.taken = 0; // parameters that norms have taken, in fours
        const bytes = gpu.half ? 8 : 16;
        this.pool = new Pool((w, h, slices) => this.keep(gpu.buffer(w * h * slices * bytes)));
        const { COPY_DST, TEXTURE_BINDING, RENDER_ATTACHMENT } = GPUTextureUsage;
        const usage = COPY_DST | TEXTURE_BINDING | RENDER_ATTACHMENT;
        this.photo = gpu.device.createTexture({ size: [width, height], format: "rgba8unorm", usage });
        const sides = [width, height].map((side) => multiple * Math.ceil(side / multiple));
        this.input = this.pool.take(sides[0], sides[1], 3);
        this.step(
            shaders.inputShader(noisy, gpu.half),
            [this.sizes(...sides, gpu.noiseSide), this.photo.createView(), gpu.noise, this.input.memory],
            this.grid(sides[0], sides[1]),
        );
    }

    /** @param {GPUBuffer} buffer */
    keep(buffer) {
        this.buffers.push(buffer);
        return buffer;
    }

    /** @param {number[]} numbers  four at most */
    sizes(...numbers) {
        return this.keep(
            this.gpu.buffer(
                Int32Array.from({ length: 4 }, (_, k) => numbers[k] ?? 0),
                GPUBufferUsage.UNIFORM,
            ),
        );
    }

    /**
     * Workgroups that cover an image.
     * @param {number} width
     * @param {number} height
     * @param {number} [depth]
     * @returns {[number, number, number]}
     */
    grid(width, height, depth = 1) {
        return [Math.ceil(width / shaders.WORKGROUP), Math.ceil(height / shaders.WORKGROUP), depth];
    }

    /**
     * @param {string} code
     * @param {Step["resources"]} resources
     * @param {Step["workgroups"]} workgroups
     */
    step(code, resources, workgroups) {
        this.gpu.pipeline(code);
        this.steps.push({ code, resources, workgroups });
    }

    /** @param {Tensor} tensor */
    free(tensor) {
        this.pool.give(tensor);
    }

    /**
     * @param {Tensor} x
     * @param {string} name
     * @param {import("./plan.js").Convolution} options
     * @returns {Tensor}
     */
    conv(x, name, { stride = 1, padding = "zero", upsampled = false, activation = "" }) {
        const { outputs, inputs, side } = this.gpu.weights.shape(name);
        const { weights, affine } = this.gpu.layer(name);
        if (padding === "reflect" && Math.min(x.width, x.height) <= side >> 1) padding = "replicate";
        const factor = upsampled ? 2 : 1;
        const result = this.pool.take((x.width * factor) / stride, (x.height * factor) / stride, outputs);
        const depthwise = inputs === 1;
        const group = depthwise || result.slices % 2 ? 1 : 2;
        const { half } = this.gpu;
        const code = shaders.convShader({
            side,
            stride,
            padding,
            activation,
            normed: !!x.norm,
            depthwise,
            group,
            half,
        });
        const sizes = this.sizes(x.width, x.height, x.slices, Number(upsampled));
        this.step(
            code,
            [sizes, x.memory, weights, affine, result.memory, ...(x.norm ? [x.norm] : [])],
            this.grid(Math.ceil(result.width / shaders.PIXELS), result.height, result.slices / group),
        );
        return result;
    }

    /**
     * @param {Tensor} x
     * @param {Tensor} y
     * @param {import("./plan.js").Sum} options
     * @returns {Tensor}
     */
    add(x, y, { upsampled = false, depth = false } = {}) {
        const result = this.pool.take(x.width, x.height, x.channels);
        const code = shaders.addShader({ upsampled, depth, normed: !!y.norm, half: this.gpu.half });
        /** @type {Step["resources"]} */
        const resources = [this.sizes(x.width, x.height), x.memory, y.memory, result.memory];
        if (y.norm) resources.push(y.norm);
        if (depth) resources.push("parameters");
        this.step(code, resources, this.grid(x.width, x.height, x.slices));
        return result;
    }

    /**
     * @param {Tensor} x
     * @returns {Tensor}
     */
    norm(x) {
        const { slices } = x;
        const pixels = x.width * x.height;
        const chunk = Math.min(CHUNK, pixels);
        const chunks = Math.ceil(pixels / chunk);
        const tiles = this.keep(this.gpu.buffer(32 * slices * chunks));
        const norm = this.keep(this.gpu.buffer(32 * slices));
        const sizes = this.sizes(pixels, slices, chunk, this.taken);
        this.step(shaders.tileShader(this.gpu.half), [sizes, x.memory, tiles], [chunks, slices, 1]);
        this.step(shaders.combineShader(EPSILON), [sizes, tiles, "parameters", norm], [slices, 1, 1]);
        this.taken += 2 * slices;
        return { ...x, norm };
    }

    /**
     * The last step: the means of the channels.
     * @param {Tensor} x
     */
    means(x) {
        this.result = this.keep(this.gpu.buffer(16 * x.slices));
        const sizes = this.sizes(x.width * x.height, x.slices);
        this.step(shaders.meanShader(this.gpu.half), [sizes, x.memory, this.result], [Math.ceil(x.slices / 64), 1, 1]);
    }

    /**
     * The last step: the painting.
     * @param {Tensor} x
     */
    output(x) {
        this.result = this.keep(this.gpu.buffer(4 * this.width * this.height));
        this.step(
            shaders.outputShader(this.gpu.half),
            [this.sizes(x.width, x.height), x.memory, x.norm, "parameters", this.photo.createView(), this.result],
            this.grid(this.width, this.height),
        );
    }

    /** Resolves when the shaders are compiled. */
    async ready() {
        for (const step of this.steps) step.pipeline ??= await this.gpu.pipeline(step.code);
    }

    /**
     * @param {OffscreenCanvas} image
     * @param {Float32Array} parameters
     * @param {import("./plan.js").Context2D} context
     */
    async paint(image, parameters, context) {
        this.gpu.setParameters(parameters);
        const pixels = new Uint8ClampedArray(await this.run(image));
        context.putImageData(new ImageData(pixels, this.width, this.height), 0, 0);
    }

    /** @param {OffscreenCanvas} image */
    async channelMeans(image) {
        return new Float32Array(await this.run(image));
    }

    /**
     * Execute the steps.
     * @param {OffscreenCanvas} image
     * @returns {Promise<ArrayBuffer>}  what the last one has computed
     */
    async run(image) {
        const { device } = this.gpu;
        const result = /** @type {GPUBuffer} */ (this.result);
        const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
        const copy = device.createBuffer({ size: result.size, usage });
        device.queue.copyExternalImageToTexture({ source: image }, { texture: this.photo }, [this.width, this.height]);
        const commands = device.createCommandEncoder();
        const pass = commands.beginComputePass();
        for (const step of this.steps) {
            pass.setPipeline(/** @type {GPUComputePipeline} */ (step.pipeline));
            pass.setBindGroup(0, this.bindings(step));
            pass.dispatchWorkgroups(...step.workgroups);
        }
        pass.end();
        commands.copyBufferToBuffer(result, 0, copy, 0, result.size);
        device.queue.submit([commands.finish()]);
        try {
            await copy.mapAsync(GPUMapMode.READ);
            return copy.getMappedRange().slice(0);
        } finally {
            copy.destroy();
        }
    }

    /**
     * @param {Step} step
     * @returns {GPUBindGroup}
     */
    bindings(step) {
        const { device, parameters } = this.gpu;
        step.bindings ??= device.createBindGroup({
            layout: /** @type {GPUComputePipeline} */ (step.pipeline).getBindGroupLayout(0),
            entries: step.resources.map((resource, binding) => {
                const used = resource === "parameters" ? /** @type {GPUBuffer} */ (parameters) : resource;
                return { binding, resource: used instanceof GPUBuffer ? { buffer: used } : used };
            }),
        });
        return step.bindings;
    }

    /** Free the memory. */
    destroy() {
        for (const buffer of this.buffers) buffer.destroy();
        this.photo.destroy();
    }
}
