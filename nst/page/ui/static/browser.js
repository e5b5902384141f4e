// Lets the page work where a browser denies it something. Gradio's scripts expect that nothing is denied, so this one
// runs before them.
(() => {
    // Storage that is blocked, broken or full keeps nothing, and raises no error.
    for (const name of ["getItem", "setItem", "removeItem"]) {
        const method = Storage.prototype[name];
        Storage.prototype[name] = function (...values) {
            try {
                return method.apply(this, values);
            } catch {
                return null;
            }
        };
    }
    for (const name of ["localStorage", "sessionStorage"]) {
        let storage = null;
        try {
            storage = window[name];
        } catch { /* blocked */ }
        Object.defineProperty(window, name, {value: storage ?? Object.create(Storage.prototype)});
    }
    // A denied camera, clipboard or full screen becomes a message, unless the script that asked for it handles that.
    const denied = new WeakSet();
    const guard = (owner, name) => {
        const method = owner[name];
        owner[name] = async function (...values) {
            try {
                return await method.apply(this, values);
            } catch (error) {
                denied.add(error);
                throw error;
            }
        };
    };
    for (const name of ["clipboard", "mediaDevices"]) // missing at an http: address
        if (!navigator[name]) Object.defineProperty(navigator, name, {value: {}});
    guard(navigator.clipboard, "read");
    guard(navigator.clipboard, "writeText");
    guard(navigator.mediaDevices, "getUserMedia");
    guard(Element.prototype, "requestFullscreen");
    window.addEventListener("unhandledrejection", (event) => {
        if (!denied.has(event.reason)) return;
        event.preventDefault();
        document.querySelector("#denied")?.click();
    });
})();
