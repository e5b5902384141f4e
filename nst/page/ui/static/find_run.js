// A page that was cut off from its run looks for it; a page that closes reports that. The key of a duplicated tab is
// that of the original, until the duplicate has its own.
() => {
    window.nst ??= {};
    window.addEventListener("pagehide", () => {
        if (window.nst.run) navigator.sendBeacon?.(`${window.gradio_config.root}/left/${window.nst.run}`);
    });
    if (sessionStorage.getItem("nst-run")) document.querySelector("#reattach").click();
}
