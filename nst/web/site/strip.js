/** The strip of styles: which are chosen, with which shares, and the visitor's own. */

import { t } from "./words.js";

/** @typedef {import("./painting.js").Cin} Cin */
/** @typedef {import("./painting.js").Painter} Painter */
/** @typedef {import("./painting.js").Module} Module */

/**
 * @typedef {object} Style
 * @property {string} title
 * @property {string} tradition
 * @property {HTMLElement} item its place in the strip
 * @property {number} [index] of a built-in style in the catalogue
 * @property {HTMLCanvasElement} [picture] of an own style
 * @property {Promise<Cin>} [cin] of an own style, once it is encoded
 */

const MAX_BLEND = 4;
const SHARE = 50; // of a style that joins a blend; shares need not add up to 100

/** Events: "change" (styles or shares), "full" (detail: the Style that has no place in the blend). */
export class StyleStrip extends EventTarget {
    /** @type {Style[]} */
    styles = [];
    /** @type {Map<Style, number>} style -> share, in the order of choice */
    chosen = new Map();
    #blending = false;

    /**
     * @param {HTMLElement} list
     * @param {HTMLElement} shares
     */
    constructor(list, shares) {
        super();
        this.list = list;
        this.shares = shares;
        for (const item of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("[data-index]"))) {
            const title = item.querySelector(".name")?.textContent ?? "";
            this.#add({ title, tradition: t(item.dataset.tradition ?? ""), item, index: Number(item.dataset.index) });
        }
    }

    get blending() {
        return this.#blending;
    }

    /** Whether a click adds a style to the others. Without it, only the last one stays chosen. */
    set blending(value) {
        this.#blending = value;
        if (!value && this.chosen.size > 1) this.#choose([...this.chosen.keys()].slice(-1));
        else this.#show();
    }

    /**
     * Adds a style of the visitor's in front of the others.
     * @param {string} title
     * @param {HTMLCanvasElement} picture
     * @param {() => Promise<void>} forget is awaited before the style disappears
     */
    addOwn(title, picture, forget) {
        const template = /** @type {HTMLTemplateElement} */ (document.querySelector("#own-style"));
        const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
        const item = /** @type {HTMLElement} */ (copy.firstElementChild);
        const remove = /** @type {HTMLButtonElement} */ (item.querySelector(".remove"));
        item.querySelector("img")?.setAttribute("src", picture.toDataURL("image/jpeg", 0.85));
        /** @type {HTMLElement} */ (item.querySelector(".name")).textContent = title;
        remove.setAttribute("aria-label", t("Remove {}", title));
        this.list.firstElementChild?.after(item);
        /** @type {Style} */
        const style = { title, tradition: "", item, picture };
        this.#add(style);
        remove.addEventListener("click", async () => {
            remove.disabled = true;
            await forget();
            this.styles.splice(this.styles.indexOf(style), 1);
            item.remove();
            if (!this.chosen.has(style)) return;
            const others = [...this.chosen.keys()].filter((other) => other !== style);
            this.#choose(others.length ? others : this.styles.slice(0, 1));
        });
        return style;
    }

    /**
     * Chooses one style, or adds it to the blend or takes it out, as a click does.
     * @param {Style} style
     */
    toggle(style) {
        const chosen = [...this.chosen.keys()];
        if (!this.#blending) this.#choose([style]);
        else if (!this.chosen.has(style)) {
            if (chosen.length === MAX_BLEND) this.dispatchEvent(new CustomEvent("full", { detail: style }));
            else this.#choose([...chosen, style]);
        } else if (chosen.length > 1) this.#choose(chosen.filter((other) => other !== style));
    }

    /**
     * The parameters of what is chosen.
     * @param {Painter} painter
     * @param {Module} module
     * @returns {Promise<Cin>}
     */
    async cin(painter, { blend }) {
        /** @type {[Cin, number][]} */
        const parts = [];
        for (const [style, share] of this.chosen) parts.push([await cinOf(style, painter), share]);
        const visible = parts.filter(([, share]) => share > 0);
        return parts.length === 1 ? parts[0][0] : blend(visible.length ? visible : parts);
    }

    /** @param {Style} style */
    #add(style) {
        if (style.picture) this.styles.unshift(style);
        else this.styles.push(style);
        style.item.querySelector(".style")?.addEventListener("click", () => this.toggle(style));
    }

    /** @param {Style[]} styles */
    #choose(styles) {
        this.chosen = new Map(styles.map((style) => [style, this.chosen.get(style) ?? SHARE]));
        this.#show();
        this.dispatchEvent(new Event("change"));
    }

    #show() {
        for (const style of this.styles)
            style.item.querySelector(".style")?.setAttribute("aria-pressed", String(this.chosen.has(style)));
        this.shares.replaceChildren(
            ...(this.chosen.size > 1 ? [...this.chosen].map(([style, share]) => this.#shareRow(style, share)) : []),
        );
    }

    /**
     * @param {Style} style
     * @param {number} share
     */
    #shareRow(style, share) {
        const template = /** @type {HTMLTemplateElement} */ (document.querySelector("#share-row"));
        const row = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
        const slider = /** @type {HTMLInputElement} */ (row.querySelector("input"));
        row.querySelector("img")?.setAttribute("src", style.item.querySelector("img")?.src ?? "");
        /** @type {HTMLElement} */ (row.querySelector("span")).textContent = style.title;
        slider.value = String(share);
        fill(slider);
        slider.addEventListener("input", () => {
            fill(slider);
            this.chosen.set(style, slider.valueAsNumber);
            this.dispatchEvent(new Event("change"));
        });
        return row;
    }
}

/**
 * The parameters of one style; an own style is encoded once.
 * @param {Style} style
 * @param {Painter} painter
 * @returns {Promise<Cin>}
 */
export function cinOf(style, painter) {
    if (style.index !== undefined) return Promise.resolve(painter.builtIn(style.index));
    style.cin ??= painter.encode(/** @type {HTMLCanvasElement} */ (style.picture));
    style.cin.catch(() => delete style.cin); // the next attempt starts anew
    return style.cin;
}

/**
 * Shows how far a slider is filled.
 * @param {HTMLInputElement} slider
 */
export function fill(slider) {
    const percent = (100 * (slider.valueAsNumber - Number(slider.min))) / (Number(slider.max) - Number(slider.min));
    slider.style.setProperty("--filled", `${percent}%`);
}
