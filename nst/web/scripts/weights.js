// The network's weights: one safetensors file, decoded as it is needed.

/**
 * @typedef {object} Stored  A tensor of the file.
 * @property {number[]} shape
 * @property {Int8Array | Int16Array | Float32Array} data
 */

/**
 * @typedef {object} Layer  A convolution's weights, arranged for GPUs, which compute four channels at once.
 * @property {number} outputs  channels
 * @property {number} inputs  channels; 1 in a depthwise convolution
 * @property {number} side  of the kernel, in pixels
 * @property {Uint32Array} packed  for each four outputs, each four inputs and each pixel of the kernel a 4 x 4 matrix; a
 *     number has an input's four weights, in 8 bits each. In a depthwise convolution, one number for each four channels
 *     and each pixel
 * @property {Float32Array} scale  of each output: by it the sums of the packed weights are multiplied
 * @property {Float32Array} bias  of each output
 */

const TYPES = /** @type {const} */ ({ I8: Int8Array, I16: Int16Array, F32: Float32Array });

export class Weights {
    /** @param {ArrayBuffer} file  a safetensors file with tensors of type I8, I16 and F32 */
    constructor(file) {
        const headerBytes = Number(new DataView(file).getBigUint64(0, true));
        this.header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, headerBytes)));
        this.start = 8 + headerBytes;
        this.file = file;
    }

    /**
     * @param {string} name
     * @returns {boolean}
     */
    has(name) {
        return name in this.header;
    }

    /**
     * @param {string} name
     * @returns {Stored}
     */
    tensor(name) {
        const { dtype, shape, data_offsets } = this.header[name];
        const [from, to] = data_offsets;
        const type = TYPES[/** @type {keyof typeof TYPES} */ (dtype)];
        return { shape, data: new type(this.file.slice(this.start + from, this.start + to)) };
    }

    /**
     * The shape of a convolution.
     * @param {string} name
     */
    shape(name) {
        const [outputs, inputs, side] = this.header[`${name}.weight`].shape;
        return { outputs, inputs, side };
    }

    /**
     * A convolution's weights.
     * @param {string} name
     * @returns {Layer}
     */
    layer(name) {
        const { shape, data } = this.tensor(`${name}.weight`);
        const [outputs, inputs, side] = shape;
        const [scale, bias] = ["scale", "bias"].map((kind) => {
            const numbers = new Float32Array(4 * Math.ceil(outputs / 4));
            if (this.has(`${name}.${kind}`)) numbers.set(this.tensor(`${name}.${kind}`).data);
            return numbers;
        });
        const columns = inputs === 1 ? 1 : 4;
        const slices = Math.ceil(inputs / columns);
        const pixels = side * side;
        const packed = new Int8Array(scale.length * slices * columns * pixels);
        for (let output = 0; output < outputs; output++) {
            for (let input = 0; input < inputs; input++) {
                const block = ((output >> 2) * slices + Math.floor(input / columns)) * pixels;
                for (let pixel = 0; pixel < pixels; pixel++) {
                    const place = ((block + pixel) * columns + (input % columns)) * 4 + (output & 3);
                    packed[place] = data[(output * inputs + input) * pixels + pixel];
                }
            }
        }
        return { outputs, inputs, side, packed: new Uint32Array(packed.buffer), scale, bias };
    }

    /** The tile of noise that is added to photos, in 0..1, and its side in pixels. */
    noise() {
        const { shape, data } = this.tensor("noise.weight");
        const scale = this.tensor("noise.scale").data[0];
        return { side: shape[0], data: Float32Array.from(data, (number) => scale * number) };
    }

    /**
     * The product of a matrix and a vector.
     * @param {string} name  of a layer whose kernel is one pixel
     * @param {Float32Array} vector  one number for each input
     * @param {Float32Array} product  receives one number for each output
     */
    multiply(name, vector, product) {
        const { data } = this.tensor(`${name}.weight`);
        const scale = this.tensor(`${name}.scale`).data;
        const bias = this.has(`${name}.bias`) ? this.tensor(`${name}.bias`).data : new Float32Array(scale.length);
        for (let row = 0; row < scale.length; row++) {
            let sum = 0;
            for (let column = 0; column < vector.length; column++) {
                sum += data[row * vector.length + column] * vector[column];
            }
            product[row] = sum * scale[row] + bias[row];
        }
    }
}
