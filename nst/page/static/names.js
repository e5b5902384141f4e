// Gives what one can reach with the keyboard in Gradio's parts the names that it lacks there, and
// tells the page's style whether this browser can share files.
() => {
    const name = () => {
        for (const style of document.querySelectorAll(".thumbnail-item:has(.caption-label)"))
            style.setAttribute("aria-label", style.querySelector(".caption-label").textContent);
        document.querySelector("#canvas button:has(img)")?.setAttribute("aria-label", "Painting");
        for (const empty of document.querySelectorAll("div[aria-label='Empty value']"))
            empty.removeAttribute("aria-label");
        for (const wide of document.querySelectorAll("#about .katex-display"))
            wide.tabIndex = 0; // it scrolls where the column is narrow
    };
    new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
    name();
    const file = new File([""], "painting.png", {type: "image/png"});
    document.body.classList.toggle("shares", !!navigator.canShare?.({files: [file]}));
}
