/** The texts in the visitor's language; the English text is the key of its translations. */

const TRANSLATED = ["aria-label", "alt", "title", "placeholder", "content"];

/** @type {Map<string, string>} */
let words = new Map();

/**
 * Loads the translations: those of `?lang=`, else of the browser's first language that the site has.
 * Without them the page stays in English.
 */
export async function loadWords() {
    const root = document.documentElement;
    const available = ["en", ...(root.dataset.languages ?? "").split(" ")];
    const wanted = [new URLSearchParams(location.search).get("lang") ?? "", ...navigator.languages];
    const language = wanted.map((name) => name.toLowerCase().split("-")[0]).find((name) => available.includes(name));
    if (!language || language === "en") return;
    try {
        const response = await fetch(`words/${language}.json`);
        words = new Map(Object.entries(await response.json()));
    } catch {
        return;
    }
    root.lang = language;
    translateTree(root);
    for (const template of document.querySelectorAll("template")) translateTree(template.content);
}

/**
 * A text in the visitor's language, each {} replaced by the next value.
 * @param {string} english
 * @param {...(string | number)} values
 */
export function t(english, ...values) {
    let index = 0;
    return (words.get(english) ?? english).replaceAll("{}", () => String(values[index++]));
}

/** @param {Node} root */
function translateTree(root) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (node instanceof Text) {
            const text = node.data.trim();
            if (words.has(text)) node.data = node.data.replace(text, () => t(text));
        } else if (node instanceof Element) {
            for (const name of TRANSLATED) {
                const text = node.getAttribute(name);
                if (text && words.has(text)) node.setAttribute(name, t(text));
            }
        }
    }
}
