/** The service worker, which keeps the site for use without a connection (`offline.js`). */

/**
 * Installs it. A newer version, which an earlier visit has fetched, takes over with a reload.
 * @param {() => boolean} isUsed whether the page may not be reloaded any more
 */
export async function keepOffline(isUsed) {
    if (document.readyState !== "complete")
        await new Promise((resolve) => addEventListener("load", resolve, { once: true }));
    try {
        const container = navigator.serviceWorker;
        if (container.controller)
            container.addEventListener("controllerchange", () => isUsed() || location.reload(), { once: true });
        const { waiting } = await container.register("offline.js");
        if (!isUsed()) waiting?.postMessage("activate");
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
