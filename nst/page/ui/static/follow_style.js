// Gives the camera the styles and settings that are chosen: its next frame has them.
async (chosen, weights, scale, strength) => {
    const live = await window.nst?.live;
    if (!live) return;
    live.strength = strength;
    const change = (window.nst.change = {});
    try {
        const cin = await window.nst.device.cin(chosen, chosen.length > 1 ? weights : "", scale);
        if (window.nst.change === change) live.cin = cin; // not if a later change was faster
    } catch { /* the style stays as it is; the estimate's status tells of a wrong value */ }
}
