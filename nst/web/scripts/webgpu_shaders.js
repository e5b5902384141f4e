// The shaders of the WebGPU backend. Features are buffers: slice after slice, row after row, four channels a pixel.

/** @typedef {import("./webgl_shaders.js").ConvShader} ConvShader */
/** @typedef {import("./webgl_shaders.js").Index} Index */

export const WORKGROUP = 8; // threads on each side of a workgroup
export const PIXELS = 4; // of a row that a thread of a convolution computes: it reads the weights once for all
const THREADS = 64; // of a workgroup that adds up

const ACTIVATIONS = { "": "$", relu: "max($, vec4f())", relu6: "clamp($, vec4f(), vec4f(6))" };

const PLACES = {
    zero: "clamp(i, 0, n - 1)",
    end: "clamp(i, 0, n - 1)",
    reflect: "n - 1 - abs(n - 1 - abs(i))",
    replicate: "clamp(i, 0, n - 1)",
};

/**
 * @param {number} count
 * @param {(index: number) => string} line
 */
const lines = (count, line) => Array.from({ length: count }, (_, index) => line(index)).join("\n");

/**
 * Features as they are stored: float16 in pairs, which needs no feature of the device, or float32.
 * @param {boolean} half
 */
const storage = (half) => `
alias Stored = ${half ? "vec2u" : "vec4f"};
fn unpacked(v: Stored) -> vec4f { return ${half ? "vec4f(unpack2x16float(v.x), unpack2x16float(v.y))" : "v"}; }
fn stored(v: vec4f) -> Stored { return ${half ? "vec2u(pack2x16float(v.xy), pack2x16float(v.zw))" : "v"}; }`;

/**
 * A convolution. A thread computes PIXELS pixels of `group` slices.
 * @param {ConvShader & {half: boolean}} options
 */
export function convShader({ side, stride, padding, activation, normed, group, depthwise, half }) {
    const reach = padding === "end" ? 0 : side >> 1;
    const outside = side > 1 && (padding === "zero" || padding === "end");
    const span = (PIXELS - 1) * stride + side; // pixels of a row that a thread reads
    const taps = side * side;
    const rolled = side > 3; // A loop over the kernel's columns compiles faster. It is for a stride of 1.
    const load = (/** @type {Index} */ c) =>
        `unpacked(x[u32((s * height + row) * width + (place(at.x + ${c}, across) >> sizes.doubled))])`;
    const loaded = (/** @type {Index} */ c) => (normed ? `max(${load(c)} * f + h, vec4f())` : load(c));
    const value = (/** @type {Index} */ c) =>
        outside ? `select(vec4f(), ${loaded(c)}, u32(at.x + ${c}) < inside)` : loaded(c);
    /**
     * @param {Index} column  of the kernel
     * @param {number} place  of the first pixel's value among those that were read
     */
    const products = (column, place) =>
        lines(group, (slice) => {
            const matrix = depthwise
                ? "unpack4x8snorm(packed)"
                : `mat4x4f(${[..."xyzw"].map((input) => `unpack4x8snorm(packed.${input})`)})`;
            return `{
                let packed = weights[w + ${slice} * slices * ${taps} + ${column}];
                let m = ${matrix};
                ${lines(PIXELS, (pixel) => `o${slice}_${pixel} += m * v${pixel * stride + place};`)} }`;
        });
    const row = rolled
        ? `${lines(PIXELS, (c) => `var v${c} = ${value(c)};`)}
            for (var c = 0; c < ${side}; c++) {
                ${products("c", 0)}
                ${lines(PIXELS - 1, (p) => `v${p} = v${p + 1};`)}
                v${PIXELS - 1} = ${value(`c + ${PIXELS}`)};
            }`
        : `${lines(span, (c) => `let v${c} = ${value(c)};`)} ${lines(side, (column) => products(column, column))}`;
    return `${storage(half)}
struct Sizes { width: i32, height: i32, slices: i32, doubled: u32 } // 1: x is enlarged by 2 first, each pixel becomes four
@group(0) @binding(0) var<uniform> sizes: Sizes; // of the input
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> weights: array<${depthwise ? "u32" : "vec4u"}>;
@group(0) @binding(3) var<storage, read> affine: array<vec4f>; // scale and bias of each output slice
@group(0) @binding(4) var<storage, read_write> result: array<Stored>;
${normed ? "@group(0) @binding(5) var<storage, read> norm: array<vec4f>; // factor and shift of each input slice" : ""}
fn place(i: i32, n: i32) -> i32 { return ${PLACES[padding]}; }
@compute @workgroup_size(${WORKGROUP}, ${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
    let width = sizes.width;
    let height = sizes.height;
    let across = width << sizes.doubled;
    let down = height << sizes.doubled;
    let columns = across / ${stride};
    let rows = down / ${stride};
    let start = vec2i(i32(id.x) * ${PIXELS}, i32(id.y));
    if (start.x >= columns || start.y >= rows) { return; }
    let at = start * ${stride} - ${reach};
    let first = i32(id.z) * ${group};
    let slices = ${depthwise ? "1" : "sizes.slices"};
    ${lines(group, (slice) => lines(PIXELS, (p) => `var o${slice}_${p} = vec4f();`))}
    for (var k = 0; k < slices; k++) {
        let s = ${depthwise ? "first" : "k"};
        ${normed ? "let f = norm[2 * s]; let h = norm[2 * s + 1];" : ""}
        for (var r = 0; r < ${side}; r++) {
            let row = place(at.y + r, down) >> sizes.doubled;
            ${outside ? "let inside = select(0u, u32(width), u32(at.y + r) < u32(height));" : ""}
            let w = (first * slices + k) * ${taps} + r * ${side};
            ${row}
        }
    }
    ${lines(group, (slice) => {
        const result = (/** @type {number} */ p) =>
            ACTIVATIONS[activation].replace("$", `(o${slice}_${p} * scale + bias)`);
        return `{
            let scale = affine[2 * (first + ${slice})];
            let bias = affine[2 * (first + ${slice}) + 1];
            let base = ((first + ${slice}) * rows + start.y) * columns + start.x;
            ${lines(PIXELS, (p) => `if (start.x + ${p} < columns) { result[base + ${p}] = stored(${result(p)}); }`)} }`;
    })}
}`;
}

