/** Messages to the visitor. */

import { SetupError } from "./painting.js";
import { InputError } from "./pictures.js";
import { t } from "./words.js";

/**
 * Says what went wrong, and what to do.
 * @param {unknown} error
 * @param {import("./painting.js").PaintQueue} queue
 */
export async function complain(error, queue) {
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

/**
 * Shows a message until it is closed or the next one comes.
 * @param {string} text empty for none
 */
export function say(text) {
    const message = document.createElement("div");
    const close = document.createElement("button");
    close.className = "icon";
    close.setAttribute("aria-label", t("Close"));
    close.append(/** @type {Node} */ (document.querySelector("#dismiss svg")?.cloneNode(true)));
    close.addEventListener("click", () => say(""));
    message.append(Object.assign(document.createElement("span"), { textContent: text }), close);
    document.querySelector("#message")?.replaceChildren(...(text ? [message] : []));
}
