// Gives what one can reach with the keyboard in Gradio's parts the names that it lacks there, and
// tells the page's style whether this browser can share files.
() => {
    const name = () => {
        for (const style of document.querySelectorAll(".thumbnail-item:has(.caption-label)"))
            style.setAttribute("aria-label", style.querySelector(".caption-label").textContent);
        for (const picture of document.querySelectorAll(":is(.thumbnail-item, footer) img:not([alt=''])"))
            picture.alt = ""; // its button has a name
        for (const field of document.querySelectorAll("#photo .upload-container, #clip button"))
            if (field.textContent.trim()) field.removeAttribute("aria-label"); // it says its name
        document.querySelector("#canvas button:has(img)")?.setAttribute("aria-label", "Painting");
        for (const empty of document.querySelectorAll("div[aria-label='Empty value']"))
            empty.removeAttribute("aria-label");
        for (const wide of document.querySelectorAll("#about .katex-display"))
            wide.tabIndex = 0; // it scrolls where the column is narrow
    };
    let due = 0; // once for all that changes at a time
    const soon = () => { due ||= requestAnimationFrame(() => { due = 0; name(); }); };
    new MutationObserver(soon).observe(document.body, {childList: true, subtree: true});
    name();
    const file = new File([""], "painting.png", {type: "image/png"});
    document.body.classList.toggle("shares", !!navigator.canShare?.({files: [file]}));
}