/**
 * The sum of x and y, which may have a norm or be multiplied by the depth.
 * @param {{upsampled: boolean, depth: boolean, normed: boolean, half: boolean}} options
 */
export const addShader = ({ upsampled, depth, normed, half }) => `${storage(half)}
@group(0) @binding(0) var<uniform> sizes: vec4i; // of x
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> y: array<Stored>;
@group(0) @binding(3) var<storage, read_write> result: array<Stored>;
${normed ? "@group(0) @binding(4) var<storage, read> norm: array<vec4f>;" : ""}
${depth ? "@group(0) @binding(4) var<storage, read> parameters: array<vec4f>;" : ""}
fn at(column: i32, row: i32, s: i32, size: vec2i) -> vec4f { return unpacked(y[(s * size.y + row) * size.x + column]); }
fn enlarged(place: vec2i, s: i32) -> vec4f {
    let size = sizes.xy / 2;
    let low = (place - 1) >> vec2u(1);
    let high = min(low + 1, size - 1);
    let near = max(low, vec2i());
    let share = vec2f(0.75) - 0.5 * vec2f(place & vec2i(1)); // of the pixel to the right and below
    return mix(mix(at(near.x, near.y, s, size), at(high.x, near.y, s, size), share.x),
        mix(at(near.x, high.y, s, size), at(high.x, high.y, s, size), share.x), share.y);
}
@compute @workgroup_size(${WORKGROUP}, ${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
    let place = vec2i(id.xy);
    let s = i32(id.z);
    if (any(place >= sizes.xy)) { return; }
    let index = (s * sizes.y + place.y) * sizes.x + place.x;
    var v = ${upsampled ? "enlarged(place, s)" : "unpacked(y[index])"};
    ${normed ? "v = v * norm[2 * s] + norm[2 * s + 1];" : ""}
    ${depth ? "v *= parameters[arrayLength(&parameters) - 1].x;" : ""}
    result[index] = stored(unpacked(x[index]) + v);
}`;

/**
 * Mean and sum of squared deviations of a chunk of \`sizes.z\` pixels of a slice, for each chunk and slice.
 * @param {boolean} half
 */
export const tileShader = (half) => `${storage(half)}
@group(0) @binding(0) var<uniform> sizes: vec4i; // pixels, slices, pixels of a chunk
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> tiles: array<vec4f>;
var<workgroup> sums: array<vec4f, ${THREADS}>;
fn total(thread: u32, value: vec4f) -> vec4f {
    sums[thread] = value;
    for (var step = ${THREADS / 2}u; step > 0; step /= 2) {
        workgroupBarrier();
        if (thread < step) { sums[thread] += sums[thread + step]; }
    }
    workgroupBarrier();
    let sum = sums[0];
    workgroupBarrier();
    return sum;
}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) thread: u32,
        @builtin(num_workgroups) count: vec3u) {
    let base = i32(id.y) * sizes.x;
    let low = i32(id.x) * sizes.z;
    let high = min(low + sizes.z, sizes.x);
    var mean = vec4f();
    var squares = vec4f();
    for (var turn = 0; turn < 2; turn++) { // the mean, then the squares of the deviations from it
        var sum = vec4f();
        for (var p = low + i32(thread); p < high; p += ${THREADS}) {
            let v = unpacked(x[base + p]) - mean;
            sum += select(v, v * v, turn == 1);
        }
        let all = total(thread, sum);
        if (turn == 0) { mean = all / f32(high - low); } else { squares = all; }
    }
    if (thread == 0) {
        tiles[2 * (id.y * count.x + id.x)] = mean;
        tiles[2 * (id.y * count.x + id.x) + 1] = squares;
    }
}`;

