// The tab keeps the key of its run: when it is reloaded, it comes back for it.
(key) => sessionStorage.setItem("nst-run", key)
