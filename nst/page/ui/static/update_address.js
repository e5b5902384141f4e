// Shows the settings in the address bar; on a Space, which is a frame, in that of the page around.
(query, number) => {
    const nst = (window.nst ??= {});
    nst.waiting?.shift()?.(); // the next request may go (number_requests.js)
    if (number < (nst.shown ?? 0)) return;
    nst.shown = number;
    history.replaceState(null, "", query ? "?" + query : location.pathname);
    if (window.parent !== window)
        window.parent.postMessage({queryString: query}, "https://huggingface.co");
}
