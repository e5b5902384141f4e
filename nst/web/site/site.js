/** The page: a photo, the styles, and the painting, all on the visitor's device. */

import { Camera } from "./camera.js";
import { PaintQueue, SetupError } from "./painting.js";
import { download, InputError, readClipboard, readPicture, square, toBlob } from "./pictures.js";
import { forgetStyle, loadStyles, storeStyle } from "./storage.js";
import { cinOf, fill, StyleStrip } from "./strip.js";
import { loadWords, t } from "./words.js";

/** @typedef {import("./strip.js").Style} Style */

const MAX_SIZE = 1024; // pixels on the longest side of a painting
const STYLE_SIZE = 512; // of an own style, as it is kept
const THUMBNAIL = 192;

const root = document.documentElement;
const picture = /** @type {HTMLCanvasElement} */ (byId("picture"));
const strength = /** @type {HTMLInputElement} */ (byId("strength"));
const chooser = /** @type {HTMLDialogElement} */ (byId("chooser"));
const photoFile = /** @type {HTMLInputElement} */ (byId("photo-file"));
const styleFile = /** @type {HTMLInputElement} */ (byId("style-file"));

/** @type {{name: string, canvas: HTMLCanvasElement} | null} */
let photo = null;

await loadWords();
const queue = new PaintQueue();
const strip = new StyleStrip(byId("styles"), byId("shares"));
const scene = /** @type {HTMLCanvasElement} */ (byId("scene"));
const camera = new Camera(scene, queue, (painter, module) => strip.cin(painter, module));

connectPhoto();
connectStyles();
connectControls();
connectQueue();
connectCamera();
await restoreStyles();
await keepOffline();

