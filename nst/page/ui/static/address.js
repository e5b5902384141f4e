// The address bar tells what is set; on a Space, which is a frame, the page around it does.
(query, asked) => {
    window.nstWaiting?.shift()?.(); // the plan after this one may go (asked.js)
    if (asked < (window.nstPlanned ?? 0)) return;
    window.nstPlanned = asked;
    history.replaceState(null, "", query ? "?" + query : location.pathname);
    if (window.parent !== window)
        window.parent.postMessage({queryString: query}, "https://huggingface.co");
}
