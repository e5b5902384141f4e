// Copies the page's link, which is in the address bar; the value tells the server whether that was denied. A frame
// without the Clipboard API falls back.
async () => {
    const link = ("{{page}}" || location.origin + location.pathname) + location.search;
    try {
        await navigator.clipboard.writeText(link);
        return [false];
    } catch {
        const field = document.createElement("textarea");
        field.value = link;
        document.body.append(field);
        field.select();
        const copied = document.execCommand("copy");
        field.remove();
        return [!copied];
    }
}