function connectPhoto() {
    byId("choose").addEventListener("click", () => photoFile.click());
    photoFile.addEventListener("change", () => {
        const file = photoFile.files?.[0];
        if (file) attempt(() => usePhoto(file, file.name));
        photoFile.value = ""; // the same file may be chosen again
    });
    byId("paste").addEventListener("click", () => attempt(pastePhoto));
    for (const sample of byId("samples").querySelectorAll("button"))
        sample.addEventListener("click", () => attempt(() => useSample(sample)));
    byId("other").addEventListener("click", () => {
        chooser.append(byId("sources"));
        chooser.showModal();
    });
    byId("dismiss").addEventListener("click", () => chooser.close());
    chooser.addEventListener("click", (event) => event.target === chooser && chooser.close());
    document.addEventListener("paste", (event) => {
        const file = event.clipboardData?.files[0];
        if (file) attempt(() => usePhoto(file, t("The photo")));
    });
    document.addEventListener("dragover", (event) => {
        event.preventDefault();
        root.classList.add("drags");
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget || root.classList.remove("drags"));
    document.addEventListener("drop", (event) => {
        event.preventDefault();
        root.classList.remove("drags");
        const files = [...(event.dataTransfer?.files ?? [])];
        const onStyles = event.target instanceof Node && byId("panel").contains(event.target);
        if (!files.length) say(t("Only files can be dropped here; save the picture first."));
        else attempt(() => (onStyles ? addStyles(files) : usePhoto(files[0], files[0].name)));
    });
}

/**
 * @param {Blob} file
 * @param {string} name
 */
async function usePhoto(file, name) {
    const canvas = await readPicture(file, name, MAX_SIZE);
    if (camera.running) camera.stop();
    chooser.close();
    say("");
    photo = { name, canvas };
    show(canvas);
    setMode("photo");
    if (strip.chosen.size) paint();
    else strip.toggle(strip.styles[0]);
    const small = square(canvas, THUMBNAIL);
    queue.setSmall(strip.styles.map((style) => thumbnailJob(style, small)));
}

async function pastePhoto() {
    const file = await readClipboard().catch(() => {
        throw new InputError(
            t(
                "The browser doesn't give this page what this needs: allow it in the browser's settings, and try again.",
            ),
        );
    });
    if (!file) throw new InputError(t("There is no picture on the clipboard; copy one and try again."));
    await usePhoto(file, t("The photo"));
}

/** @param {HTMLButtonElement} sample */
async function useSample(sample) {
    const response = await fetch(sample.value);
    await usePhoto(await response.blob(), sample.getAttribute("aria-label") ?? "");
}

/**
 * @param {Style} style
 * @param {HTMLCanvasElement} small
 * @returns {import("./painting.js").Job}
 */
function thumbnailJob(style, small) {
    style.item.classList.add("waits");
    return async (painter) => {
        const canvas = /** @type {HTMLCanvasElement} */ (style.item.querySelector("canvas"));
        await painter.paint(small, canvas, { cin: await cinOf(style, painter), size: THUMBNAIL });
        style.item.classList.remove("waits");
        style.item.classList.add("painted");
    };
}

function paint() {
    if (!photo) return;
    const source = photo.canvas;
    const size = Number(/** @type {HTMLInputElement} */ (document.querySelector("[name=size]:checked")).value);
    const amount = strength.valueAsNumber;
    queue.setLarge(async (painter, module) => {
        const work = document.createElement("canvas");
        const cin = await strip.cin(painter, module);
        const start = performance.now();
        await painter.paint(source, work, { cin, size, strength: amount });
        if (source !== photo?.canvas) return;
        show(work);
        byId("status").textContent = t("Done in {}", seconds(performance.now() - start));
    });
}

/** @param {HTMLCanvasElement} canvas */
function show(canvas) {
    picture.width = canvas.width;
    picture.height = canvas.height;
    setRatio(canvas);
    picture.getContext("2d")?.drawImage(canvas, 0, 0);
}

/** @param {HTMLCanvasElement} canvas what the wall shows, as large as fits */
function setRatio(canvas) {
    root.style.setProperty("--ratio", String(canvas.width / canvas.height));
}

function connectStyles() {
    strip.addEventListener("change", () => {
        const titles = [...strip.chosen.keys()].map((style) => style.title);
        const [style] = strip.chosen.keys();
        byId("title").textContent =
            titles.length > 1 ? titles.join(" + ") : [style.title, style.tradition].filter(Boolean).join(", ");
        if (camera.running) attempt(() => camera.update());
        else paint();
    });
    strip.addEventListener("full", (event) => {
        const { title } = /** @type {CustomEvent<Style>} */ (event).detail;
        say(t("Four styles at most: take one away before you add {}.", title));
    });
    byId("blending").addEventListener("click", () => {
        strip.blending = !strip.blending;
        byId("blending").setAttribute("aria-pressed", String(strip.blending));
        root.classList.toggle("blends", strip.blending);
    });
    byId("add").addEventListener("click", () => styleFile.click());
    styleFile.addEventListener("change", () => {
        const files = [...(styleFile.files ?? [])];
        attempt(() => addStyles(files));
        styleFile.value = "";
    });
}

/** @param {File[]} files */
async function addStyles(files) {
    for (const file of files) {
        const canvas = await readPicture(file, file.name, STYLE_SIZE);
        const title = file.name.replace(/\.[^.]*$/, "");
        const key = await toBlob(canvas, "image/jpeg")
            .then((blob) => storeStyle({ title, picture: blob }))
            .catch(() => {
                say(t("The browser keeps nothing for this page: your own styles are gone when you close it."));
            });
        strip.toggle(addStyle(title, canvas, key));
    }
}

/**
 * @param {string} title
 * @param {HTMLCanvasElement} canvas
 * @param {IDBValidKey | void} key
 */
function addStyle(title, canvas, key) {
    const style = strip.addOwn(title, canvas, () => key !== undefined && forgetStyle(key));
    if (photo) queue.addSmall(thumbnailJob(style, square(photo.canvas, THUMBNAIL)));
    return style;
}

async function restoreStyles() {
    for (const [key, { title, picture: blob }] of await loadStyles().catch(() => []))
        addStyle(title, await readPicture(blob, title, STYLE_SIZE), key);
}

function connectControls() {
    fill(strength);
    strength.addEventListener("input", () => {
        fill(strength);
        camera.strength = strength.valueAsNumber;
        if (camera.running) attempt(() => camera.update());
        else paint();
    });
    for (const size of document.querySelectorAll("[name=size]")) size.addEventListener("change", paint);
    byId("download").addEventListener("click", () => attempt(async () => download(await painted(), fileName())));
    const share = byId("share");
    const probe = new File([], "nst.png", { type: "image/png" });
    share.hidden = !(matchMedia("(pointer: coarse)").matches && navigator.canShare?.({ files: [probe] }));
    share.addEventListener("click", () =>
        attempt(async () => {
            const file = new File([await painted()], fileName(), { type: "image/png" });
            await navigator.share({ files: [file] }).catch(() => {}); // the visitor has closed the sheet
        }),
    );
}

function painted() {
    return toBlob(picture, "image/png");
}

function fileName() {
    const name = (photo?.name ?? "").replace(/\.[^.]*$/, "");
    return `${[name, ...[...strip.chosen.keys()].map((style) => style.title)].join(" - ")}.png`;
}

function connectQueue() {
    queue.addEventListener("state", (event) => {
        const state = /** @type {CustomEvent<string>} */ (event).detail;
        root.classList.toggle("works", state !== "idle");
        if (state === "loading")
            byId(camera.running ? "speed" : "status").textContent = t("Loading the network, 5 MB");
    });
    queue.addEventListener("ready", keepWeights);
    queue.addEventListener("lost", () => say(t("The graphics processor was reset; the picture is painted again.")));
    queue.addEventListener("error", (event) => complain(/** @type {CustomEvent<unknown>} */ (event).detail));
}

function connectCamera() {
    camera.addEventListener("start", () => {
        chooser.close();
        if (!strip.chosen.size) strip.toggle(strip.styles[0]);
        setMode("live");
    });
    camera.addEventListener("stop", () => setMode(photo ? "photo" : "empty"));
    camera.addEventListener("message", (event) => say(/** @type {CustomEvent<string>} */ (event).detail));
    camera.addEventListener("speed", (event) => {
        byId("speed").textContent = /** @type {CustomEvent<string>} */ (event).detail;
        setRatio(scene);
    });
    camera.addEventListener("snapshot", (event) => {
        const blob = /** @type {CustomEvent<Blob>} */ (event).detail;
        attempt(() => usePhoto(blob, t("The camera's picture")));
    });
}

/** @param {"empty" | "photo" | "live"} mode */
function setMode(mode) {
    root.dataset.mode = mode;
    byId("speed").textContent = "";
    if (mode === "photo") setRatio(picture);
    byId("status").textContent = "";
    if (mode === "empty") byId("welcome").append(byId("sources"));
    else scrollTo({ top: 0 });
}

/** Installs the service worker, and one that a newer version of the site has left waiting. */
async function keepOffline() {
    if (document.readyState !== "complete")
        await new Promise((resolve) => addEventListener("load", resolve, { once: true }));
    const container = navigator.serviceWorker;
    const registration = await container?.register("offline.js").catch(() => null); // site data may be blocked
    if (registration?.waiting && !photo) {
        container.addEventListener("controllerchange", () => location.reload());
        registration.waiting.postMessage("activate");
    }
    addEventListener("appinstalled", keepWeights);
}

/** Has the service worker keep the weights, too, for use without a connection. */
async function keepWeights() {
    const registration = await navigator.serviceWorker?.ready;
    registration?.active?.postMessage("weights");
}

/** @param {() => unknown} action */
async function attempt(action) {
    try {
        await action();
    } catch (error) {
        await complain(error);
    }
}

/** @param {unknown} error */
async function complain(error) {
    for (const style of strip.styles) style.item.classList.remove("waits");
    if (error instanceof InputError) return say(error.message);
    console.error(error);
    if (!(error instanceof SetupError)) return say(t("This could not be done; reload the page and try once more."));
    const module = await queue.load().catch(() => null);
    if (module && error.cause instanceof module.Unsupported)
        say(
            t(
                "This browser can't paint: it needs WebGPU or WebGL 2. Update it, or switch its graphics acceleration on.",
            ),
        );
    else say(t("The network could not be loaded; check the connection, and try again."));
}

/** @param {string} text a message, which stays until it is closed or the next one comes; empty for none */
function say(text) {
    const message = document.createElement("div");
    const close = document.createElement("button");
    close.className = "icon";
    close.setAttribute("aria-label", t("Close"));
    close.append(/** @type {Node} */ (document.querySelector("#dismiss svg")?.cloneNode(true)));
    close.addEventListener("click", () => say(""));
    message.append(Object.assign(document.createElement("span"), { textContent: text }), close);
    byId("message").replaceChildren(...(text ? [message] : []));
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
    return `${(milliseconds / 1000).toLocaleString(root.lang, { maximumFractionDigits: 1, minimumFractionDigits: 1 })} s`;
}

/** @param {string} id */
function byId(id) {
    return /** @type {HTMLElement} */ (document.getElementById(id));
}
