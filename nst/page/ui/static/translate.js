// Puts what the page says into the visitor's language, wherever it stands and whenever it changes.
// In patterns, each {} stands for what was filled in, in the same order.
(() => {
    const words = "{{words}}";
    document.documentElement.lang = "{{language}}";
    const exact = new Map(Object.entries(words));
    const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const patterns = [...exact].filter(([english]) => english.includes("{}"))
        .sort(([one], [other]) => other.length - one.length)
        .map(([english, other]) => {
            const parts = english.split("{}").map(literal);
            return [new RegExp(`^${parts.join("(.+?)")}$`, "s"), other];
        });
    const translated = (text) => {
        const bare = text.trim();
        if (!bare || bare.length > 1000) return text;
        let found = exact.get(bare);
        for (const [pattern, other] of found === undefined ? patterns : []) {
            const filled = pattern.exec(bare);
            if (!filled) continue;
            let place = 0;
            found = other.replaceAll("{}", () => translated(filled[++place]));
            break;
        }
        return found === undefined ? text : text.replace(bare, () => found);
    };
    const said = new WeakMap(); // by node, what was put there: it is not to be translated again
    const put = (node, text, set) => {
        if (said.get(node) === text) return;
        const other = translated(text);
        said.set(node, other);
        if (other !== text) set(other);
    };
    const NAMES = ["aria-label", "placeholder", "title", "alt"];
    const name = (element) => NAMES.forEach((attribute) => {
        const text = element.getAttribute(attribute);
        const other = text && translated(text);
        if (other && other !== text) element.setAttribute(attribute, other);
    });
    const say = (root) => {
        if (root.nodeType === Node.TEXT_NODE) {
            const within = root.parentElement?.closest("script, style, textarea, #about");
            if (!within) put(root, root.data, (text) => { root.data = text; });
        } else if (root.nodeType === Node.ELEMENT_NODE) {
            name(root);
            root.childNodes.forEach(say);
        }
    };
    new MutationObserver((changes) => {
        for (const {type, target, addedNodes} of changes) {
            if (type === "childList") addedNodes.forEach(say);
            else if (type === "attributes") name(target);
            else say(target);
        }
    }).observe(document, {
        subtree: true, childList: true, characterData: true, attributeFilter: NAMES,
    });
})();
