// A tab that was cut off from its run asks for it; one that closes says so.
() => {
    window.addEventListener("pagehide", () => {
        const key = sessionStorage.getItem("nst-run");
        if (key) navigator.sendBeacon(`${window.gradio_config.root}/left/${key}`);
    });
    if (sessionStorage.getItem("nst-run")) document.querySelector("#take-up").click();
}
