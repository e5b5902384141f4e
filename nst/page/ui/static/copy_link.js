// Copies the page's link, which is in the address bar. A frame without the Clipboard API falls back.
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
