// The page keeps the key of its run, and finds the run again after a reload, unless the browser's storage is full.
(key) => {
    (window.nst ??= {}).run = key;
    try {
        sessionStorage.setItem("nst-run", key);
    } catch {}
}
