/** The page: a photo, the styles, and the painting, all on the visitor's device. */

import { Camera } from "./camera.js";
import { keepOffline, keepWeights } from "./install.js";
import { complain, say } from "./messages.js";
import { PaintQueue } from "./painting.js";
import { download, InputError, readClipboard, readPicture, square, toBlob } from "./pictures.js";
import { forgetStyle, loadStyles, storeStyle } from "./storage.js";
import { cinOf, fill, StyleStrip } from "./strip.js";
import { loadWords, t } from "./words.js";

/** @typedef {import("./strip.js").Style} Style */

const MAX_SIZE = 1024; // pixels on the longest side of a painting
const STYLE_SIZE = 512; // of an own style, as it is kept
const THUMBNAIL = 192;
const DEFAULT_SIZE = 768; // of a painting on a fast device
const PATIENCE = 2000; // milliseconds

const root = document.documentElement;
const picture = /** @type {HTMLCanvasElement} */ (byId("picture"));
const strength = /** @type {HTMLInputElement} */ (byId("strength"));
const chooser = /** @type {HTMLDialogElement} */ (byId("chooser"));
const photoFile = /** @type {HTMLInputElement} */ (byId("photo-file"));
const styleFile = /** @type {HTMLInputElement} */ (byId("style-file"));

/** @type {HTMLInputElement[]} from small to large */
const sizes = [...document.querySelectorAll("[name=size]")].map((size) => /** @type {HTMLInputElement} */ (size));
let sizeIsChosen = false;

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
addEventListener("appinstalled", keepWeights);
await keepOffline(() => photo !== null || camera.running);

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
    chooser.close(); // messages would be behind it
    const canvas = await readPicture(file, name, MAX_SIZE);
    if (camera.running) camera.stop();
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
    chooser.close();
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
    const amount = strength.valueAsNumber;
    queue.setLarge(async (painter, module) => {
        const slow = setTimeout(() => showStatus(t("Painting on your device")), 500);
        try {
            const cin = await strip.cin(painter, module);
            if (!sizeIsChosen) await chooseSize(painter, cin, source);
            const work = document.createElement("canvas");
            const start = performance.now();
            await painter.paint(source, work, { cin, size: chosenSize(), strength: amount });
            if (source !== photo?.canvas) return;
            show(work);
            showStatus(t("Done in {}", seconds(performance.now() - start)));
        } finally {
            clearTimeout(slow);
        }
    });
}

/**
 * Chooses a size that this device paints in about PATIENCE milliseconds; the visitor may choose another one.
 * @param {import("./painting.js").Painter} painter
 * @param {import("./painting.js").Cin} cin
 * @param {HTMLCanvasElement} source
 */
async function chooseSize(painter, cin, source) {
    const small = square(source, THUMBNAIL);
    const canvas = document.createElement("canvas");
    await painter.paint(small, canvas, { cin, size: THUMBNAIL }); // the first one sets up the GPU's programs
    const start = performance.now();
    await painter.paint(small, canvas, { cin, size: THUMBNAIL });
    const affordable = small.width * Math.sqrt(PATIENCE / (performance.now() - start));
    const fitting = sizes.filter(({ value }) => Number(value) <= Math.min(DEFAULT_SIZE, affordable));
    (fitting.at(-1) ?? sizes[0]).checked = true;
    sizeIsChosen = true;
}

function chosenSize() {
    return Number(sizes.find((size) => size.checked)?.value);
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
    const forget = async () => {
        if (key !== undefined) await forgetStyle(key).catch(() => {});
    };
    const style = strip.addOwn(title, canvas, forget);
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
    for (const size of sizes)
        size.addEventListener("change", () => {
            sizeIsChosen = true;
            paint();
        });
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
    queue.addEventListener("error", (event) => {
        for (const style of strip.styles) style.item.classList.remove("waits");
        complain(/** @type {CustomEvent<unknown>} */ (event).detail, queue);
    });
}

function connectCamera() {
    camera.addEventListener("start", () => {
        chooser.close();
        if (!strip.chosen.size) strip.toggle(strip.styles[0]);
        setMode("live");
    });
    camera.addEventListener("stop", () => setMode(photo ? "photo" : "empty"));
    camera.addEventListener("error", (event) => complain(/** @type {CustomEvent<Error>} */ (event).detail, queue));
    camera.addEventListener("message", (event) => say(/** @type {CustomEvent<string>} */ (event).detail));
    camera.addEventListener("speed", (event) => {
        byId("speed").textContent = /** @type {CustomEvent<string>} */ (event).detail;
    });
    new ResizeObserver(() => camera.running && setRatio(scene)).observe(scene); // a phone may be turned
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
    showStatus("");
    if (mode === "empty") byId("welcome").append(byId("sources"));
    else scrollTo({ top: 0 });
}

/** @param {() => unknown} action */
async function attempt(action) {
    try {
        await action();
    } catch (error) {
        await complain(error, queue);
    }
}

/** @param {string} text */
function showStatus(text) {
    byId("status").textContent = text;
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
    return `${(milliseconds / 1000).toLocaleString(root.lang, { maximumFractionDigits: 1, minimumFractionDigits: 1 })} s`;
}

/** @param {string} id */
function byId(id) {
    return /** @type {HTMLElement} */ (document.getElementById(id));
}
