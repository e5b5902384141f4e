// The steps of a network for images of one size, on WebGL 2: a step is one draw call.

import { EPSILON, Pool, pause, tileSide } from "./plan.js";
import * as shaders from "./webgl_shaders.js";

export const BLOCK = 16384; // bytes of a uniform block: every device has room for them

/** @typedef {import("./plan.js").Tensor} Tensor */
/** @typedef {import("./webgl.js").WebGL} WebGL */

/**
 * @typedef {object} Step
 * @property {WebGLProgram} program
 * @property {WebGLFramebuffer | null} target  null: the canvas
 * @property {number} width
 * @property {number} height
 * @property {Record<string, WebGLTexture>} textures
 * @property {Record<string, number>} numbers
 * @property {{buffer: WebGLBuffer, offset: number}} [weights]
 */

export class GLPlan {
    /**
     * @param {WebGL} gpu
     * @param {number} width
     * @param {number} height
     * @param {number} multiple
     * @param {boolean} noisy
     */
    constructor(gpu, width, height, multiple, noisy) {
        const { gl } = gpu;
        this.gpu = gpu;
        this.width = width;
        this.height = height;
        /** @type {Step[]} */
        this.steps = [];
        /** @type {WebGLTexture[]} */
        this.textures = [];
        this.pool = new Pool((w, h, slices) =>
            this.keep(gpu.texture(Math.ceil(w / shaders.PIXELS), h, gpu.featureFormat, shaders.PIXELS * slices)),
        );
        this.photo = this.keep(gpu.texture(width, height, gl.RGBA8));
        /** @type {WebGLFramebuffer[]} */
        this.framebuffers = [];
        this.taken = 0; // texels of the parameters that norms have taken
        const sides = [width, height].map((side) => multiple * Math.ceil(side / multiple));
        this.input = this.pool.take(sides[0], sides[1], 3);
        const textures = { photo: this.photo, noise: gpu.noise };
        this.drawSlices(shaders.inputShader(noisy), this.input, 0, 1, textures);
    }

    /** @param {WebGLTexture} texture */
    keep(texture) {
        this.textures.push(texture);
        return texture;
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
        if (padding === "reflect" && Math.min(x.width, x.height) <= side >> 1) padding = "replicate";
        const factor = upsampled ? 2 : 1;
        const result = this.pool.take((x.width * factor) / stride, (x.height * factor) / stride, outputs);
        const depthwise = inputs === 1;
        const group = depthwise || result.slices % 2 ? 1 : this.gpu.group;
        const buffer = this.gpu.layer(name, group);
        const fragment = shaders.convShader({ side, stride, padding, activation, normed: !!x.norm, depthwise, group });
        const sizes = { width: x.width, height: x.height, slices: x.slices, doubled: Number(upsampled) };
        for (let first = 0; first < result.slices; first += group) {
            const weights = { buffer, offset: (BLOCK * first) / group };
            this.drawSlices(fragment, result, first, group, { x: x.memory, ...x.norm }, { first, ...sizes }, weights);
        }
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
        const group = x.slices % 2 ? 1 : this.gpu.group;
        const fragment = shaders.addShader({ upsampled, depth, normed: !!y.norm, group });
        for (let first = 0; first < x.slices; first += group) {
            const numbers = { first, width: x.width, height: x.height };
            this.drawSlices(fragment, result, first, group, { x: x.memory, y: y.memory, ...y.norm }, numbers);
        }
        return result;
    }

    /**
     * @param {Tensor} x
     * @returns {Tensor}
     */
    norm(x) {
        const { width, height, slices } = x;
        const side = tileSide(width, height);
        const tiles = Math.ceil(width / side) * Math.ceil(height / side);
        const [tile, norm] = [this.pair(tiles, slices), this.pair(slices, 1)];
        this.draw(shaders.TILE_SHADER, tiles, slices, tile.target, { x: x.memory }, { side, width, height });
        const numbers = { side, first: this.taken, width, height };
        this.draw(shaders.combineShader(EPSILON), slices, 1, norm.target, tile.textures, numbers);
        this.taken += 2 * slices;
        return { ...x, norm: norm.textures };
    }

    /**
     * The last step: the means of the channels.
     * @param {Tensor} x
     */
    means(x) {
        const texture = this.keep(this.gpu.texture(x.slices, 1, this.gpu.normFormat));
        const numbers = { width: x.width, height: x.height };
        this.draw(shaders.MEAN_SHADER, x.slices, 1, this.target([{ texture }]), { x: x.memory }, numbers);
    }

    /**
     * The last step: the painting.
     * @param {Tensor} x
     */
    output(x) {
        this.draw(shaders.OUTPUT_SHADER, this.width, this.height, null, { x: x.memory, photo: this.photo, ...x.norm });
    }

