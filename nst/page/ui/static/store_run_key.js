// The tab keeps the key of its run, and finds the run again after a reload.
(key) => sessionStorage.setItem("nst-run", key)
