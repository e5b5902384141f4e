/// <reference lib="webworker" />

/**
 * The service worker: keeps the site for use without a connection. The export fills in the version and the files, so
 * that a changed site is a changed script, which the browser installs with a cache of its own.
 *
 * The weights are not fetched at installation, but with the first photo, or when the site is installed as an app.
 */

const scope = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const PREFIX = `nst ${scope.registration.scope} `; // other sites of the same origin have caches, too
const CACHE = `${PREFIX}{{version}}`;
const WEIGHTS_CACHE = `${PREFIX}weights {{weights_version}}`;
const WEIGHTS = new URL("{{weights}}", scope.registration.scope).href;
const FILES = "{{files}}".split(" ");

scope.addEventListener("install", (event) => {
    const requests = FILES.map((file) => new Request(file, { cache: "no-cache" }));
    event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

scope.addEventListener("activate", (event) => {
    event.waitUntil(replaceOlder());
});

scope.addEventListener("message", (event) => {
    if (event.data === "activate") scope.skipWaiting();
    if (event.data === "weights") event.waitUntil(keepWeights());
});

scope.addEventListener("fetch", (event) => {
    const { request } = event;
    if (request.method === "GET" && request.url.startsWith(scope.registration.scope))
        event.respondWith(answer(request));
});

/** @param {Request} request */
async function answer(request) {
    const cache = await caches.open(request.url === WEIGHTS ? WEIGHTS_CACHE : CACHE);
    return (await cache.match(request, { ignoreSearch: request.mode === "navigate" })) ?? fetch(request);
}

async function replaceOlder() {
    for (const name of await caches.keys())
        if (name.startsWith(PREFIX) && name !== CACHE && name !== WEIGHTS_CACHE) await caches.delete(name);
    await scope.clients.claim();
}

async function keepWeights() {
    const cache = await caches.open(WEIGHTS_CACHE);
    if (!(await cache.match(WEIGHTS))) await cache.add(WEIGHTS);
}
