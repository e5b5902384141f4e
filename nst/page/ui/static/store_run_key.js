// The page keeps the key of its run, and finds the run again after a reload.
(key) => {
    (window.nst ??= {}).run = key;
    sessionStorage.setItem("nst-run", key);
}
