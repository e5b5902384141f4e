/** The service worker, which keeps the site for use without a connection (`offline.js`). */

/**
 * Installs it, and the one that a newer version of the site has left waiting.
 * @param {() => boolean} isUsed whether the page may not be reloaded any more
 */
export async function keepOffline(isUsed) {
    if (document.readyState !== "complete")
        await new Promise((resolve) => addEventListener("load", resolve, { once: true }));
    try {
        const { waiting } = await navigator.serviceWorker.register("offline.js");
        if (!waiting || isUsed()) return;
        navigator.serviceWorker.addEventListener("controllerchange", () => location.reload());
        waiting.postMessage("activate");
    } catch {
        // Without HTTPS, or where the browser blocks site data, the site needs a connection.
    }
}

/** Has the service worker keep the weights, too. */
export async function keepWeights() {
    try {
        const { active } = await navigator.serviceWorker.ready;
        active?.postMessage("weights");
    } catch {
        // There is no service worker.
    }
}