    /**
     * Two textures of numbers that a step computes at once: means and squares of tiles, or factors and shifts.
     * @param {number} width
     * @param {number} height
     */
    pair(width, height) {
        const [factors, shifts] = [0, 1].map(() => this.keep(this.gpu.texture(width, height, this.gpu.normFormat)));
        return { textures: { factors, shifts }, target: this.target([{ texture: factors }, { texture: shifts }]) };
    }

    /**
     * Add a step that computes slices of a tensor.
     * @param {string} fragment
     * @param {Tensor} tensor
     * @param {number} first  slice
     * @param {number} count
     * @param {Record<string, WebGLTexture>} textures
     * @param {Record<string, number>} [numbers]
     * @param {Step["weights"]} [weights]
     */
    drawSlices(fragment, tensor, first, count, textures, numbers, weights) {
        const layers = Array.from({ length: shaders.PIXELS * count }, (_, k) => shaders.PIXELS * first + k);
        const target = this.target(layers.map((layer) => ({ texture: tensor.memory, layer })));
        const width = Math.ceil(tensor.width / shaders.PIXELS);
        this.draw(fragment, width, tensor.height, target, textures, numbers, weights);
    }

    /**
     * What a step writes.
     * @param {{texture: WebGLTexture, layer?: number}[]} parts  layers of texture arrays, or textures
     * @returns {WebGLFramebuffer}
     */
    target(parts) {
        const { gl } = this.gpu;
        const framebuffer = /** @type {WebGLFramebuffer} */ (gl.createFramebuffer());
        this.framebuffers.push(framebuffer);
        gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
        for (const [index, { texture, layer }] of parts.entries()) {
            const place = gl.COLOR_ATTACHMENT0 + index;
            if (layer === undefined) gl.framebufferTexture2D(gl.FRAMEBUFFER, place, gl.TEXTURE_2D, texture, 0);
            else gl.framebufferTextureLayer(gl.FRAMEBUFFER, place, texture, 0, layer);
        }
        gl.drawBuffers(parts.map((_, index) => gl.COLOR_ATTACHMENT0 + index));
        return framebuffer;
    }

    /**
     * Add a step.
     * @param {string} fragment
     * @param {number} width
     * @param {number} height
     * @param {WebGLFramebuffer | null} target
     * @param {Record<string, WebGLTexture>} textures
     * @param {Record<string, number>} [numbers]
     * @param {{buffer: WebGLBuffer, offset: number}} [weights]
     */
    draw(fragment, width, height, target, textures, numbers = {}, weights) {
        const program = this.gpu.program(fragment);
        this.steps.push({ program, width, height, target, textures, numbers, weights });
    }

    /** Resolves when the shaders are compiled. */
    async ready() {
        const { gl, compilation } = this.gpu;
        for (const { program } of this.steps) {
            while (
                compilation &&
                !gl.isContextLost() &&
                !gl.getProgramParameter(program, compilation.COMPLETION_STATUS_KHR)
            )
                await pause();
            if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost())
                throw new Error(`A shader can't be compiled: ${gl.getProgramInfoLog(program)}`);
            this.gpu.bindUnits(program);
        }
    }

    /**
     * @param {OffscreenCanvas} image
     * @param {Float32Array} parameters
     * @param {import("./plan.js").Context2D} context
     */
    async paint(image, parameters, context) {
        const { gl } = this.gpu;
        this.gpu.setParameters(parameters);
        Object.assign(gl.canvas, { width: this.width, height: this.height });
        this.run(image);
        await this.gpu.finished(); // or drawing would block the page until then
        context.drawImage(gl.canvas, 0, 0);
    }

    /** @param {OffscreenCanvas} image */
    async channelMeans(image) {
        const { gl } = this.gpu;
        this.run(image);
        await this.gpu.finished();
        const { width } = /** @type {Step} */ (this.steps.at(-1));
        const numbers = new Float32Array(4 * width);
        gl.readPixels(0, 0, width, 1, gl.RGBA, gl.FLOAT, numbers);
        return numbers;
    }

    /**
     * Execute the steps.
     * @param {OffscreenCanvas} image
     */
    run(image) {
        const { gl } = this.gpu;
        gl.activeTexture(gl.TEXTURE0);
        gl.bindTexture(gl.TEXTURE_2D, this.photo);
        gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, gl.RGBA, gl.UNSIGNED_BYTE, image);
        for (const step of this.steps) this.gpu.execute(step);
    }

    /** Free the memory. */
    destroy() {
        for (const texture of this.textures) this.gpu.gl.deleteTexture(texture);
        for (const framebuffer of this.framebuffers) this.gpu.gl.deleteFramebuffer(framebuffer);
    }
}
