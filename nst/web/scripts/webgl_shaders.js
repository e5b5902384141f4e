// The shaders of the WebGL 2 backend. Features are texture arrays: a slice has four layers, one for every fourth column, so
// that a fragment computes four pixels of a row and reads the weights once for all.

const HEADER = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp sampler2DArray;
uniform sampler2DArray x, y;
uniform sampler2D factors, shifts, parameters, photo, noise;
uniform int width, height, slices, first; // pixels and slices of x; the first slice that is computed
uniform int doubled; // 1: x is enlarged by 2 first, each pixel becomes four
vec4 pixel(sampler2DArray t, int column, int row, int s) {
    return texelFetch(t, ivec3(column >> 2, row, 4 * s + (column & 3)), 0);
}
`;

export const SAMPLERS = ["x", "y", "factors", "shifts", "parameters", "photo", "noise"]; // each has its own unit

export const PIXELS = 4; // of a row that a fragment computes

export const WEIGHT_FACTOR = 2 ** 24; // a convolution's weights are multiplied by it, so its scales are divided by it

/** One triangle covers the target. */
export const VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0, 1); }`;

const PLACES = {
    zero: "clamp(i, 0, n - 1)",
    end: "clamp(i, 0, n - 1)",
    reflect: "n - 1 - abs(n - 1 - abs(i))",
    replicate: "clamp(i, 0, n - 1)",
};

const ACTIVATIONS = { "": "$", relu: "max($, 0.0)", relu6: "clamp($, 0.0, 6.0)" };

/**
 * @param {number} count
 * @param {(index: number) => string} line
 */
const lines = (count, line) => Array.from({ length: count }, (_, index) => line(index)).join("\n");

/**
 * The outputs of a shader: the pixels of the first slice, then those of the second.
 * @param {number} group
 */
const outputs = (group) => lines(group * PIXELS, (index) => `layout(location = ${index}) out vec4 o${index};`);

/**
 * @typedef {object} ConvShader
 * @property {number} side
 * @property {number} stride
 * @property {"zero" | "end" | "reflect" | "replicate"} padding
 * @property {"" | "relu" | "relu6"} activation
 * @property {boolean} normed  the input has a norm
 * @property {boolean} depthwise
 * @property {number} group  slices that are computed at once
 *
 * @typedef {number | string} Index  in the shader's code: a number or an expression
 */

/**
 * A convolution. Its uniform block has the scales and the biases of the group's slices, then the packed weights.
 * @param {ConvShader} options
 */
