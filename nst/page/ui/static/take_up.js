// What the tab knows of a run that it was cut off from.
(...sent) => [sessionStorage.getItem("nst-run"), ...sent.slice(1)]
