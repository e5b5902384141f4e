// Copies the page's link, which the address bar tells; a frame that may not use the clipboard has the old way.
async () => {
    const link = ("{{page}}" || location.origin + location.pathname) + location.search;
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