export function convShader({ side, stride, padding, activation, normed, depthwise, group }) {
    const reach = padding === "end" ? 0 : side >> 1;
    const outside = side > 1 && (padding === "zero" || padding === "end");
    const span = (PIXELS - 1) * stride + side; // pixels of a row that a fragment reads
    const rolled = side > 3; // A loop over the kernel's columns compiles faster. It is for a stride of 1.
    const loaded = (/** @type {Index} */ c) => {
        const load = `pixel(x, place(at.x + ${c}, across) >> doubled, row, s)`;
        return normed ? `max(${load} * f + h, 0.0)` : load;
    };
    const value = (/** @type {Index} */ c) =>
        outside ? `(uint(at.x + ${c}) < inside ? ${loaded(c)} : vec4(0))` : loaded(c);
    /**
     * @param {Index} column  of the kernel
     * @param {number} place  of the first pixel's value among those that were read
     * @param {number} slice
     */
    const product = (column, place, slice) => {
        const index = `i + ${slice} * slices * ${side * side} + ${column}`;
        const weights = depthwise ? `column(w[(${index}) >> 2][(${index}) & 3])` : `matrix(w[${index}])`;
        const type = depthwise ? "vec4" : "mat4";
        return `{ ${type} m = ${weights};
            ${lines(PIXELS, (p) => `o${slice * PIXELS + p} += m * v${p * stride + place};`)} }`;
    };
    const products = (/** @type {Index} */ column, /** @type {number} */ place) =>
        lines(group, (slice) => product(column, place, slice));
    const row = rolled
        ? `${lines(PIXELS, (c) => `vec4 v${c} = ${value(c)};`)}
            for (int c = 0; c < ${side}; c++) {
                ${products("c", 0)}
                ${lines(PIXELS - 1, (p) => `v${p} = v${p + 1};`)}
                v${PIXELS - 1} = ${value(`c + ${PIXELS}`)};
            }`
        : `${lines(span, (c) => `vec4 v${c} = ${value(c)};`)} ${lines(side, (column) => products(column, column))}`;
    return `${HEADER}
layout(std140) uniform Weights { uvec4 w[1024]; };
${outputs(group)}
int place(int i, int n) { return ${PLACES[padding]}; }
// The four signed bytes of a number, times WEIGHT_FACTOR: each is moved to the top. Compilers for GPUs turn the product
// into a shift. Software multiplies faster than it shifts.
vec4 column(uint packed) { return vec4(ivec4((uvec4(packed) * uvec4(16777216, 65536, 256, 1)) & 0xff000000u)); }
mat4 matrix(uvec4 packed) { return mat4(column(packed.x), column(packed.y), column(packed.z), column(packed.w)); }
void main() {
    int across = width << doubled, down = height << doubled;
    ivec2 at = ivec2(int(gl_FragCoord.x) * ${PIXELS}, int(gl_FragCoord.y)) * ${stride} - ${reach};
    ${lines(group * PIXELS, (index) => `o${index} = vec4(0);`)}
    for (int k = 0; k < ${depthwise ? 1 : "slices"}; k++) {
        int s = ${depthwise ? "first" : "k"};
        ${normed ? "vec4 f = texelFetch(factors, ivec2(s, 0), 0), h = texelFetch(shifts, ivec2(s, 0), 0);" : ""}
        for (int r = 0; r < ${side}; r++) {
            int row = place(at.y + r, down) >> doubled, i = ${2 * group * (depthwise ? 4 : 1)} + k * ${side * side} + r * ${side};
            ${outside ? "uint inside = uint(at.y + r) < uint(height) ? uint(width) : 0u;" : ""}
            ${row}
        }
    }
    ${lines(group * PIXELS, (index) => {
        const slice = Math.floor(index / PIXELS);
        const sum = `o${index} * uintBitsToFloat(w[${2 * slice}]) + uintBitsToFloat(w[${2 * slice + 1}])`;
        return `o${index} = ${ACTIVATIONS[activation].replace("$", sum)};`;
    })}
}`;
}

/**
 * The sum of x and y, which may have a norm or be multiplied by the depth.
 * @param {{upsampled: boolean, depth: boolean, normed: boolean, group: number}} options
 */
export function addShader({ upsampled, depth, normed, group }) {
    const sum = (/** @type {number} */ index) => `{
        int s = first + ${Math.floor(index / PIXELS)}, column = 4 * at.x + ${index % PIXELS};
        vec4 v = ${upsampled ? "enlarged(column, at.y, s)" : "pixel(y, column, at.y, s)"};
        ${normed ? "v = v * texelFetch(factors, ivec2(s, 0), 0) + texelFetch(shifts, ivec2(s, 0), 0);" : ""}
        o${index} = pixel(x, column, at.y, s) + ${depth ? "depth * " : ""}v; }`;
    return `${HEADER}
${outputs(group)}
vec4 enlarged(int column, int row, int s) {
    ivec2 at = ivec2(column, row), low = (at - 1) >> 1, high = min(low + 1, ivec2(width, height) / 2 - 1);
    vec2 share = vec2(0.75) - 0.5 * vec2(at & 1); // of the pixel to the right and below
    low = max(low, 0);
    return mix(mix(pixel(y, low.x, low.y, s), pixel(y, high.x, low.y, s), share.x),
        mix(pixel(y, low.x, high.y, s), pixel(y, high.x, high.y, s), share.x), share.y);
}
void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    ${depth ? "float depth = texelFetch(parameters, ivec2(textureSize(parameters, 0).x - 1, 0), 0).x;" : ""}
    ${lines(group * PIXELS, sum)}
}`;
}

