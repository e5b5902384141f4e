// Draws the photo in every style on this device if that is possible; the request to the server that follows says so.
async (sources, photo, items, onPhoto) => {
    const {device} = window.nst;
    device.know(sources);
    const names = sources.map(([name]) => name);
    const drawing = onPhoto ? device.drawThumbnails(photo, names, "{{size}}", "{{patience}}").catch(() => null) : null;
    const addresses = await drawing;
    device.drawn = !!addresses && addresses.length === items?.length;
    if (!device.drawn) return {__type__: "update"};
    const value = items.map(({image, caption}, style) => ({image: {...image, url: addresses[style]}, caption}));
    return {__type__: "update", value};
}
