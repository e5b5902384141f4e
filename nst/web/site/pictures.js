/** Pictures from files, the clipboard and drops, as canvases. */

import { t } from "./words.js";

const MIN_SIDE = 16; // pixels, as in the rest of nst

/** Input that can't be used; the message tells the visitor what to do. */
export class InputError extends Error {}

/**
 * Decodes a picture, upright and on white.
 * @param {Blob} file
 * @param {string} name what messages call it
 * @param {number} longest pixels of its longest side at most; a smaller picture keeps its size
 * @returns {Promise<HTMLCanvasElement>}
 * @throws {InputError} for a file that the browser can't decode, and for a picture that is too small
 */
export async function readPicture(file, name, longest) {
    const bitmap = await createImageBitmap(file).catch(() => {
        const heic = /hei[cf]/i.test(file.type) || /\.hei[cf]$/i.test(name);
        throw new InputError(
            heic
                ? t("This browser can't read HEIC photos; save it as JPEG and try again.")
                : t("{} is not in a format that can be read; save it as JPEG or PNG and try again.", name),
        );
    });
    const { width, height } = bitmap;
    if (Math.min(width, height) < MIN_SIDE)
        throw new InputError(
            t("{} has only {} pixels; use one with at least {} on each side.", name, `${width}x${height}`, MIN_SIDE),
        );
    const scale = Math.min(1, longest / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    draw(bitmap, canvas);
    bitmap.close();
    return canvas;
}

/**
 * The centre of a picture as a square.
 * @param {HTMLCanvasElement} picture
 * @param {number} side pixels
 */
export function square(picture, side) {
    const part = Math.min(picture.width, picture.height);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = Math.min(side, part);
    draw(picture, canvas, (picture.width - part) / 2, (picture.height - part) / 2, part, part);
    return canvas;
}

/**
 * The first picture on the clipboard, or null. Needs a click, and the visitor's permission.
 * @returns {Promise<Blob | null>}
 */
export async function readClipboard() {
    for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((name) => name.startsWith("image/"));
        if (type) return item.getType(type);
    }
    return null;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} type
 * @returns {Promise<Blob>}
 */
export function toBlob(canvas, type) {
    return new Promise((resolve, reject) =>
        canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no memory"))), type, 0.9),
    );
}

/**
 * Lets the visitor save a file.
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name.replace(/[\\/:*?"<>|]/g, " ");
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a phone asks first where to save it
}

/**
 * @param {CanvasImageSource & {width: number, height: number}} source
 * @param {HTMLCanvasElement} canvas
 */
function draw(source, canvas, x = 0, y = 0, width = source.width, height = source.height) {
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(source, x, y, width, height, 0, 0, canvas.width, canvas.height);
}