/** Mean and sum of squared deviations of each tile: a column is a tile, a row a slice. */
export const TILE_SHADER = `${HEADER}
uniform int side;
layout(location = 0) out vec4 mean;
layout(location = 1) out vec4 squares;
void main() {
    ivec2 size = ivec2(width, height), tile = ivec2(gl_FragCoord.xy);
    int columns = (size.x + side - 1) / side;
    ivec2 low = ivec2(tile.x % columns, tile.x / columns) * side, high = min(low + side, size);
    mean = squares = vec4(0);
    for (int r = low.y; r < high.y; r++) for (int c = low.x; c < high.x; c++)
        mean += pixel(x, c, r, tile.y);
    mean /= float((high.x - low.x) * (high.y - low.y));
    for (int r = low.y; r < high.y; r++) for (int c = low.x; c < high.x; c++) {
        vec4 v = pixel(x, c, r, tile.y) - mean;
        squares += v * v;
    }
}`;

/**
 * Factors and shifts that normalise features, from those of their tiles (factors: means, shifts: squares).
 * @param {number} epsilon
 */
export const combineShader = (epsilon) => `${HEADER}
uniform int side;
layout(location = 0) out vec4 factor;
layout(location = 1) out vec4 shift;
void main() {
    int s = int(gl_FragCoord.x), columns = (width + side - 1) / side, tiles = textureSize(factors, 0).x;
    float pixels = float(width * height);
    vec4 mean = vec4(0), variance = vec4(0);
    for (int pass = 0; pass < 2; pass++) for (int tile = 0; tile < tiles; tile++) {
        ivec2 low = ivec2(tile % columns, tile / columns) * side, extent = min(ivec2(side), ivec2(width, height) - low);
        float share = float(extent.x * extent.y) / pixels;
        vec4 v = texelFetch(factors, ivec2(tile, s), 0);
        if (pass == 0) mean += share * v;
        else variance += share * (v - mean) * (v - mean) + texelFetch(shifts, ivec2(tile, s), 0) / pixels;
    }
    factor = texelFetch(parameters, ivec2(first + s, 0), 0) * inversesqrt(variance + ${epsilon});
    shift = texelFetch(parameters, ivec2(first + textureSize(factors, 0).y + s, 0), 0) - mean * factor;
}`;

/** The mean of each slice. */
export const MEAN_SHADER = `${HEADER}
out vec4 mean;
void main() {
    mean = vec4(0);
    for (int r = 0; r < height; r++) for (int c = 0; c < width; c++) mean += pixel(x, c, r, int(gl_FragCoord.x));
    mean /= float(width * height);
}`;

/**
 * The photo, mirrored at its right and lower edge.
 * @param {boolean} noisy
 */
export const inputShader = (noisy) => `${HEADER}
${outputs(1)}
vec4 value(ivec2 at) {
    ivec2 size = textureSize(photo, 0);
    vec4 v = texelFetch(photo, size - 1 - abs(size - 1 - at), 0);
    ${noisy ? "v = clamp(v + texelFetch(noise, at % textureSize(noise, 0), 0).x, 0.0, 1.0);" : ""}
    return vec4(v.xyz, 0);
}
void main() {
    ivec2 at = ivec2(int(gl_FragCoord.x) * ${PIXELS}, int(gl_FragCoord.y));
    ${lines(PIXELS, (p) => `o${p} = value(at + ivec2(${p}, 0));`)}
}`;

/** The painting, mixed with the photo. */
export const OUTPUT_SHADER = `${HEADER}
out vec4 o0;
void main() {
    ivec2 size = textureSize(photo, 0), at = ivec2(gl_FragCoord.x, float(size.y) - gl_FragCoord.y);
    vec4 v = pixel(x, at.x, at.y, 0) * texelFetch(factors, ivec2(0), 0) + texelFetch(shifts, ivec2(0), 0);
    float share = texelFetch(parameters, ivec2(textureSize(parameters, 0).x - 1, 0), 0).y;
    o0 = mix(texelFetch(photo, at, 0), 1.0 / (1.0 + exp(-v)), share);
}`;