/**
 * Factors and shifts that normalise features, from the means and squares of their chunks.
 * @param {number} epsilon
 */
export const combineShader = (epsilon) => `
@group(0) @binding(0) var<uniform> sizes: vec4i; // pixels, slices, pixels of a chunk, first parameter
@group(0) @binding(1) var<storage, read> tiles: array<vec4f>;
@group(0) @binding(2) var<storage, read> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> norm: array<vec4f>;
@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let s = i32(id.x);
    let count = (sizes.x + sizes.z - 1) / sizes.z;
    let pixels = f32(sizes.x);
    var mean = vec4f();
    var variance = vec4f();
    for (var tile = 0; tile < count; tile++) {
        mean += tiles[2 * (s * count + tile)] * f32(min(sizes.z, sizes.x - tile * sizes.z)) / pixels;
    }
    for (var tile = 0; tile < count; tile++) {
        let v = tiles[2 * (s * count + tile)] - mean;
        let share = f32(min(sizes.z, sizes.x - tile * sizes.z)) / pixels;
        variance += share * v * v + tiles[2 * (s * count + tile) + 1] / pixels;
    }
    let factor = parameters[sizes.w + s] * inverseSqrt(variance + ${epsilon});
    norm[2 * s] = factor;
    norm[2 * s + 1] = parameters[sizes.w + sizes.y + s] - mean * factor;
}`;

/**
 * The mean of each slice.
 * @param {boolean} half
 */
export const meanShader = (half) => `${storage(half)}
@group(0) @binding(0) var<uniform> sizes: vec4i; // pixels, slices
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> means: array<vec4f>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
    let s = i32(id.x);
    if (s >= sizes.y) { return; }
    var sum = vec4f();
    for (var p = 0; p < sizes.x; p++) { sum += unpacked(x[s * sizes.x + p]); }
    means[s] = sum / f32(sizes.x);
}`;

/**
 * The photo, mirrored at its right and lower edge.
 * @param {boolean} noisy
 * @param {boolean} half
 */
export const inputShader = (noisy, half) => `${storage(half)}
@group(0) @binding(0) var<uniform> sizes: vec4i; // of the result; side of the noise
@group(0) @binding(1) var photo: texture_2d<f32>;
@group(0) @binding(2) var<storage, read> noise: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<Stored>;
@compute @workgroup_size(${WORKGROUP}, ${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
    let place = vec2i(id.xy);
    if (any(place >= sizes.xy)) { return; }
    let last = vec2i(textureDimensions(photo)) - 1;
    var v = textureLoad(photo, last - abs(last - place), 0).xyz;
    ${noisy ? "v = clamp(v + noise[(place.y % sizes.z) * sizes.z + place.x % sizes.z], vec3f(), vec3f(1));" : "_ = noise[0];"}
    result[place.y * sizes.x + place.x] = stored(vec4f(v, 0));
}`;

/**
 * The painting, mixed with the photo: 8 bits of red, green, blue and opacity in each number.
 * @param {boolean} half
 */
export const outputShader = (half) => `${storage(half)}
@group(0) @binding(0) var<uniform> sizes: vec4i; // of x
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read> parameters: array<vec4f>;
@group(0) @binding(4) var photo: texture_2d<f32>;
@group(0) @binding(5) var<storage, read_write> painting: array<u32>;
@compute @workgroup_size(${WORKGROUP}, ${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
    let place = vec2i(id.xy);
    let size = textureDimensions(photo);
    if (any(id.xy >= size)) { return; }
    let v = unpacked(x[place.y * sizes.x + place.x]) * norm[0] + norm[1];
    let share = parameters[arrayLength(&parameters) - 1].y;
    let colour = mix(textureLoad(photo, place, 0).xyz, (1 / (1 + exp(-v))).xyz, share);
    painting[id.y * size.x + id.x] = pack4x8unorm(vec4f(colour, 1));
}`;
