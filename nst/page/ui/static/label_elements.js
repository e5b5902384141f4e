// Gives Gradio's elements the accessible names that they lack, and marks the body if this browser
// can share files.
() => {
    const label = () => {
        for (const item of document.querySelectorAll(".thumbnail-item:has(.caption-label)"))
            item.setAttribute("aria-label", item.querySelector(".caption-label").textContent);
        for (const image of document.querySelectorAll(":is(.thumbnail-item, footer) img:not([alt=''])"))
            image.alt = ""; // its button has a name
        for (const field of document.querySelectorAll("#photo .upload-container, #clip button"))
            if (field.textContent.trim()) field.removeAttribute("aria-label"); // its text is its name
        document.querySelector("#canvas button:has(img)")?.setAttribute("aria-label", "Painting");
        for (const empty of document.querySelectorAll("div[aria-label='Empty value']"))
            empty.removeAttribute("aria-label");
        for (const formula of document.querySelectorAll("#about .katex-display"))
            formula.tabIndex = 0; // it scrolls where the column is narrow
    };
    let frame = 0; // once for all changes of one frame
    const schedule = () => { frame ||= requestAnimationFrame(() => { frame = 0; label(); }); };
    new MutationObserver(schedule).observe(document.body, {childList: true, subtree: true});
    label();
    const file = new File([""], "painting.png", {type: "image/png"});
    document.body.classList.toggle("shares", !!navigator.canShare?.({files: [file]}));
}
