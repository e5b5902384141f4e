// Paints pictures with the one-pass network on the visitor's GPU: WebGPU where there is one, else WebGL 2.

import {
    CIN_SIZE,
    DECODER_MULTIPLE,
    decode,
    EMBEDDING_SIZE,
    ENCODER_MULTIPLE,
    encode,
    parameters,
} from "./network.js";
import { resize } from "./resize.js";
import * as styles from "./styles.js";
import { WebGL } from "./webgl.js";
import { WebGPU } from "./webgpu.js";
import { Weights } from "./weights.js";

export { blend } from "./styles.js";

/** @typedef {import("./styles.js").Cin} Cin */
/** @typedef {import("./plan.js").Plan} Plan */
/** @typedef {"painting" | "painting without large forms" | "style"} Kind */
/** @typedef {HTMLImageElement | HTMLVideoElement | HTMLCanvasElement | OffscreenCanvas | ImageBitmap} Picture */

const TRAINED_SIZE = 512; // pixels; in a smaller photo the large forms count less
const HALVED_ABOVE = 768; // pixels of the longest side; a larger photo is painted at half its size, and once more
const MIN_HALVED_SIDE = 64; // pixels of the shortest side
const REPAINT = 0.5; // share of the second painting
const MAX_STYLE_SIDE = 1024; // pixels of a style from which the encoder's input is made
const MAX_PLANS = 4; // image sizes whose memory is kept

/** Neither WebGPU nor WebGL 2 can be had. */
export class Unsupported extends Error {}

/** @type {Promise<Weights> | undefined} */
let loading;

/** The weights, loaded once; a failure is tried again. */
function loadWeights() {
    loading ??= fetch(new URL("network.safetensors", import.meta.url))
        .then((answer) => {
            if (!answer.ok) throw new Error(`The network's weights can't be loaded (${answer.status}).`);
            return answer.arrayBuffer();
        })
        .then((file) => new Weights(file));
    loading.catch(() => {
        loading = undefined;
    });
    return loading;
}

/**
 * @param {{backend?: "webgpu" | "webgl2", half?: boolean}} [options]  by default the fastest backend, with float16 on a
 *     GPU; without one, with float32, which a processor computes faster
 * @returns {Promise<Painter>}
 * @throws {Unsupported}
 */
export async function createPainter({ backend, half } = {}) {
    half ??= !(await isSoftware());
    const device = backend === "webgl2" ? null : await WebGPU.device();
    const context = device || backend === "webgpu" ? null : WebGL.context();
    if (!device && !context) throw new Unsupported("This browser has neither WebGPU nor WebGL 2.");
    const weights = await loadWeights();
    if (device) return new Painter(new WebGPU(device, weights, half), weights);
    return new Painter(new WebGL(/** @type {WebGL2RenderingContext} */ (context), weights, half), weights);
}

/**
 * Whether this browser draws without a GPU: then a painting takes seconds.
 * @returns {Promise<boolean>}
 */
export async function isSoftware() {
    const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
    if (adapter) return adapter.info.isFallbackAdapter;
    const gl = WebGL.context();
    const renderer = String(
        gl?.getParameter(gl.getExtension("WEBGL_debug_renderer_info")?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER),
    );
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
    return /swiftshader|llvmpipe|software|basic render/i.test(renderer);
}

export class Painter {
    /**
     * @param {import("./plan.js").Backend} gpu
     * @param {Weights} weights
     */
    constructor(gpu, weights) {
        this.gpu = gpu;
        this.weights = weights;
        this.backend = gpu.name;
        this.lost = gpu.lost; // resolves when the GPU is lost; another painter is needed then
        /** @type {Map<string, Plan>} */
        this.plans = new Map();
        /** @type {{source: Picture, cin: Cin, expires: number} | undefined} */
        this.own = undefined;
        /** @type {Promise<unknown>} the latest work of the GPU */
        this.last = Promise.resolve();
    }

