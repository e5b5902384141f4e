// The visitor's camera, and what to do where there is none.

const CONSTRAINTS = { video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 720 } } };

const DENIED =
    "The browser may not use the camera: allow it in the browser's settings for this page, and start again.";
const FRAMED = "The page around this one does not let it use the camera: open this page in a tab of its own.";
const INSECURE = "Browsers give cameras only to pages at https addresses: open this page with https.";
const MISSING = "There is no camera: connect one, or take a photo instead.";
const BUSY = "Another program uses the camera: close it, and start again.";

/** @type {Record<string, string>} */
const MESSAGES = {
    NotAllowedError: DENIED,
    SecurityError: DENIED,
    NotFoundError: MISSING,
    OverconstrainedError: MISSING,
    NotReadableError: BUSY,
    AbortError: BUSY,
    TypeError: INSECURE, // there is no navigator.mediaDevices
};

/** A camera that can't be had; the message says what to do. */
export class CameraError extends Error {}

/**
 * The front camera if there are several. Browsers ask the visitor for permission.
 * @returns {Promise<MediaStream>}
 * @throws {CameraError}
 */
export async function openCamera() {
    try {
        return await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
    } catch (error) {
        const name = error instanceof Error ? error.name : "";
        const message = forbiddenByFrame() && MESSAGES[name] !== MISSING ? FRAMED : MESSAGES[name];
        throw new CameraError(message ?? BUSY);
    }
}

/**
 * Whether this page is in a frame that may not use cameras. Only Chromium says so; elsewhere every frame is suspected.
 * @returns {boolean}
 */
function forbiddenByFrame() {
    const policy = /** @type {any} */ (document).featurePolicy;
    return window !== window.top && !policy?.allowsFeature("camera");
}

/**
 * Plays a camera's stream, which no element of the page has to show.
 * @param {MediaStream} stream
 * @param {AbortSignal} end
 * @returns {Promise<HTMLVideoElement>}
 * @throws {CameraError}
 */
export async function play(stream, end) {
    const video = document.createElement("video");
    Object.assign(video, { muted: true, playsInline: true, srcObject: stream });
    end.addEventListener("abort", () => {
        video.srcObject = null;
    });
    try {
        await video.play();
    } catch {
        throw new CameraError(BUSY);
    }
    return video;
}

/**
 * Calls back when the camera has a new picture.
 * @param {HTMLVideoElement} video
 * @param {() => void} callback
 */
export function onNextFrame(video, callback) {
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(callback);
    else requestAnimationFrame(callback);
}

/**
 * The camera's present picture at its full size, as JPEG.
 * @param {HTMLVideoElement} video
 * @returns {Promise<Blob>}
 */
export async function snapshotOf(video) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    return new Promise((resolve, reject) => {
        const keep = (/** @type {Blob | null} */ blob) =>
            blob ? resolve(blob) : reject(new Error("No picture yet."));
        canvas.toBlob(keep, "image/jpeg", 0.92);
    });
}
