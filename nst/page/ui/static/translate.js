// Translates the page's texts, wherever they are and whenever they change. In a pattern, each {}
// stands for an inserted value. A text that begins with the verbatim mark belongs to a visitor or
// an owner, and stays as it is; so do file names that Gradio shows.
(() => {
    const words = "{{words}}", VERBATIM = "{{verbatim}}";
    const SKIPPED = "script, style, textarea, #about, .file-preview";
    document.documentElement.lang = "{{language}}";
    const exact = new Map(Object.entries(words));
    const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const patterns = [...exact].filter(([english]) => english.includes("{}"))
        .sort(([one], [other]) => other.length - one.length)
        .map(([english, other]) => {
            const parts = english.split("{}").map(escaped);
            return [new RegExp(`^${parts.join("(.+?)")}$`, "s"), other];
        });
    const translated = (text) => {
        const bare = text.trim();
        if (!bare || bare.length > 1000 || bare.startsWith(VERBATIM)) return text;
        let result = exact.get(bare);
        for (const [pattern, other] of result === undefined ? patterns : []) {
            const values = pattern.exec(bare);
            if (!values) continue;
            let index = 0;
            result = other.replaceAll("{}", () => translated(values[++index]));
            break;
        }
        return result === undefined ? text : text.replace(bare, () => result);
    };
    const written = new WeakMap(); // node -> the translation in it, not to be translated again
    const translateText = (node) => {
        if (node.parentElement?.closest(SKIPPED) || written.get(node) === node.data) return;
        const other = translated(node.data);
        written.set(node, other);
        if (other !== node.data) node.data = other;
    };
    const ATTRIBUTES = ["aria-label", "placeholder", "title", "alt"];
    const translateAttributes = (element) => ATTRIBUTES.forEach((attribute) => {
        const text = element.getAttribute(attribute);
        if (!text || element.closest(".file-preview")) return;
        const other = translated(text);
        if (other !== text) element.setAttribute(attribute, other);
    });
    const translateTree = (root) => {
        if (root.nodeType === Node.TEXT_NODE) {
            translateText(root);
        } else if (root.nodeType === Node.ELEMENT_NODE) {
            translateAttributes(root);
            root.childNodes.forEach(translateTree);
        }
    };
    new MutationObserver((changes) => {
        for (const {type, target, addedNodes} of changes) {
            if (type === "childList") addedNodes.forEach(translateTree);
            else if (type === "attributes") translateAttributes(target);
            else translateTree(target);
        }
    }).observe(document, {
        subtree: true, childList: true, characterData: true, attributeFilter: ATTRIBUTES,
    });
})();
