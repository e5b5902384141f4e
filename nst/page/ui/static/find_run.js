// A tab that was cut off from its run looks for it; a tab that closes reports that.
() => {
    window.addEventListener("pagehide", () => {
        const key = sessionStorage.getItem("nst-run");
        if (key) navigator.sendBeacon(`${window.gradio_config.root}/left/${key}`);
    });
    if (sessionStorage.getItem("nst-run")) document.querySelector("#reattach").click();
}
