// CIN parameters of styles, as nst/one_pass_network/styles.py computes them.

import { CIN_LAYERS, CIN_SIZE, EMBEDDING_SIZE, ENCODER_MULTIPLE } from "./network.js";

/** @typedef {import("./weights.js").Weights} Weights */
/** @typedef {Float32Array} Cin  CIN_SIZE numbers */

const ENCODER_SIZE = 256; // side of a square style in pixels; other styles get the same area
const MAX_ENCODER_SIDE = 2048; // pixels
const SAME_STYLE = 0.05; // relative distance of two embeddings below which they are of one style
const NEUTRAL = 0.5; // strength at which the style is as the network has it

/**
 * CIN parameters of an embedding; the depth is 1.
 * @param {Weights} weights
 * @param {Float32Array} embedding
 * @returns {Cin}
 */
export function cinParameters(weights, embedding) {
    const cin = new Float32Array(CIN_SIZE).fill(1);
    let start = 0;
    for (const [name, width] of CIN_LAYERS) {
        for (const kind of ["factor", "shift"]) {
            weights.multiply(`${name}.${kind}`, embedding, cin.subarray(start, start + width));
            start += width;
        }
    }
    return cin;
}

/**
 * The index of the built-in style with this embedding; -1 if there is none.
 * @param {Weights} weights
 * @param {Float32Array} embedding
 */
export function recognise(weights, embedding) {
    const { shape, data } = weights.tensor("fine_tuned.embeddings");
    const length = Math.hypot(...embedding);
    for (let style = 0; style < shape[0]; style++) {
        const distance = Math.hypot(...embedding.map((number, k) => number - data[style * EMBEDDING_SIZE + k]));
        if (distance < SAME_STYLE * length) return style;
    }
    return -1;
}

/**
 * CIN parameters of a style, with the offsets of the built-in style that it is, if it is one.
 * @param {Weights} weights
 * @param {Float32Array} embedding
 * @param {number} builtIn  index of the style, or -1
 * @returns {Cin}
 */
export function styleParameters(weights, embedding, builtIn) {
    const cin = cinParameters(weights, embedding);
    if (builtIn < 0) {
        cin[CIN_SIZE - 1] = 0; // The large forms are those of the fine-tuned styles. In others they would smear faces.
        return cin;
    }
    const offsets = weights.tensor("fine_tuned.offsets").data;
    return cin.map((number, k) => number + offsets[builtIn * CIN_SIZE + k]);
}

/**
 * @param {Weights} weights
 * @param {number} index  of a built-in style
 * @returns {Float32Array}
 */
export function builtInEmbedding(weights, index) {
    const { data } = weights.tensor("fine_tuned.embeddings");
    return /** @type {Float32Array} */ (data).slice(index * EMBEDDING_SIZE, (index + 1) * EMBEDDING_SIZE);
}

/**
 * A blend of styles.
 * @param {[Cin, number][]} parts  each with its share; shares need not add up to 1
 * @returns {Cin}
 */
export function blend(parts) {
    const total = parts.reduce((sum, [, share]) => sum + share, 0);
    const cin = new Float32Array(CIN_SIZE);
    for (const [part, share] of parts) for (let k = 0; k < CIN_SIZE; k++) cin[k] += (share / total) * part[k];
    return cin;
}

/**
 * What a strength above the neutral one makes of a style: its difference from the photo's own parameters is amplified.
 * @param {Cin} cin
 * @param {Cin} own  of the photo
 * @param {number} strength  0..1
 * @returns {Cin}
 */
export function amplify(cin, own, strength) {
    const factor = strength + 1 - NEUTRAL;
    return cin.map((number, k) => (k === CIN_SIZE - 1 ? number : own[k] + factor * (number - own[k])));
}

/** @param {number} strength  0..1 */
export const isAmplified = (strength) => strength > NEUTRAL;

/**
 * The painting's share in the picture.
 * @param {number} strength  0..1
 */
export const paintingShare = (strength) => Math.min(1, strength / NEUTRAL);

/**
 * Width and height of the encoder's input for an image of this size.
 * @param {number} width
 * @param {number} height
 * @param {number} styleScale
 */
export function encoderSize(width, height, styleScale) {
    const factor = (ENCODER_SIZE * styleScale) / Math.sqrt(width * height);
    return [width, height].map((side) => {
        const units = Math.max(1, Math.round((side * factor) / ENCODER_MULTIPLE));
        return Math.min(MAX_ENCODER_SIDE, units * ENCODER_MULTIPLE);
    });
}