    /**
     * @param {number} index  of a built-in style, in the gallery's order
     * @returns {Cin}
     */
    builtIn(index) {
        return styles.styleParameters(this.weights, styles.builtInEmbedding(this.weights, index), index);
    }

    /**
     * @param {Picture} style
     * @param {number} [styleScale]  the larger, the larger the strokes
     * @returns {Promise<Cin>}
     */
    async encode(style, styleScale = 1) {
        const picture = withoutEdge(fitted(style, MAX_STYLE_SIDE * Math.max(1, styleScale)));
        const embedding = await this.embed(picture, "lanczos", 1);
        const builtIn = styles.recognise(this.weights, embedding);
        const scaled = styleScale === 1 ? embedding : await this.embed(picture, "lanczos", styleScale);
        return styles.styleParameters(this.weights, scaled, builtIn);
    }

    /**
     * The painting of a picture, on a canvas, which takes its size.
     * @param {Picture} source
     * @param {HTMLCanvasElement | OffscreenCanvas} canvas
     * @param {{cin: Cin, size?: number, strength?: number}} options  size in pixels of the longest side, at most that of
     *     the source; strength 0..1, 0 is the photo and 0.5 the style
     */
    async paint(source, canvas, { cin, size = TRAINED_SIZE, strength = 0.5 }) {
        const photo = fitted(source, size);
        if (styles.isAmplified(strength)) cin = styles.amplify(cin, await this.ownParameters(source, photo), strength);
        await this.paintPhoto(photo, canvas, cin, styles.paintingShare(strength));
    }

    /** Free the GPU's memory. */
    destroy() {
        this.gpu.destroy();
    }

    /**
     * The photo's own CIN parameters; those of a film are computed once a second.
     * @param {Picture} source
     * @param {OffscreenCanvas} photo
     */
    async ownParameters(source, photo) {
        const film = source instanceof HTMLVideoElement;
        if (film && this.own?.source === source && performance.now() < this.own.expires) return this.own.cin;
        const cin = styles.cinParameters(this.weights, await this.embed(photo, "bilinear", 1));
        if (film) this.own = { source, cin, expires: performance.now() + 1000 };
        return cin;
    }

    /**
     * A large photo is painted at half its size first, so that its strokes are as large as those of a small one.
     * @param {OffscreenCanvas} photo
     * @param {HTMLCanvasElement | OffscreenCanvas} canvas
     * @param {Cin} cin
     * @param {number} share  of the painting in the picture
     */
    async paintPhoto(photo, canvas, cin, share) {
        const { width, height } = photo;
        if (Math.max(width, height) <= HALVED_ABOVE || Math.min(width, height) < MIN_HALVED_SIDE) {
            await this.paintOnce(photo, canvas, cin, share);
            return;
        }
        const coarse = resized(photo, width >> 1, height >> 1, "bilinear");
        await this.paintPhoto(coarse, coarse, cin, 1);
        const enlarged = resized(coarse, width, height, "bicubic");
        await this.paintOnce(enlarged, canvas, cin, REPAINT);
        const context = context2D(canvas);
        context.globalAlpha = 1 - share;
        context.drawImage(photo, 0, 0);
    }

    /**
     * @param {OffscreenCanvas} photo
     * @param {HTMLCanvasElement | OffscreenCanvas} canvas  may be the photo's
     * @param {Cin} cin
     * @param {number} share
     */
    async paintOnce(photo, canvas, cin, share) {
        const { width, height } = photo;
        const depthShare = Math.min(1, Math.max(width, height) / TRAINED_SIZE);
        await this.inTurn(async () => {
            const plan = await this.plan(
                cin[CIN_SIZE - 1] ? "painting" : "painting without large forms",
                width,
                height,
            );
            if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
            const context = context2D(canvas);
            context.globalAlpha = 1;
            await plan.paint(photo, parameters(cin, depthShare, share), context);
        });
    }

