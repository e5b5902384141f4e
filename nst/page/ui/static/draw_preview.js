// Draws a preview on this device if that is possible; the request to the server that follows says so. A change of a
// setting leaves a painting, whose label is hidden, on the canvas.
async (sources, photo, chosen, recipe, weights, scale, strength) => {
    const {device} = window.nst;
    device.know(sources);
    const canvas = document.querySelector("#canvas");
    const painting = canvas.querySelector("img") && !canvas.querySelector("[data-testid=block-label]:not(.sr-only)");
    const names = chosen.length || !"{{recipes}}".includes(recipe) ? chosen : ["{{first}}"];
    const shares = names.length > 1 ? weights : "";
    const drawing = "{{replaces}}" || !painting
        ? device.drawPreview(photo, names, shares, scale, strength, "{{size}}").catch(() => null)
        : null;
    const url = await drawing;
    device.drawn = !!url;
    return url ? {__type__: "update", value: {...photo, url}, label: "Preview", show_label: true} : {__type__: "update"};
}
