// The one-pass network: a style encoder and a decoder, as the steps that a GPU executes. It is the network of
// nst/one_pass_network/network.py, where the references are.

/** @typedef {import("./plan.js").Plan} Plan */
/** @typedef {import("./plan.js").Tensor} Tensor */

export const EMBEDDING_SIZE = 100;
export const ENCODED_SIZE = 1280; // channels whose means become the embedding

const WIDTH = 64; // channels at an eighth of the size

const AHEAD = ["ahead1", "ahead2"];
const DEEP = ["deep1", "deep2", "deep3", "deep4"];
const BEHIND = ["behind1", "behind2"];
const QUARTER = ["residual1", "residual2", "residual3", "residual4", "residual5"];

/**
 * The norms of residual blocks.
 * @param {string[]} blocks
 * @param {number} width  channels
 * @returns {[string, number][]}
 */
const norms = (blocks, width) =>
    blocks.flatMap((block) => [
        [`decoder.${block}.1`, width],
        [`decoder.${block}.2`, width],
    ]);

/** The layers that paint the large forms. */
const LARGE = [...norms(AHEAD, WIDTH), ...norms(DEEP, 2 * WIDTH), ...norms(BEHIND, WIDTH)];

/** The decoder's convolutions that are followed by a norm, in order, with their output channels. */
export const CIN_LAYERS = /** @type {[string, number][]} */ ([
    ...LARGE,
    ...norms(QUARTER, WIDTH / 2),
    ["decoder.expand1", 16],
    ["decoder.expand2", 8],
    ["decoder.expand3", 3],
]);

/**
 * How many texels the factors and shifts of these layers take.
 * @param {[string, number][]} layers
 */
const texelsOf = (layers) => layers.reduce((sum, [, width]) => sum + 2 * Math.ceil(width / 4), 0);

export const CIN_SIZE = CIN_LAYERS.reduce((sum, [, width]) => sum + 2 * width, 1);

export const DECODER_MULTIPLE = 16; // image sides must be multiples of it
export const ENCODER_MULTIPLE = 32;

const DOWN = /** @type {const} */ ({ stride: 2, padding: "reflect", activation: "relu" });

const BLOCKS = 17;
const STRIDED = [1, 3, 6, 13];

/**
 * The features whose means are a style image's embedding, after a linear layer.
 * @param {Plan} plan
 * @param {Tensor} image  3 channels in 0..1, sides multiples of ENCODER_MULTIPLE
 * @returns {Tensor}  ENCODED_SIZE channels
 */
export function encode(plan, image) {
    const clamped = /** @type {const} */ ({ activation: "relu6" });
    let x = plan.conv(image, "encoder.first", { stride: 2, padding: "end", ...clamped });
    for (let block = 0; block < BLOCKS; block++) {
        const name = `encoder.${block}`;
        const before = x;
        if (block) x = plan.conv(before, `${name}.expand`, clamped);
        const strided = STRIDED.includes(block);
        const deep = plan.conv(x, `${name}.depthwise`, {
            stride: strided ? 2 : 1,
            padding: strided ? "end" : "zero",
            ...clamped,
        });
        if (x !== before) plan.free(x);
        x = plan.conv(deep, `${name}.project`, {});
        plan.free(deep);
        if (x.channels === before.channels && !strided) x = replace(plan, x, plan.add(x, before));
        plan.free(before);
    }
    return replace(plan, x, plan.conv(x, "encoder.last", clamped));
}

/**
 * The painting before the sigmoid: the last tensor has a norm that the output step applies.
 * @param {Plan} plan
 * @param {Tensor} photo  3 channels in 0..1, sides multiples of DECODER_MULTIPLE
 * @param {boolean} largeForms  false for styles with a depth of 0, which have none: a third less work
 * @returns {Tensor}  3 channels
 */
export function decode(plan, photo, largeForms) {
    const relu = /** @type {const} */ ({ activation: "relu" });
    let x = plan.conv(photo, "decoder.contract1", { padding: "reflect", ...relu });
    for (const name of ["decoder.contract2", "decoder.contract3"]) x = replace(plan, x, plan.conv(x, name, DOWN));
    if (largeForms) x = addLargeForms(plan, x);
    else plan.taken += texelsOf(LARGE);
    x = residual(plan, x, QUARTER);
    for (const name of ["decoder.expand1", "decoder.expand2"]) {
        x = plan.norm(replace(plan, x, plan.conv(x, name, { padding: "reflect", upsampled: true })));
    }
    return plan.norm(replace(plan, x, plan.conv(x, "decoder.expand3", { padding: "reflect" })));
}

/**
 * The features at a quarter of the size, and those that come from an eighth and a sixteenth.
 * @param {Plan} plan
 * @param {Tensor} x
 * @returns {Tensor}
 */
function addLargeForms(plan, x) {
    let eighth = residual(plan, plan.conv(x, "decoder.contract4", DOWN), AHEAD);
    let deep = residual(plan, plan.conv(eighth, "decoder.contract5", DOWN), DEEP);
    deep = replace(plan, deep, plan.conv(deep, "decoder.rise1", {}));
    eighth = residual(plan, replace(plan, eighth, plan.add(eighth, deep, { upsampled: true })), BEHIND);
    plan.free(deep);
    eighth = replace(plan, eighth, plan.conv(eighth, "decoder.rise2", {}));
    x = replace(plan, x, plan.add(x, eighth, { upsampled: true, depth: true }));
    plan.free(eighth);
    return x;
}

/**
 * The features after these residual blocks.
 * @param {Plan} plan
 * @param {Tensor} x
 * @param {string[]} blocks
 * @returns {Tensor}
 */
function residual(plan, x, blocks) {
    for (const block of blocks) {
        const inner = plan.norm(plan.conv(x, `decoder.${block}.1`, { padding: "reflect" }));
        const outer = plan.norm(plan.conv(inner, `decoder.${block}.2`, { padding: "reflect" }));
        plan.free(inner);
        x = replace(plan, x, plan.add(x, outer));
        plan.free(outer);
    }
    return x;
}

/**
 * The second tensor; the memory of the first is free for later ones.
 * @param {Plan} plan
 * @param {Tensor} old
 * @param {Tensor} next
 * @returns {Tensor}
 */
function replace(plan, old, next) {
    plan.free(old);
    return next;
}

/**
 * CIN parameters as the steps read them: four numbers for each texel. The factors and shifts of each norm begin a texel
 * of their own; the last texel has the depth and the share of the painting in the picture.
 * @param {Float32Array} cin  CIN_SIZE numbers
 * @param {number} depthShare  0..1, multiplies the depth
 * @param {number} share  0..1
 * @returns {Float32Array}
 */
export function parameters(cin, depthShare, share) {
    const numbers = new Float32Array(4 * (texelsOf(CIN_LAYERS) + 1));
    let [from, to] = [0, 0];
    for (const width of CIN_LAYERS.flatMap(([, width]) => [width, width])) {
        numbers.set(cin.subarray(from, from + width), to);
        from += width;
        to += 4 * Math.ceil(width / 4);
    }
    numbers.set([depthShare * cin[CIN_SIZE - 1], share], to);
    return numbers;
}