    /**
     * The embedding of an image.
     * @param {OffscreenCanvas} image
     * @param {"lanczos" | "bilinear"} kernel  that makes it smaller
     * @param {number} scale
     * @returns {Promise<Float32Array>}
     */
    async embed(image, kernel, scale) {
        const [width, height] = styles.encoderSize(image.width, image.height, scale);
        const pixels = resized(image, width, height, kernel);
        const means = await this.inTurn(async () => (await this.plan("style", width, height)).channelMeans(pixels));
        const embedding = new Float32Array(EMBEDDING_SIZE);
        this.weights.multiply("encoder.style", means, embedding);
        return embedding;
    }

    /**
     * The GPU computes one picture at a time: all plans share its parameters, and in WebGL its canvas.
     * @template T
     * @param {() => Promise<T>} work
     * @returns {Promise<T>}
     */
    inTurn(work) {
        const done = this.last.then(work);
        this.last = done.catch(() => {});
        return done;
    }

    /**
     * The steps for an image size; the latest sizes are kept.
     * @param {Kind} kind
     * @param {number} width
     * @param {number} height
     * @returns {Promise<Plan>}
     */
    async plan(kind, width, height) {
        const key = `${kind} ${width} ${height}`;
        const plan = this.plans.get(key) ?? this.build(kind, width, height);
        this.plans.delete(key);
        this.plans.set(key, plan); // the last one now
        if (this.plans.size > MAX_PLANS) {
            const [[oldest, unused]] = this.plans;
            this.plans.delete(oldest);
            unused.destroy();
        }
        await plan.ready();
        return this.plans.has(key) ? plan : this.plan(kind, width, height);
    }

    /**
     * @param {Kind} kind
     * @param {number} width
     * @param {number} height
     * @returns {Plan}
     */
    build(kind, width, height) {
        if (kind === "style") {
            const plan = this.gpu.plan(width, height, ENCODER_MULTIPLE, false);
            plan.means(encode(plan, plan.input));
            return plan;
        }
        const plan = this.gpu.plan(width, height, DECODER_MULTIPLE, true);
        plan.output(decode(plan, plan.input, kind === "painting"));
        return plan;
    }
}

/**
 * @param {Picture} picture
 * @returns {[number, number]}
 */
function sizeOf(picture) {
    if (picture instanceof HTMLVideoElement) return [picture.videoWidth, picture.videoHeight];
    if (picture instanceof HTMLImageElement) return [picture.naturalWidth, picture.naturalHeight];
    return [picture.width, picture.height];
}

/** @param {HTMLCanvasElement | OffscreenCanvas} canvas */
function context2D(canvas) {
    return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
}

/**
 * A copy whose longest side is `size` at most; what is transparent becomes white.
 * @param {Picture} picture
 * @param {number} size
 */
function fitted(picture, size) {
    const [width, height] = sizeOf(picture);
    const scale = Math.min(1, size / Math.max(width, height));
    const copy = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
    const context = context2D(copy);
    context.fillStyle = "white";
    context.fillRect(0, 0, copy.width, copy.height);
    context.imageSmoothingQuality = picture instanceof HTMLVideoElement ? "medium" : "high";
    context.drawImage(picture, 0, 0, copy.width, copy.height);
    return copy;
}

/**
 * A style without a thirtieth at each side, where scans have a margin.
 * @param {OffscreenCanvas} style
 */
function withoutEdge(style) {
    const { width, height } = style;
    const margin = Math.floor(Math.max(width, height) / 30);
    if (Math.min(width, height) <= 4 * margin) return style;
    const copy = new OffscreenCanvas(width - 2 * margin, height - 2 * margin);
    context2D(copy).drawImage(style, -margin, -margin);
    return copy;
}

/**
 * @param {OffscreenCanvas} image
 * @param {number} width
 * @param {number} height
 * @param {"bilinear" | "bicubic" | "lanczos"} kernel
 */
function resized(image, width, height, kernel) {
    const pixels = context2D(image).getImageData(0, 0, image.width, image.height);
    const copy = new OffscreenCanvas(width, height);
    context2D(copy).putImageData(resize(pixels, width, height, kernel), 0, 0);
    return copy;
}
