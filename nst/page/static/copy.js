// Copies the page's link; a frame that may not use the clipboard has the old way.
async query => {
    const link = ("{{page}}" || location.origin + location.pathname) + (query ? "?" + query : "");
    try {
        await navigator.clipboard.writeText(link);
    } catch {
        const field = document.createElement("textarea");
        field.value = link;
        document.body.append(field);
        field.select();
        document.execCommand("copy");
        field.remove();
    }
}
