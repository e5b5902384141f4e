// The WebGL 2 backend. Features are texture arrays; a step is one draw call, which computes one slice or two.

import { pause } from "./plan.js";
import { BLOCK, GLPlan } from "./webgl_plan.js";
import * as shaders from "./webgl_shaders.js";

const MIN_LAYERS = 1280; // of a texture array, for the encoder's features

/** @typedef {import("./webgl_plan.js").Step} Step */

export class WebGL {
    name = /** @type {const} */ ("webgl2");

    /**
     * @param {WebGL2RenderingContext} gl
     * @param {import("./weights.js").Weights} weights
     * @param {boolean} half  features are float16, not float32
     */
    constructor(gl, weights, half) {
        this.gl = gl;
        this.weights = weights;
        const exact = !!gl.getExtension("EXT_color_buffer_float"); // else float16 is all that can be written
        this.featureFormat = half || !exact ? gl.RGBA16F : gl.RGBA32F;
        this.normFormat = exact ? gl.RGBA32F : gl.RGBA16F;
        this.compilation = gl.getExtension("KHR_parallel_shader_compile");
        /** @type {Map<string, WebGLProgram>} */
        this.programs = new Map();
        /** @type {WebGLTexture | undefined} */
        this.parameters = undefined;
        this.group = gl.getParameter(gl.MAX_DRAW_BUFFERS) >= 2 * shaders.PIXELS ? 2 : 1;
        /** @type {Map<string, WebGLBuffer>} */
        this.layers = new Map();
        const { data, side } = weights.noise();
        this.noise = this.texture(side, side, gl.R32F);
        gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, side, side, gl.RED, gl.FLOAT, data);
        /** @type {Promise<void>} */
        this.lost = new Promise((resolve) => {
            gl.canvas.addEventListener("webglcontextlost", () => resolve(), { once: true });
        });
    }

    /**
     * A WebGL 2 context that can compute; null if this browser has none.
     * @returns {WebGL2RenderingContext | null}
     */
    static context() {
        const gl = new OffscreenCanvas(1, 1).getContext("webgl2", {
            alpha: false,
            antialias: false,
            depth: false,
            preserveDrawingBuffer: true, // until it is drawn
            powerPreference: "high-performance",
        });
        const writable = gl?.getExtension("EXT_color_buffer_float") ?? gl?.getExtension("EXT_color_buffer_half_float");
        return gl && writable && gl.getParameter(gl.MAX_ARRAY_TEXTURE_LAYERS) >= MIN_LAYERS ? gl : null;
    }

    /** Free the context's memory. */
    destroy() {
        this.gl.getExtension("WEBGL_lose_context")?.loseContext();
    }

    /** Resolves when everything that was asked of the GPU is done. */
    async finished() {
        const { gl } = this;
        const sync = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
        gl.flush();
        while (sync && gl.getSyncParameter(sync, gl.SYNC_STATUS) === gl.UNSIGNALED && !gl.isContextLost())
            await pause();
        gl.deleteSync(sync);
    }

    /**
     * @param {Float32Array} numbers  four for each texel
     */
    setParameters(numbers) {
        const { gl } = this;
        this.parameters ??= this.texture(numbers.length / 4, 1, gl.RGBA32F);
        gl.activeTexture(gl.TEXTURE0);
        gl.bindTexture(gl.TEXTURE_2D, this.parameters);
        gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, numbers.length / 4, 1, gl.RGBA, gl.FLOAT, numbers);
    }

    /**
     * Give each sampler its texture unit.
     * @param {WebGLProgram} program
     */
    bindUnits(program) {
        const { gl } = this;
        gl.useProgram(program);
        for (const [unit, name] of shaders.SAMPLERS.entries())
            gl.uniform1i(gl.getUniformLocation(program, name), unit);
    }

    /** @param {Step} step */
    execute({ program, target, width, height, textures, numbers, weights }) {
        const { gl } = this;
        gl.useProgram(program);
        gl.bindFramebuffer(gl.FRAMEBUFFER, target);
        gl.viewport(0, 0, width, height);
        for (const [unit, name] of shaders.SAMPLERS.entries()) {
            const texture = name === "parameters" ? this.parameters : textures[name];
            if (!texture) continue;
            gl.activeTexture(gl.TEXTURE0 + unit);
            gl.bindTexture(name === "x" || name === "y" ? gl.TEXTURE_2D_ARRAY : gl.TEXTURE_2D, texture);
        }
        for (const [name, number] of Object.entries(numbers))
            gl.uniform1i(gl.getUniformLocation(program, name), number);
        if (weights) gl.bindBufferRange(gl.UNIFORM_BUFFER, 0, weights.buffer, weights.offset, BLOCK);
        gl.drawArrays(gl.TRIANGLES, 0, 3);
    }

    /**
     * The steps of a network for images of one size, still to be added.
     * @param {number} width
     * @param {number} height
     * @param {number} multiple  the features' sides are multiples of it
     * @param {boolean} noisy  noise is added to the image
     */
    plan(width, height, multiple, noisy) {
        return new GLPlan(this, width, height, multiple, noisy);
    }

    /**
     * @param {string} fragment  source of a fragment shader
     * @returns {WebGLProgram}
     */
    program(fragment) {
        const known = this.programs.get(fragment);
        if (known) return known;
        const { gl } = this;
        const program = /** @type {WebGLProgram} */ (gl.createProgram());
        const sources = /** @type {[number, string][]} */ ([
            [gl.VERTEX_SHADER, shaders.VERTEX],
            [gl.FRAGMENT_SHADER, fragment],
        ]);
        for (const [type, source] of sources) {
            const shader = /** @type {WebGLShader} */ (gl.createShader(type));
            gl.shaderSource(shader, source);
            gl.compileShader(shader);
            gl.attachShader(program, shader);
        }
        gl.linkProgram(program);
        this.programs.set(fragment, program);
        return program;
    }

    /**
     * @param {number} width
     * @param {number} height
     * @param {number} format
     * @param {number} [layers]  of a texture array
     * @returns {WebGLTexture}
     */
    texture(width, height, format, layers = 0) {
        const { gl } = this;
        const target = layers ? gl.TEXTURE_2D_ARRAY : gl.TEXTURE_2D;
        const texture = /** @type {WebGLTexture} */ (gl.createTexture());
        gl.activeTexture(gl.TEXTURE0);
        gl.bindTexture(target, texture);
        if (layers) gl.texStorage3D(target, 1, format, width, height, layers);
        else gl.texStorage2D(target, 1, format, width, height);
        for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
            gl.texParameteri(target, filter, gl.NEAREST);
        return texture;
    }

    /**
     * A convolution's weights as uniform blocks, one for each group of slices that a draw call computes.
     * @param {string} name
     * @param {number} group
     * @returns {WebGLBuffer}
     */
    layer(name, group) {
        const known = this.layers.get(name);
        if (known) return known;
        const { gl } = this;
        const { packed, scale, bias } = this.weights.layer(name);
        const slices = scale.length / 4;
        const length = packed.length / slices; // numbers of a slice
        const blocks = new Uint32Array((BLOCK / 4) * (slices / group));
        const floats = new Float32Array(blocks.buffer);
        for (let slice = 0; slice < slices; slice++) {
            const start = (BLOCK / 4) * Math.floor(slice / group);
            const place = slice % group;
            const scales = scale.subarray(4 * slice, 4 * slice + 4).map((x) => x / shaders.WEIGHT_FACTOR);
            floats.set(scales, start + 8 * place);
            floats.set(bias.subarray(4 * slice, 4 * slice + 4), start + 8 * place + 4);
            blocks.set(packed.subarray(slice * length, (slice + 1) * length), start + 8 * group + place * length);
        }
        const buffer = /** @type {WebGLBuffer} */ (gl.createBuffer());
        gl.bindBuffer(gl.UNIFORM_BUFFER, buffer);
        gl.bufferData(gl.UNIFORM_BUFFER, blocks, gl.STATIC_DRAW);
        this.layers.set(name, buffer);
        return buffer;
    }
}
